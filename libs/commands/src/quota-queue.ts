import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import {
  consume,
  epochMs,
  invariant,
  reject,
  spend,
  standing,
  timestamp,
  windowEnd,
  windowOf,
  type Decision,
  type Quota,
  type QuotaConsumed,
  type Timestamp,
  type WindowLength,
} from '@ledger/domain';
import { EventStore, type NewEvent, type Position } from '@ledger/event-store';
import { subjectIdOf, type Charge, type ChargeOutcome } from './charge.js';
import type { CommandContext } from './command-context.js';
import { toNewEvents } from './new-events.js';
import { Clock, Contention, READ_YOUR_WRITES_MS_MAX, ReadModelProgress } from './ports.js';
import { QuotaLimits, type QuotaLimit } from './quota-limits.js';
import { IDEMPOTENCY_TTL_MS, RequestIdentities, type RequestIdentity } from './request-identity.js';
import { StreamFolds, type EarlierCommand, type Fold, type FoldSource } from './stream-folds.js';
import { quotaStream } from './streams.js';

interface Call {
  readonly charge: Charge;
  readonly context: CommandContext;
  readonly identity: Pick<RequestIdentity, 'commandId' | 'fingerprint'>;
  readonly resolve: (outcome: ChargeOutcome) => void;
  readonly reject: (error: unknown) => void;
}

/** What one batch of calls was decided on, and what it would append. */
interface Batch {
  readonly decisions: readonly Decision<QuotaConsumed>[];
  readonly events: readonly NewEvent<QuotaConsumed>[];
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

  constructor(
    private readonly store: EventStore,
    private readonly folds: StreamFolds,
    private readonly readModels: ReadModelProgress,
    private readonly identities: RequestIdentities,
    private readonly clock: Clock,
    private readonly windowLength: WindowLength,
  ) {
    this.#limits = new QuotaLimits(folds);
  }

  /** Resolves once the units are durably spent, or refused. @throws Contention, StoreUnavailable */
  consume(charge: Charge, context: CommandContext): Promise<ChargeOutcome> {
    const identity = context.repeat
      ? this.identities.of(context, this.clock.now(), false)[0]!
      : { commandId: randomUUID(), fingerprint: undefined };
    return new Promise((resolve, reject) => {
      const call = { charge, context, identity, resolve, reject };
      const subjectId = subjectIdOf(charge.subject);
      const calls = this.#waiting.get(subjectId);
      if (calls) {
        calls.push(call);
        return;
      }
      const fresh = [call];
      this.#waiting.set(subjectId, fresh);
      void this.#drain(subjectId, fresh);
    });
  }

