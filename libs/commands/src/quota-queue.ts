import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import {
  consume,
  invariant,
  previousWindow,
  reject,
  spend,
  standing,
  statusAt,
  USER_QUOTA_UNITS,
  windowOf,
  type Decision,
  type KnownToken,
  type LedgerEvent,
  type OrgId,
  type Quota,
  type QuotaConsumed,
  type QuotaStanding,
  type Rejection,
  type SecretId,
  type Timestamp,
  type TokenId,
  type UserId,
  type WindowLength,
} from '@ledger/domain';
import { EventStore, type NewEvent, type Position, type Unchanged } from '@ledger/event-store';
import type { CommandContext } from './command-context.js';
import { toNewEvents } from './new-events.js';
import { Clock, Contention, READ_YOUR_WRITES_MS_MAX, ReadModelProgress } from './ports.js';
import { RequestIdentities, type RequestIdentity } from './request-identity.js';
import { StreamFolds, type Fold } from './stream-folds.js';
import { quotaStream, tokenStream, type Stream } from './streams.js';

/** Whose quota is spent. */
export type QuotaSubject =
  | { readonly kind: 'token'; readonly tokenId: TokenId; readonly secretId: SecretId | null }
  | { readonly kind: 'user'; readonly userId: UserId };

/** One charge to make. */
export interface Charge {
  readonly subject: QuotaSubject;
  /** Where the subject is used; its own organization for a token, null where there is none. */
  readonly orgId: OrgId | null;
  readonly cost: number;
  readonly operation: string;
}

