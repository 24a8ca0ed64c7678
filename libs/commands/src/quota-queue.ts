import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import {
  epochMs,
  latest,
  timestamp,
  windowEnd,
  windowOf,
  type Quota,
  type Timestamp,
  type WindowLength,
} from '@ledger/domain';
import { EventStore, type Position } from '@ledger/event-store';
import { AskedLeases } from './asked-leases.js';
import { subjectIdOf, type Charge, type ChargeOutcome, type LeaseReturn } from './charge.js';
import type { CommandContext } from './command-context.js';
import {
  CallerGone,
  Clock,
  Contention,
  READ_YOUR_WRITES_MS_MAX,
  ReadModelProgress,
} from './ports.js';
import {
  asEarlierCharge,
  asOutcome,
  decideBatch,
  type EarlierCharge,
  type QuotaCall,
} from './quota-batch.js';
import { QuotaLimits } from './quota-limits.js';
import { IDEMPOTENCY_TTL_MS, RequestIdentities } from './request-identity.js';
import type { SharedTurns } from './shared-turns.js';
import { oldestRepeatable, StreamFolds, type Fold, type FoldSource } from './stream-folds.js';
import { quotaStream } from './streams.js';

interface Call extends QuotaCall {
  readonly resolve: (outcome: ChargeOutcome) => void;
  readonly reject: (error: unknown) => void;
}

const ATTEMPTS_MAX = 5;
const CALLS_MAX = 500;

/**
 * Spends quota. Calls for one subject that arrive while its append is under way share the next one, so
 * a hot token costs one flush for all who wait (ADR 0003).
 */
@Injectable()
export class QuotaQueue {
  readonly #waiting = new Map<string, Call[]>();
  readonly #limits: QuotaLimits;
  readonly #leases: AskedLeases;

  constructor(
    private readonly store: EventStore,
    private readonly folds: StreamFolds,
    private readonly readModels: ReadModelProgress,
    private readonly identities: RequestIdentities,
    private readonly clock: Clock,
    private readonly windowLength: WindowLength,
    /** Where other nodes charge the same subjects. */
    private readonly turns?: SharedTurns | undefined,
  ) {
    this.#limits = new QuotaLimits(folds);
    this.#leases = new AskedLeases(store);
  }

  /** Resolves once the units are durably spent, or refused. @throws Contention, StoreUnavailable */
  consume(charge: Charge, context: CommandContext): Promise<ChargeOutcome> {
    return this.#enqueue(charge, context);
  }

  /**
   * Resolves once what was not used of a lease is durably given back. Safe to repeat.
   * @throws Contention, StoreUnavailable
   */
  giveBack(leaseReturn: LeaseReturn, context: CommandContext): Promise<ChargeOutcome> {
    return this.#enqueue(leaseReturn, context);
  }