  async #drain(subjectId: string, calls: Call[]): Promise<void> {
    // Not at once: callers who were answered together come back together, and shall share the next append.
    await new Promise((resolve) => setImmediate(resolve));
    while (calls.length > 0) {
      const batch = calls.splice(0, CALLS_MAX);
      try {
        this.#answer(batch, await this.#spend(subjectId, batch));
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
  async #spend(subjectId: string, calls: readonly Call[]): Promise<readonly ChargeOutcome[]> {
    let source: FoldSource = 'kept';
    for (let attempt = 1; attempt <= ATTEMPTS_MAX;) {
      const now = this.clock.now();
      const stream = quotaStream(subjectId, windowOf(now, this.windowLength));
      const fold = await this.folds.of(stream, source);
      const limit = await this.#limits.of(calls[0]!.charge.subject, now, source);
      const earlier = await this.#earlierCharges(subjectId, calls, now, fold);
      const outcomesAt = (position: Position): readonly ChargeOutcome[] =>
        decisions.map((each, index) => {
          const before = earlier.get(calls[index]!.identity.commandId);
          return asOutcome(each, before?.position ?? position);
        });
      const { decisions, events } = this.#decide(calls, { quota: fold.state, earlier, limit, now });

      const refuses = decisions.some(({ outcome }) => outcome === 'rejected');
      if (source === 'kept' && (refuses || events.length === 0)) {
        // A refusal appends nothing, so only a fresh fold can tell that it is right.
        source = 'refreshed';
        continue;
      }
      if (events.length === 0) return outcomesAt(fold.position);

      const { streamId } = stream;
      const appended = await this.store.append(streamId, fold.revision, events, limit.unchanged);
      if (appended.outcome === 'appended') {
        const { position } = appended;
        const revisionOf = (index: number): number => fold.revision + index + 1;
        const stored = events.map(({ payload, metadata }, index) => {
          return { payload, metadata, revision: revisionOf(index), position };
        });
        this.folds.advance(stream, fold, stored);
        return outcomesAt(position);
      }
      source = 'refreshed';
      attempt += 1;
    }
    throw new Contention(`quota of ${subjectId}: lost ${ATTEMPTS_MAX} races in a row`);
  }

  #decide(calls: readonly Call[], basis: Basis): Batch {
    const { earlier, limit, now } = basis;
    let { quota } = basis;
    const events: NewEvent<QuotaConsumed>[] = [];
    const decided = new Map<string, Decided>();
    const decisions = calls.map((call): Decision<QuotaConsumed> => {
      const { charge, context, identity } = call;
      const { commandId, fingerprint } = identity;
      const before = earlier.get(commandId) ?? decided.get(commandId);
      if (before) {
        const isSame = before.fingerprint === fingerprint;
        return isSame ? before.decision : reject({ code: 'IDEMPOTENCY_KEY_REUSED' });
      }
      if (limit.refusal) return reject(limit.refusal);
      const { subject, orgId, cost, operation } = charge;
      const secretId = subject.kind === 'token' ? subject.secretId : null;
      const subjectId = subjectIdOf(subject);
      const decision = consume(
        limit.units,
        quota,
        { type: 'ConsumeQuota', subjectId, orgId, secretId, cost, operation, now },
        this.windowLength,
      );
      decided.set(commandId, { decision, fingerprint });
      if (decision.outcome === 'rejected') return decision;
      quota = decision.events.reduce(spend, quota);
      events.push(...toNewEvents(decision.events, { identity, context, orgId }));
      return decision;
    });
    return { decisions, events };
  }

  /** What calls with an idempotency key were charged before, as long as a key is good for. */
  async #earlierCharges(
    subjectId: string,
    calls: readonly Call[],
    now: Timestamp,
    current: Fold<Quota>,
  ): Promise<ReadonlyMap<string, EarlierCharge>> {
    const keyed = calls.filter(({ identity }) => identity.fingerprint !== undefined);
    if (keyed.length === 0) return NONE_EARLIER;
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

/** What one batch is decided on. */
interface Basis {
  readonly quota: Quota;
  readonly earlier: ReadonlyMap<string, EarlierCharge>;
  readonly limit: QuotaLimit;
  readonly now: Timestamp;
}

interface Decided {
  readonly decision: Decision<QuotaConsumed>;
  readonly fingerprint: string | undefined;
}

interface EarlierCharge extends Decided {
  readonly position: Position;
}

const NONE_EARLIER: ReadonlyMap<string, EarlierCharge> = new Map();

function asEarlierCharge({ event, fingerprint, position }: EarlierCommand): EarlierCharge {
  invariant(event.type === 'QuotaConsumed', 'a quota stream holds charges');
  return { decision: { outcome: 'accepted', events: [event] }, fingerprint, position };
}

function asOutcome(decision: Decision<QuotaConsumed>, position: Position): ChargeOutcome {
  if (decision.outcome === 'rejected') return decision;
  const [event] = decision.events;
  invariant(event !== undefined, 'an accepted charge is a fact');
  const { cost, limit, consumedAfter, windowEnd } = event;
  return {
    outcome: 'accepted',
    cost,
    quota: standing(limit, consumedAfter, windowEnd),
    position,
  };
}
