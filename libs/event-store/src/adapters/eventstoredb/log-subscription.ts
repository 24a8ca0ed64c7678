import type { ReadResp } from '@eventstore/db-client/generated/streams_pb.js';
import type { Position } from '../../event-store.js';
import { backOff } from './backoff.js';
import { positionOf } from './recorded-events.js';
import { subscriptionRequest } from './requests.js';
import type { ServerConnection } from './server-connection.js';
import { breaksLink, isInvalidPosition } from './server-errors.js';
import type { ServerLink } from './server-link.js';

const CONNECTION_WAIT_MS = 5_000;

/**
 * Follows the log, and subscribes again from the last event it has seen for as long as it is not closed. The
 * client's own subscription ends with the first error, not always with an event that says so.
 */
export class LogSubscription {
  readonly #closed = new AbortController();
  #after: Position | 'end' = 'end';
  #subscriptions = 0;

  /** @param onGrown Called for each event, and whenever some may have been missed. */
  constructor(
    private readonly connection: ServerConnection,
    private readonly prefix: string,
    private readonly onGrown: (position?: Position) => void,
  ) {}

  /** How often it has subscribed. */
  get subscriptions(): number {
    return this.#subscriptions;
  }

  start(): void {
    void this.#run();
  }

  close(): void {
    this.#closed.abort();
  }

  async #run(): Promise<void> {
    const { signal } = this.#closed;
    for (let attempt = 1; !signal.aborted; attempt += 1) {
      try {
        const link = await this.connection.link(CONNECTION_WAIT_MS);
        if (!signal.aborted) await this.#follow(link, () => (attempt = 0));
      } catch (error) {
        // The log does not reach as far any more, or is another one. What it holds is for the readers to judge.
        if (isInvalidPosition(error)) this.#after = 'end';
      }
      if (!signal.aborted) await backOff(attempt + 1, signal);
    }
  }

  /** Ends when the subscription does: by an error, with its link, or because it is left. */
  async #follow(link: ServerLink, onConfirmed: () => void): Promise<void> {
    const call = link.read(subscriptionRequest(this.prefix, this.#after), false);
    const leave = (): void => call.cancel();
    const signals = [this.#closed.signal, link.left];
    for (const signal of signals) signal.addEventListener('abort', leave, { once: true });
    if (link.left.aborted) leave();
    try {
      await new Promise<void>((resolve, reject) => {
        call.on('data', (response: ReadResp) => this.#receive(response, onConfirmed));
        call.on('error', (error) => {
          if (breaksLink(error) && !link.left.aborted && !this.#closed.signal.aborted) {
            // A dropped subscription alone says nothing of the connection; a probe does.
            void link
              .probe(CONNECTION_WAIT_MS)
              .catch((dead: Error) => this.connection.giveUp(link, dead));
          }
          reject(error);
        });
        call.on('end', resolve);
      });
    } finally {
      for (const signal of signals) signal.removeEventListener('abort', leave);
    }
  }

  #receive(response: ReadResp, onConfirmed: () => void): void {
    const event = response.getEvent()?.getEvent();
    const checkpoint = response.getCheckpoint();
    if (event) {
      this.#after = positionOf(event);
      this.onGrown(this.#after);
    } else if (checkpoint) {
      this.#after = BigInt(checkpoint.getCommitPosition());
    } else if (response.hasConfirmation()) {
      this.#subscriptions += 1;
      onConfirmed();
      this.onGrown();
    }
  }
}