  #enqueue(work: QuotaCall['work'], context: CommandContext): Promise<ChargeOutcome> {
    const identity = context.repeat
      ? this.identities.of(context, this.clock.now(), false)[0]!
      : { commandId: randomUUID(), fingerprint: undefined };
    return new Promise((resolve, reject) => {
      const call = { work, context, identity, resolve, reject };
      const subjectId = subjectIdOf(work.subject);
      const calls = this.#waiting.get(subjectId);
      if (calls) {
        calls.push(call);
        return;
      }
      // V8 puts a literal [call] among the old objects once such lists have lived for a while, and there even
      // an emptied one holds its call, with the whole request, until all memory is looked through.
      const fresh: Call[] = [];
      fresh.push(call);
      this.#waiting.set(subjectId, fresh);
      void this.#drain(subjectId, fresh);
    });
  }

  async #drain(subjectId: string, calls: Call[]): Promise<void> {
    // Not at once: callers who were answered together come back together, and shall share the next append.
    await new Promise((resolve) => setImmediate(resolve));
    while (calls.length > 0) {
      const source = this.turns ? await this.turns.begin(subjectId) : 'kept';
      const batch = stillWaiting(calls.splice(0, CALLS_MAX));
      if (batch.length === 0) continue;
      try {
        this.#answer(batch, await this.#spend(subjectId, batch, source));
      } catch (error) {
        // Nobody is told yes unless the append was.
        for (const call of batch) call.reject(error);
      }
    }
    this.#waiting.delete(subjectId);
  }

  /** Answers once this node's read models hold the charges. The next append need not wait for that. */
  #answer(batch: readonly Call[], outcomes: readonly ChargeOutcome[]): void {
    const answer = (): void => batch.forEach((call, index) => call.resolve(outcomes[index]!));
    let position: Position = 0n;
    for (const each of outcomes) {
      if (each.outcome === 'accepted' && each.position > position) position = each.position;
    }
    if (position === 0n) answer();
    else void this.readModels.reached(position, READ_YOUR_WRITES_MS_MAX).then(answer, answer);
  }

  /** One append for the whole batch: decided one after the other, written together or not at all. */
  async #spend(
    subjectId: string,
    calls: readonly Call[],
    first: FoldSource,
  ): Promise<readonly ChargeOutcome[]> {
    let source = first;
    for (let attempt = 1; attempt <= ATTEMPTS_MAX;) {
      const now = this.clock.now();
      const window = windowOf(now, this.windowLength);
      const stream = quotaStream(subjectId, window);
      // As a rule all is at hand, and one charge should not cost a dozen promises.
      const read = this.folds.of(stream, source);
      const found = this.#limits.of(calls[0]!.work.subject, now, source);
      const [fold, limit] =
        read instanceof Promise || found instanceof Promise
          ? await Promise.all([read, found])
          : [read, found];
      const keyed = calls.filter(({ identity }) => identity.fingerprint !== undefined);
      const earlier =
        keyed.length > 0 ? await this.#earlierCharges(subjectId, keyed, now, fold) : NONE_EARLIER;
      const outcomesAt = (position: Position): readonly ChargeOutcome[] =>
        decided.map((each, index) => {
          const before = earlier.get(calls[index]!.identity.commandId);
          return asOutcome(each, before?.position ?? position);
        });
      const { revision } = fold;
      const { decided, events, quota } = decideBatch(calls, {
        quota: calls.some(({ work }) => 'leaseId' in work)
          ? await this.#leases.of(subjectId, window, fold, calls)
          : fold.state,
        revision,
        oldestRepeatable: oldestRepeatable(
          fold,
          latest(now, fold.state.lastAt),
          IDEMPOTENCY_TTL_MS,
        ),
        ...{ earlier, limit, now, windowLength: this.windowLength },
      });

      const refuses = decided.some(({ decision }) => decision.outcome === 'rejected');
      if (source === 'kept' && (refuses || events.length === 0)) {
        // A refusal appends nothing, so only a fresh fold can tell that it is right.
        source = 'refreshed';
        continue;
      }
      if (events.length === 0) return outcomesAt(fold.position);

      const { streamId } = stream;
      const sentAt = performance.now();
      const appended = await this.store.append(streamId, revision, events, limit.unchanged);
      if (appended.outcome === 'appended') {
        this.turns?.won(subjectId, performance.now() - sentAt);
        const { position } = appended;
        const stored = events.map(({ payload, metadata }, index) => {
          return { payload, metadata, revision: revision + index + 1, position };
        });
        this.folds.advance(stream, fold, stored, quota);
        return outcomesAt(position);
      }
      if (appended.streamId === streamId) await this.turns?.lost(subjectId, attempt);
      source = 'refreshed';
      attempt += 1;
    }
    throw new Contention(`quota of ${subjectId}: lost ${ATTEMPTS_MAX} races in a row`);
  }

  /** What calls with an idempotency key were charged before, as long as a key is good for. */
  async #earlierCharges(
    subjectId: string,
    keyed: readonly Call[],
    now: Timestamp,
    current: Fold<Quota>,
  ): Promise<ReadonlyMap<string, EarlierCharge>> {
    const found = new Map<string, EarlierCharge>();
    const since = timestamp(epochMs(now) - IDEMPOTENCY_TTL_MS);
    const currentWindow = windowOf(now, this.windowLength);
    for (let instant = since; ; instant = windowEnd(instant, this.windowLength)) {
      const window = windowOf(instant, this.windowLength);
      // No append would notice that the fold of an earlier window is behind.
      const isCurrent = window === currentWindow;
      const fold = isCurrent ? current : await this.folds.refresh(quotaStream(subjectId, window));
      for (const { identity } of keyed) {
        const earlier = fold.repeatable.get(identity.commandId);
        if (earlier && earlier.at > since) found.set(identity.commandId, asEarlierCharge(earlier));
      }
      if (isCurrent) return found;
    }
  }
}

/** Whoever went away before their turn is not charged. */
function stillWaiting(calls: readonly Call[]): readonly Call[] {
  return calls.filter(({ context, reject }) => {
    const isGone = context.isGone?.() ?? false;
    if (isGone) reject(new CallerGone());
    return !isGone;
  });
}

const NONE_EARLIER: ReadonlyMap<string, EarlierCharge> = new Map();
