import type { Ledger, Outcome, Question, Verification } from '../ledger.js';
import { hasPassed, type GatewayTime } from '../time.js';
import type { VerificationCache } from './verification-cache.js';

/** Questions at the ledger at the same time. More are told to come back, before they fill the memory. */
const FILLS_MAX = 1_024;
/** A second answer that is out of date comes from a node that does not wait for what it was asked for. */
const ATTEMPTS = 3;

/** What is asked, and the key that its answer is kept under. */
export interface VerificationRequest {
  readonly key: string;
  readonly secret: string;
  readonly question: Question;
}

interface Fill {
  readonly outcome: Outcome<Verification>;
  readonly askedAtMs: number;
  /** The log that the cache was about when the ledger was asked. */
  readonly log: number;
}

export interface CachedVerifierParts {
  readonly ledger: Pick<Ledger, 'verify'>;
  readonly cache: VerificationCache;
  readonly time: GatewayTime;
  /** Told each position that the ledger answers with. */
  readonly onPosition?: (position: bigint) => void;
}

/**
 * Answers from the cache, or asks the ledger: once, however many wait for the same answer (V8). An answer
 * that a message has overtaken is asked for again, at that message's position (V3). When the ledger cannot
 * be asked, nobody is let in (V7).
 */
export class CachedVerifier {
  readonly counts = { hits: 0, misses: 0, asked: 0, overtaken: 0, unavailable: 0 };
  readonly #fills = new Map<string, Promise<Fill>>();

  constructor(private readonly parts: CachedVerifierParts) {}

  /** The answer, if it is in memory. */
  cached(key: string): Verification | undefined {
    const verification = this.parts.cache.get(key);
    if (verification) this.counts.hits += 1;
    else this.counts.misses += 1;
    return verification;
  }

  /** The answer of the ledger. Bounded in time by the ledger's client. */
  async ask(request: VerificationRequest): Promise<Outcome<Verification>> {
    const { cache, time } = this.parts;
    let minPosition = 0n;
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const others = this.#fills.get(request.key);
      if (!others && this.#fills.size >= FILLS_MAX) return this.#unavailable('overloaded');
      const fill = await (others ?? this.#start(request, minPosition));
      const { outcome } = fill;
      if (outcome.outcome !== 'answered') {
        this.counts.unavailable += 1;
        return outcome;
      }
      const { value } = outcome;
      // A message may have been applied since the answer came: this is judged last of all.
      const isOvertaken = fill.log !== cache.log || cache.isOutdated(value);
      // Who joined a question late must not be given an answer that has ended since it was asked.
      const isOver = others && hasPassed(cache.deadlineOf(value, fill.askedAtMs), time);
      if (!isOvertaken && !isOver) return outcome;
      this.counts.overtaken += 1;
      minPosition = cache.minPosition(value.identity?.tokenId ?? null);
    }
    return this.#unavailable('the ledger answers with what its own messages have put out of date');
  }

  /**
   * Asks the ledger to judge and charge in one step: each call for itself, since each is charged. Only
   * refusals are remembered, so that made-up secrets cannot wear the ledger out.
   */
  async charge(
    { key, secret, question }: VerificationRequest,
    { cost, operation }: { readonly cost: number; readonly operation: string },
  ): Promise<Outcome<Verification>> {
    const { ledger, cache, time } = this.parts;
    const { log } = cache;
    const askedAtMs = time.monotonicMs();
    const minPosition = cache.minPosition(null);
    this.counts.asked += 1;
    const outcome = await ledger.verify({ secret, question, minPosition, cost, operation });
    if (outcome.outcome !== 'answered') {
      this.counts.unavailable += 1;
      return outcome;
    }
    const { value } = outcome;
    this.parts.onPosition?.(value.position);
    if (log !== cache.log || cache.isOutdated(value)) {
      this.counts.overtaken += 1;
      // What holds now is asked once more, for nothing.
      return this.ask({ key, secret, question });
    }
    const isRefusal = value.code !== 'VALID' && value.code !== 'QUOTA_EXCEEDED';
    if (isRefusal) cache.put(key, value, askedAtMs);
    return outcome;
  }

  #start(request: VerificationRequest, minPosition: bigint): Promise<Fill> {
    const fill = this.#fill(request, minPosition).finally(() => this.#fills.delete(request.key));
    this.#fills.set(request.key, fill);
    return fill;
  }

  async #fill({ key, secret, question }: VerificationRequest, needed: bigint): Promise<Fill> {
    const { ledger, cache, time, onPosition } = this.parts;
    const { log } = cache;
    const askedAtMs = time.monotonicMs();
    const floor = cache.minPosition(null);
    const minPosition = needed > floor ? needed : floor;
    this.counts.asked += 1;
    const outcome = await ledger.verify({ secret, question, minPosition });
    if (outcome.outcome === 'answered') {
      onPosition?.(outcome.value.position);
      if (log === cache.log) cache.put(key, outcome.value, askedAtMs);
    }
    return { outcome, askedAtMs, log };
  }

  #unavailable(reason: string): Outcome<never> {
    this.counts.unavailable += 1;
    return { outcome: 'unavailable', reason, retryAfterSeconds: 1 };
  }
}
