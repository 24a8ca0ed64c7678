import { latest, timestamp, type Timestamp } from '@ledger/domain';
import { Clock } from '@ledger/commands';

/** The machine's clock, held so that it never runs backwards, not even across a restart (X1, X3). */
export class MonotonicClock extends Clock {
  #last: Timestamp | undefined;

  /** @param floor Time of the newest event: the ledger has seen this instant already. */
  constructor(floor: Timestamp | undefined) {
    super();
    this.#last = floor;
  }

  override now(): Timestamp {
    this.#last = latest(timestamp(Date.now()), this.#last);
    return this.#last;
  }
}
