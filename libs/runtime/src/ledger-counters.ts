import {
  QuotaQueue,
  type Charge,
  type ChargeOutcome,
  type CommandContext,
  type LeaseReturn,
} from '@ledger/commands';
import type { RejectionCode } from '@ledger/domain';
import { within } from './prompt-answers.js';

/** What this process has judged and charged, for metrics. */
export class LedgerCounters {
  readonly #verifications = new Map<string, number>();
  readonly #refusedCharges = new Map<RejectionCode, number>();
  #acceptedCharges = 0;
  #units = 0;
  #unitsReturned = 0;

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

  /** What came back of a lease; nothing for a return that is repeated. */
  returned(outcome: ChargeOutcome): void {
    if (outcome.outcome === 'accepted') this.#unitsReturned += outcome.cost;
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

  get unitsReturned(): number {
    return this.#unitsReturned;
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
    return this.#counted(super.consume(charge, context), (each) => this.counters.charged(each));
  }

  override giveBack(leaseReturn: LeaseReturn, context: CommandContext): Promise<ChargeOutcome> {
    const outcome = super.giveBack(leaseReturn, context);
    return this.#counted(outcome, (each) => this.counters.returned(each));
  }

  #counted(
    outcome: Promise<ChargeOutcome>,
    count: (each: ChargeOutcome) => void,
  ): Promise<ChargeOutcome> {
    // What the store could not confirm is neither accepted nor refused; the store's own counts show it.
    void outcome.then(count, () => undefined);
    return this.answerMsMax === undefined ? outcome : within(this.answerMsMax, outcome);
  }
}
