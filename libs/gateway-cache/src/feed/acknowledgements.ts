import type { GatewayLog } from '../gateway-log.js';
import type { Ledger } from '../ledger.js';

/** At most this often, however many messages come. */
const EVERY_MS = 100;
const RETRY_MS = 1_000;

export interface AcknowledgementsParts {
  readonly ledger: Pick<Ledger, 'acknowledge' | 'forgetGateway'>;
  readonly gatewayId: string;
  readonly log: GatewayLog;
}

/**
 * Tells the ledger which position is in force here: once at the start, and after messages. One call at a
 * time; what is applied meanwhile goes with the next. What could not be told is told again.
 */
export class Acknowledgements {
  readonly counts = { sent: 0, failed: 0 };
  #due: bigint | null = null;
  #timer: NodeJS.Timeout | undefined;
  #sending: Promise<void> | undefined;
  #isClosed = false;
  #hasFailed = false;

  constructor(private readonly parts: AcknowledgementsParts) {}

  applied(position: bigint): void {
    if (this.#isClosed) return;
    this.#due = position;
    if (!this.#sending && !this.#timer) this.#sendNow();
  }

  /** Waits for the call under way, then says that this gateway is gone. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#sending;
    const outcome = await this.parts.ledger.forgetGateway(this.parts.gatewayId);
    if (outcome.outcome !== 'answered') this.#failed(outcome);
  }

  #sendNow(): void {
    this.#sending = this.#send().finally(() => {
      this.#sending = undefined;
    });
  }

  async #send(): Promise<void> {
    const position = this.#due;
    if (position === null) return;
    this.#due = null;
    const outcome = await this.parts.ledger.acknowledge(this.parts.gatewayId, position);
    const isDone = outcome.outcome === 'answered';
    if (isDone) {
      this.counts.sent += 1;
      this.#hasFailed = false;
    } else {
      this.#due ??= position;
      this.#failed(outcome);
    }
    if (this.#isClosed) return;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        if (this.#due !== null) this.#sendNow();
      },
      isDone ? EVERY_MS : RETRY_MS,
    );
    this.#timer.unref();
  }

  #failed(outcome: object): void {
    this.counts.failed += 1;
    // Once, not every second of an outage.
    if (!this.#hasFailed) this.parts.log.warn('acknowledge.failed', outcome);
    this.#hasFailed = true;
  }
}
