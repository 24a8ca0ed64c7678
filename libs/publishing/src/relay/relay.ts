import { randomInt } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { epochMs } from '@ledger/domain';
import { LeaseLost, type RelayLease } from '../relay-lease.js';
import {
  ActiveRelay,
  UnmappableEvent,
  USUAL_PACE,
  type ActiveRelayParts,
  type RelayPace,
  type RelayProgress,
} from './active-relay.js';

/** Between tries, in milliseconds: doubled each time in vain, and then anything between half and all of it. */
const BACKOFF_MS_MIN = 100;
const BACKOFF_MS_MAX = 10_000;
/** The same problem is logged again only after this long. */
const LOG_AGAIN_MS = 60_000;

export interface RelayParts extends Omit<ActiveRelayParts, 'pace'> {
  readonly lease: RelayLease;
  readonly pace?: RelayPace & { readonly backoffMsMax?: number };
}

export interface RelayStatus {
  /**
   * `standby`: another one is active, or who is has to be found out. `failing`: messages cannot be sent, and
   * it is tried again. `stopped`: an event cannot be sent, and an operator must decide.
   */
  readonly state: 'standby' | 'active' | 'failing' | 'stopped';
  /** What is wrong, while it is failing or stopped. */
  readonly problem?: string;
  /** Term of the relay; 0 before the first. */
  readonly epoch: number;
  /** Everything up to here was sent, as far as this process knows. */
  readonly position: bigint;
  /** Positions of the log that are not; 0 in standby, NaN when the store does not say. */
  readonly lag: number;
  /** How old the first event after `position` is; 0 when there is none, and in standby; NaN as above. */
  readonly oldestMs: number;
  /** Messages that this process has sent. */
  readonly published: number;
  /** Tries in vain. */
  readonly failures: number;
}

/**
 * Follows the log and sends what must leave the ledger, while it holds the lease: one relay at a time, of all
 * processes that run one. Nothing is skipped: what fails is tried again, with pauses, until it succeeds,
 * and an event that has no message stops the relay. At least once; receivers know messages by their id.
 */
export class Relay {
  readonly #logger = new Logger(Relay.name);
  readonly #stopping = new AbortController();
  readonly #progress: RelayProgress = { position: 0n, published: 0 };
  #state: RelayStatus['state'] = 'standby';
  #problem: string | undefined;
  #loggedAt = -Infinity;
  #epoch = 0;
  #failures = 0;
  #tries = 0;
  #running: Promise<void> | undefined;

  constructor(private readonly parts: RelayParts) {}

  /** Begins, and goes on until it is closed. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** Asks the store how far behind it is, so not for every request. */
  async status(): Promise<RelayStatus> {
    const { position, published } = this.#progress;
    const state = this.#state;
    const counts = { epoch: this.#epoch, position, published, failures: this.#failures };
    const problem = this.#problem === undefined ? {} : { problem: this.#problem };
    if (state === 'standby') return { state, ...counts, lag: 0, oldestMs: 0 };
    return { state, ...problem, ...counts, ...(await this.#backlog(position)) };
  }

  /** Finishes the batch in flight, saves the checkpoint, and lets another one take over. Safe to repeat. */
  async close(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
    await this.parts.lease.close();
    await this.parts.publisher.close();
  }

  async #backlog(position: bigint): Promise<Pick<RelayStatus, 'lag' | 'oldestMs'>> {
    const { store, now } = this.parts;
    try {
      const [oldest] = await store.readAllAfter(position, 1);
      if (!oldest) return { lag: 0, oldestMs: 0 };
      const lag = Number((await store.head()) - position);
      return { lag, oldestMs: Math.max(0, epochMs(now()) - epochMs(oldest.occurredAt)) };
    } catch {
      return { lag: NaN, oldestMs: NaN };
    }
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    // Until the checkpoint is known, what was there before this process counts as sent.
    this.#progress.position = await this.parts.store.head().catch(() => 0n);
    while (!signal.aborted && this.#state !== 'stopped') {
      try {
        await this.#serve(signal);
      } catch (error) {
        if (!signal.aborted) await this.#settle(error);
      }
    }
  }

  async #serve(signal: AbortSignal): Promise<void> {
    const { publisher, lease, pace = USUAL_PACE } = this.parts;
    for (const complaint of await publisher.ensureChannels()) this.#logger.warn(complaint);
    const term = await lease.acquire(signal, () => this.#standBy());
    this.#epoch = term.epoch;
    const active = new ActiveRelay({ ...this.parts, pace }, term, this.#progress);
    await active.lead(signal, () => this.#succeed());
  }

  #succeed(): void {
    if (this.#state === 'active') return;
    this.#logger.log(`active in term ${this.#epoch} from position ${this.#progress.position}`);
    this.#state = 'active';
    this.#problem = undefined;
    this.#tries = 0;
  }

  async #settle(error: unknown): Promise<void> {
    const problem = error instanceof Error ? error.message : String(error);
    if (error instanceof UnmappableEvent) {
      this.#logger.error(`stopped: ${problem}`, error.stack);
      this.#state = 'stopped';
      this.#problem = problem;
      return;
    }
    if (error instanceof LeaseLost) this.#standBy();
    else this.#fail(problem);
    const { backoffMsMax = BACKOFF_MS_MAX } = this.parts.pace ?? {};
    const upTo = Math.min(backoffMsMax, BACKOFF_MS_MIN * 2 ** this.#tries);
    this.#tries = Math.min(this.#tries + 1, 20);
    const { signal } = this.#stopping;
    const pauseMs = randomInt(Math.ceil(upTo / 2), Math.ceil(upTo) + 1);
    await delay(pauseMs, undefined, { signal }).catch(() => undefined);
  }

  #fail(problem: string): void {
    this.#failures += 1;
    this.#state = 'failing';
    const now = performance.now();
    if (problem !== this.#problem || now - this.#loggedAt > LOG_AGAIN_MS) {
      this.#logger.warn(`cannot send on from position ${this.#progress.position}: ${problem}`);
      this.#loggedAt = now;
    }
    this.#problem = problem;
  }

  #standBy(): void {
    this.#state = 'standby';
    this.#problem = undefined;
  }
}
