import type { Relay } from '@ledger/publishing';
import type { Ledger } from '@ledger/runtime';
import type { RebuildProgress } from '@ledger/read-models';

/** Where this process is in its life. Health and metrics look at it from before the ledger is opened. */
export class ServiceState {
  #phase: 'starting' | 'serving' | 'stopping' = 'starting';
  #ledger: Ledger | undefined;
  #relay: Relay | undefined;
  #rebuild: RebuildProgress | undefined;
  #waitingFor: string | undefined;

  get phase(): 'starting' | 'serving' | 'stopping' {
    return this.#phase;
  }

  /** Undefined while it is still being opened. */
  get ledger(): Ledger | undefined {
    return this.#ledger;
  }

  /** Undefined where this process sends no messages. */
  get relay(): Relay | undefined {
    return this.#relay;
  }

  /** How far the read models have come while the ledger is being opened. */
  get rebuild(): RebuildProgress | undefined {
    return this.#rebuild;
  }

  /** What the start waits for, and why it has not got it; undefined when it waits for nothing. */
  get waitingFor(): string | undefined {
    return this.#waitingFor;
  }

  waiting(what: string): void {
    this.#waitingFor = what;
  }

  rebuilding(progress: RebuildProgress): void {
    this.#waitingFor = undefined;
    this.#rebuild = progress;
  }

  opened(ledger: Ledger): void {
    this.#ledger = ledger;
  }

  relaying(relay: Relay): void {
    this.#relay = relay;
  }

  /** Requests are being accepted. */
  serving(): void {
    if (this.#phase === 'starting') this.#phase = 'serving';
  }

  stopping(): void {
    this.#phase = 'stopping';
  }
}
