import type { GatewayTime } from '../time.js';

/** Clocks that stand still until a test moves them. */
export class ManualTime implements GatewayTime {
  #monotonicMs = 1_000;

  /** @param skewMs By how much the wall clock is ahead of the ledger's. */
  constructor(
    private readonly skewMs = 0,
    readonly startMs = Date.parse('2026-03-27T10:00:00.000Z'),
  ) {}

  /** What a right clock shows. */
  get trueMs(): number {
    return this.startMs + this.#monotonicMs - 1_000;
  }

  wallMs(): number {
    return this.trueMs + this.skewMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  advance(ms: number): void {
    this.#monotonicMs += ms;
  }
}
