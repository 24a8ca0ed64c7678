import { timestamp, type Timestamp } from '@ledger/domain';
import { Clock } from '../ports.js';

/** A clock that stands still until a test moves it. */
export class ManualClock extends Clock {
  #ms: number;

  constructor(start = '2026-03-27T10:00:00.000Z') {
    super();
    this.#ms = Date.parse(start);
  }

  override now(): Timestamp {
    return timestamp(this.#ms);
  }

  set(instant: string): void {
    this.#ms = Date.parse(instant);
  }

  advance(ms: number): void {
    this.#ms += ms;
  }
}
