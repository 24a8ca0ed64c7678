import type { Position } from '@ledger/event-store';
import { LeaseLost, LeaseUnavailable, RelayLease, type RelayTerm } from '../relay-lease.js';

/** What relays of one process share: who holds the lease, who waits for it, and the checkpoint. */
export class MemoryLeaseOffice {
  checkpoint: Position = 0n;
  #epoch = 0;
  #ending: AbortController | undefined;
  readonly #waiting = new Set<() => void>();

  get epoch(): number {
    return this.#epoch;
  }

  get isFree(): boolean {
    return this.#ending === undefined;
  }

  begin(): AbortSignal {
    this.#epoch += 1;
    this.#ending = new AbortController();
    return this.#ending.signal;
  }

  /** Ends the term under way, whatever its holder believes, and lets one who waits have the next. */
  end(): void {
    this.#ending?.abort();
    this.#ending = undefined;
    for (const look of this.#waiting) look();
  }

  /** Resolves when it may be free, or `signal` is aborted. */
  turn(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        this.#waiting.delete(look);
        signal.removeEventListener('abort', look);
        resolve();
      };
      this.#waiting.add(look);
      signal.addEventListener('abort', look);
    });
  }
}

/** A lease among relays of one process: for tests, and where there is one process only. */
export class MemoryRelayLease extends RelayLease {
  #own: RelayTerm | undefined;

  constructor(private readonly office: MemoryLeaseOffice = new MemoryLeaseOffice()) {
    super();
  }

  async acquire(signal: AbortSignal, onStandby?: () => void): Promise<RelayTerm> {
    while (!signal.aborted) {
      if (this.#own?.isHeld) return this.#own;
      if (this.office.isFree) return (this.#own = new MemoryTerm(this.office));
      onStandby?.();
      await this.office.turn(signal);
    }
    throw new LeaseUnavailable('nobody waits for the lease any more');
  }

  async close(): Promise<void> {
    if (this.#own?.isHeld) this.office.end();
  }
}

class MemoryTerm implements RelayTerm {
  readonly ended: AbortSignal;
  readonly epoch: number;

  constructor(private readonly office: MemoryLeaseOffice) {
    this.ended = office.begin();
    this.epoch = office.epoch;
  }

  get isHeld(): boolean {
    return !this.ended.aborted;
  }

  async load(): Promise<Position> {
    return this.office.checkpoint;
  }

  async save(position: Position): Promise<void> {
    if (!this.isHeld) throw new LeaseLost(`term ${this.epoch} of the relay is over`);
    this.office.checkpoint = position;
  }
}
