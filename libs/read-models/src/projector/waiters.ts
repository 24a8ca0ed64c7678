import type { Position } from '@ledger/event-store';

interface Waiter {
  readonly position: Position;
  readonly resolve: (reached: boolean) => void;
  readonly timer: NodeJS.Timeout;
}

/** Who waits for the read models to hold a position, each no longer than they said. */
export class Waiters {
  readonly #waiters = new Set<Waiter>();

  /** Resolves true once `position` is settled, false after `timeoutMs`. */
  wait(position: Position, timeoutMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#waiters.delete(waiter);
        resolve(false);
      }, timeoutMs);
      const waiter: Waiter = { position, resolve, timer };
      this.#waiters.add(waiter);
    });
  }

  /** Tells those who waited for `position`, or for one before it. */
  settle(position: Position): void {
    for (const waiter of this.#waiters) if (waiter.position <= position) this.#tell(waiter, true);
  }

  /** Tells everybody that it will not be. */
  giveUp(): void {
    for (const waiter of this.#waiters) this.#tell(waiter, false);
  }

  #tell(waiter: Waiter, reached: boolean): void {
    this.#waiters.delete(waiter);
    clearTimeout(waiter.timer);
    waiter.resolve(reached);
  }
}
