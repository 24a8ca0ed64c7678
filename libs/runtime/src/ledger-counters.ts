import { QuotaQueue, type Charge, type ChargeOutcome, type CommandContext } from '@ledger/commands';
import type { RejectionCode } from '@ledger/domain';
import { within } from './prompt-answers.js';

/** What this process has judged and charged, for metrics. */
export class LedgerCounters {
  readonly #verifications = new Map<string, number>();
  readonly #refusedCharges = new Map<RejectionCode, number>();
  #acceptedCharges = 0;
  #units = 0;

  /** To be called once for each secret that was judged. @param code The verdict: one of a closed set. */
  verified(code: string): void {
    this.#verifications.set(code, (this.#verifications.get(code) ?? 0) + 1);
  }

  charged(outcome: ChargeOutcome): void {
    if (outcome.outcome === 'accepted') {
      this.#acceptedCharges += 1;
      this.#units += outcome.cost;
      return;
    }
    const { code } = outcome.rejection;
    this.#refusedCharges.set(code, (this.#refusedCharges.get(code) ?? 0) + 1);
  }

  get verifications(): ReadonlyMap<string, number> {
    return this.#verifications;
  }

  get refusedCharges(): ReadonlyMap<string, number> {
    return this.#refusedCharges;
  }

  get acceptedCharges(): number {
    return this.#acceptedCharges;
  }

  get units(): number {
    return this.#units;
  }
}

/** The quota queue, counted, and where the log is far away answered in time. */
export class CountedQuotaQueue extends QuotaQueue {
  constructor(
    private readonly counters: LedgerCounters,
    private readonly answerMsMax: number | undefined,
    ...parts: ConstructorParameters<typeof QuotaQueue>
  ) {
    super(...parts);
  }

  override consume(charge: Charge, context: CommandContext): Promise<ChargeOutcome> {
    const outcome = super.consume(charge, context);
    // What the store could not confirm is neither accepted nor refused; the store's own counts show it.
    void outcome.then(
      (each) => this.counters.charged(each),
      () => undefined,
    );
    if (this.answerMsMax !== undefined) return within(this.answerMsMax, outcome);
    return outcome;
  }
}
