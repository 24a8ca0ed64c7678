import type { LedgerMessage } from '@ledger/publishing';
import type { FeedListener, InvalidationFeed } from '../feed/invalidation-feed.js';

/** A feed that a test speaks through. Begins at a position as soon as it is opened. */
export class MemoryFeed implements InvalidationFeed {
  #listener: FeedListener | undefined;
  readonly #log: { readonly position: bigint; readonly message: LedgerMessage | null }[] = [];
  #at = 0;
  #isCut = false;

  constructor(private readonly from = 0n) {}

  open(listener: FeedListener): void {
    this.#listener = listener;
    listener.began(this.from, 'same');
  }

  close(): Promise<void> {
    this.#listener = undefined;
    return Promise.resolve();
  }

  /** @param message Null for an event of the log that nobody needs to hear about. */
  publish(message: LedgerMessage | null, position: bigint): void {
    this.#log.push({ position, message });
    this.#deliver();
  }

  /** To say what no orderly feed would. */
  get listener(): FeedListener {
    return this.#listener!;
  }

  cut(): void {
    this.#isCut = true;
    this.#listener?.lost({ cause: 'disconnected', detail: 'cut by the test' });
  }

  mend(): void {
    this.#isCut = false;
    this.#listener?.resumed();
    this.#deliver();
  }

  #deliver(): void {
    if (this.#isCut || !this.#listener) return;
    for (; this.#at < this.#log.length; this.#at += 1) {
      const { message, position } = this.#log[this.#at]!;
      if (message) this.#listener.message(message);
      this.#listener.reached(position);
    }
  }
}