export type ChargeOutcome =
  | {
      readonly outcome: 'accepted';
      readonly cost: number;
      readonly quota: QuotaStanding;
      readonly position: Position;
    }
  | { readonly outcome: 'rejected'; readonly rejection: Rejection };

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

  constructor(
    private readonly store: EventStore,
    private readonly folds: StreamFolds,
    private readonly readModels: ReadModelProgress,
    private readonly identities: RequestIdentities,
    private readonly clock: Clock,
    private readonly windowLength: WindowLength,
  ) {}

  /** Resolves once the units are durably spent, or refused. @throws Contention, StoreUnavailable */
  consume(charge: Charge, context: CommandContext): Promise<ChargeOutcome> {
    const identity = context.repeat
      ? this.identities.of(context, this.clock.now(), false)[0]!
      : { commandId: randomUUID(), fingerprint: undefined };
    return new Promise((resolve, reject) => {
      const call = { charge, context, identity, resolve, reject };
      const subjectId = idOf(charge.subject);
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
    while (calls.length > 0) {
      const batch = calls.splice(0, CALLS_MAX);
      try {
        const outcomes = await this.#spend(subjectId, batch);
        batch.forEach((call, index) => call.resolve(outcomes[index]!));
      } catch (error) {
        // Nobody is told yes unless the append was.
        for (const call of batch) call.reject(error);
      }
    }
    this.#waiting.delete(subjectId);
  }

  /** One append for the whole batch: decided one after the other, written together or not at all. */
  async #spend(subjectId: string, calls: readonly Call[]): Promise<readonly ChargeOutcome[]> {
    let source: 'kept' | 'refreshed' = 'kept';
    for (let attempt = 1; attempt <= ATTEMPTS_MAX;) {
      const now = this.clock.now();
      const stream = quotaStream(subjectId, windowOf(now, this.windowLength));
      const fold = await this.#fold(stream, source);
      const limit = await this.#limitOf(calls[0]!.charge.subject, now, source);
      const earlier = await this.#earlierCharges(subjectId, calls, now);
      const { decisions, events } = this.#decide(calls, { quota: fold.state, earlier, limit, now });

      const refuses = decisions.some(({ outcome }) => outcome === 'rejected');
      if (source === 'kept' && (refuses || events.length === 0)) {
        // A refusal appends nothing, so only a fresh fold can tell that it is right.
        source = 'refreshed';
        continue;
      }
      if (events.length === 0) return decisions.map((each) => asOutcome(each, fold.position));

      const { streamId } = stream;
      const appended = await this.store.append(streamId, fold.revision, events, limit.unchanged);
      if (appended.outcome === 'appended') {
        const { position } = appended;
        const revisionOf = (index: number): number => fold.revision + index + 1;
        const stored = events.map((event, index) => {
          return { ...event, revision: revisionOf(index), position };
        });
        this.folds.advance(stream, fold, stored);
        await this.readModels.reached(position, READ_YOUR_WRITES_MS_MAX);
        return decisions.map((each) => asOutcome(each, position));
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
    const decided = new Map<string, Decision<QuotaConsumed>>();
    const decisions = calls.map((call): Decision<QuotaConsumed> => {
      const { charge, context, identity } = call;
      const { commandId, fingerprint } = identity;
      const before = earlier.get(commandId);
      if (before && before.fingerprint !== fingerprint) {
        return reject({ code: 'IDEMPOTENCY_KEY_REUSED' });
      }
      if (before) return { outcome: 'accepted', events: [before.event] };
      const twin = decided.get(commandId);
      if (twin) return twin;
      if (limit.refusal) return reject(limit.refusal);
      const { subject, orgId, cost, operation } = charge;
      const secretId = subject.kind === 'token' ? subject.secretId : null;
      const subjectId = idOf(subject);
      const decision = consume(
        limit.units,
        quota,
        { type: 'ConsumeQuota', subjectId, orgId, secretId, cost, operation, now },
        this.windowLength,
      );
      decided.set(commandId, decision);
      if (decision.outcome === 'rejected') return decision;
      quota = decision.events.reduce(spend, quota);
      events.push(...toNewEvents(decision.events, { identity, context, orgId }));
      return decision;
    });
    return { decisions, events };
  }

  async #fold<State, Event extends LedgerEvent>(
    stream: Stream<State, Event>,
    source: 'kept' | 'refreshed',
  ): Promise<Fold<State>> {
    // The hot path of a known token takes no turn of the event loop here.
    if (source === 'refreshed') return this.folds.refresh(stream);
    return this.folds.kept(stream) ?? (await this.folds.load(stream));
  }

  /** What calls with an idempotency key were charged before, in this window or the one before it. */
  async #earlierCharges(
    subjectId: string,
    calls: readonly Call[],
    now: Timestamp,
  ): Promise<ReadonlyMap<string, EarlierCharge>> {
    const repeatable = calls.filter(({ identity }) => identity.fingerprint !== undefined);
    if (repeatable.length === 0) return NONE_EARLIER;
    const found = new Map<string, EarlierCharge>();
    for (const window of [
      previousWindow(now, this.windowLength),
      windowOf(now, this.windowLength),
    ]) {
      const stream = quotaStream(subjectId, window);
      const { repeatable: known } = await this.folds.refresh(stream);
      for (const { identity } of repeatable) {
        const earlier = known.get(identity.commandId);
        if (!earlier) continue;
        const [stored] = await this.store.read(stream.streamId, earlier.firstRevision - 1);
        const event = stored?.payload;
        invariant(event?.type === 'QuotaConsumed', 'a quota stream holds charges');
        found.set(identity.commandId, { event, fingerprint: earlier.fingerprint });
      }
    }
    return found;
  }

  /** The subject's limit by its own facts, and the stream that must not move before the append. */
  async #limitOf(
    subject: QuotaSubject,
    now: Timestamp,
    source: 'kept' | 'refreshed',
  ): Promise<SubjectLimit> {
    if (subject.kind === 'user') return { units: USER_QUOTA_UNITS, refusal: null, unchanged: [] };
    const stream = tokenStream(subject.tokenId);
    const { state: token, revision } = await this.#fold(stream, source);
    const unchanged = [{ streamId: stream.streamId, revision }];
    if (token.status === 'absent') {
      return { units: 0, refusal: { code: 'TOKEN_NOT_FOUND' }, unchanged };
    }
    return { units: token.maxQuota, refusal: refusalOf(token, now), unchanged };
  }
}

/** What one batch is decided on. */
interface Basis {
  readonly quota: Quota;
  readonly earlier: ReadonlyMap<string, EarlierCharge>;
  readonly limit: SubjectLimit;
  readonly now: Timestamp;
}

interface EarlierCharge {
  readonly event: QuotaConsumed;
  readonly fingerprint: string;
}

const NONE_EARLIER: ReadonlyMap<string, EarlierCharge> = new Map();

interface SubjectLimit {
  readonly units: number | null;
  readonly refusal: Rejection | null;
  readonly unchanged: readonly Unchanged[];
}

function idOf(subject: QuotaSubject): string {
  return subject.kind === 'token' ? subject.tokenId : subject.userId;
}

function refusalOf(token: KnownToken, now: Timestamp): Rejection | null {
  if (token.revocation) return { code: 'TOKEN_REVOKED', revokedAt: token.revocation.revokedAt };
  if (token.expiresAt !== null && statusAt(token, now) === 'expired') {
    return { code: 'TOKEN_EXPIRED', expiresAt: token.expiresAt };
  }
  return null;
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
