import { epochMs, timestamp, type Timestamp } from '@ledger/domain';
import { Clock } from '@ledger/commands';

/** The machine's clock, held so that it never runs backwards, not even across a restart (X1, X3). */
export class MonotonicClock extends Clock {
  #ms: number;
  #text: Timestamp;

  /** @param seen Instants that the ledger has seen already, such as the time of its newest event. */
  constructor(...seen: readonly (Timestamp | undefined)[]) {
    super();
    this.#ms = Math.max(0, ...seen.filter((each) => each !== undefined).map(epochMs));
    this.#text = timestamp(this.#ms);
  }

  override now(): Timestamp {
    const ms = Date.now();
    // Thousands of calls share a millisecond, and the text costs more than the number.
    if (ms > this.#ms) {
      this.#ms = ms;
      this.#text = timestamp(ms);
    }
    return this.#text;
  }
}
