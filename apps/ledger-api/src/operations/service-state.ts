import type { Ledger } from '@ledger/runtime';
import type { RebuildProgress } from '@ledger/read-models';

/** Where this process is in its life. Health and metrics look at it from before the ledger is opened. */
export class ServiceState {
  #phase: 'starting' | 'serving' | 'stopping' = 'starting';
  #ledger: Ledger | undefined;
  #rebuild: RebuildProgress | undefined;

  get phase(): 'starting' | 'serving' | 'stopping' {
    return this.#phase;
  }

  /** Undefined while it is still being opened. */
  get ledger(): Ledger | undefined {
    return this.#ledger;
  }

  /** How far the read models have come while the ledger is being opened. */
  get rebuild(): RebuildProgress | undefined {
    return this.#rebuild;
  }

  rebuilding(progress: RebuildProgress): void {
    this.#rebuild = progress;
  }

  opened(ledger: Ledger): void {
    this.#ledger = ledger;
  }

  /** Requests are being accepted. */
  serving(): void {
    if (this.#phase === 'starting') this.#phase = 'serving';
  }

  stopping(): void {
    this.#phase = 'stopping';
  }
}
