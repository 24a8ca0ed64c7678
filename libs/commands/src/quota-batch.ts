import { hash } from 'node:crypto';
import {
  consume,
  giveBack,
  invariant,
  lease,
  reject,
  spend,
  standing,
  windowEnd,
  windowOf,
  type Decision,
  type Quota,
  type QuotaEvent,
  type QuotaStanding,
  type Timestamp,
  type WindowLength,
} from '@ledger/domain';
import type { NewEvent, Position } from '@ledger/event-store';
import {
  leaseIdIn,
  subjectIdOf,
  windowOfLease,
  type Charge,
  type ChargeOutcome,
  type LeaseReturn,
} from './charge.js';
import type { CommandContext } from './command-context.js';
import { toNewEvents } from './new-events.js';
import type { QuotaLimit } from './quota-limits.js';
import { uuid, type RequestIdentity } from './request-identity.js';
import type { EarlierCommand } from './stream-folds.js';

/** What is asked of one subject's quota. */
export interface QuotaCall {
  readonly work: Charge | LeaseReturn;
  readonly context: CommandContext;
  readonly identity: Pick<RequestIdentity, 'commandId' | 'fingerprint'>;
}

/** What became of one call, once the batch is written. */
export interface Decided {
  readonly decision: Decision<QuotaEvent>;
  /** Where the subject stands after it. */
  readonly standing: QuotaStanding;
  readonly fingerprint: string | undefined;
}

export interface EarlierCharge extends Decided {
  readonly position: Position;
}

/** What one batch is decided on. */
export interface Basis {
  readonly quota: Quota;
  readonly earlier: ReadonlyMap<string, EarlierCharge>;
  readonly limit: QuotaLimit;
  readonly now: Timestamp;
  readonly windowLength: WindowLength;
}

/** What one batch of calls was decided on, and what it would append. */
export interface Batch {
  readonly decided: readonly Decided[];
  readonly events: readonly NewEvent<QuotaEvent>[];
  /** What they fold to. */
  readonly quota: Quota;
}

/** Decides calls of one subject one after the other, each on what those before it leave. */
export function decideBatch(calls: readonly QuotaCall[], basis: Basis): Batch {
  const { earlier, limit, now, windowLength } = basis;
  const end = windowEnd(now, windowLength);
  let { quota } = basis;
  const events: NewEvent<QuotaEvent>[] = [];
  const byCommand = new Map<string, Decided>();
  const decided = calls.map((call): Decided => {
    const { work, context, identity } = call;
    const { commandId, fingerprint } = identity;
    const before = earlier.get(commandId) ?? byCommand.get(commandId);
    if (before) {
      if (before.fingerprint === fingerprint) return before;
      return { ...before, decision: reject({ code: 'IDEMPOTENCY_KEY_REUSED' }) };
    }
    const decision = decideCall(call, quota, basis);
    if (decision.outcome === 'accepted') {
      quota = decision.events.reduce(spend, quota);
      events.push(...toNewEvents(decision.events, { identity, context, orgId: work.orgId }));
    }
    const after = { decision, standing: standing(limit.units, quota.consumed, end), fingerprint };
    byCommand.set(commandId, after);
    return after;
  });
  return { decided, events, quota };
}

function decideCall(
  { work, identity }: QuotaCall,
  quota: Quota,
  { limit, now, windowLength }: Basis,
): Decision<QuotaEvent> {
  const { subject, orgId } = work;
  const subjectId = subjectIdOf(subject);
  if ('leaseId' in work) {
    const { leaseId, unusedUnits } = work;
    const window = windowOfLease(leaseId);
    // Units of a token that died come back like those of any other: it is the fact that counts.
    if (window === null) return reject({ code: 'LEASE_NOT_FOUND' });
    const names = { subjectId, orgId, leaseId, window } as const;
    const command = { type: 'ReturnQuota', ...names, unusedUnits, now } as const;
    return giveBack(limit.units, quota, command, windowLength);
  }
  if (limit.refusal) return reject(limit.refusal);
  const { cost, operation, isLease } = work;
  const secretId = subject.kind === 'token' ? subject.secretId : null;
  const what = { subjectId, orgId, secretId, operation, now };
  if (!isLease) {
    return consume(limit.units, quota, { type: 'ConsumeQuota', ...what, cost }, windowLength);
  }
  // The instant tells a key that was used again, after it was forgotten, from its first use.
  const name = uuid(hash('sha256', `${identity.commandId} ${now}`, 'buffer'));
  const leaseId = leaseIdIn(windowOf(now, windowLength), name);
  const command = { type: 'LeaseQuota', ...what, leaseId, units: cost } as const;
  return lease(limit.units, quota, command, windowLength);
}

export function asEarlierCharge({ event, fingerprint, position }: EarlierCommand): EarlierCharge {
  const isOfQuota = event.type === 'QuotaConsumed' || event.type === 'QuotaReturned';
  invariant(isOfQuota, 'a quota stream holds charges, and what came back of them');
  const { limit, consumedAfter, windowEnd } = event;
  return {
    decision: { outcome: 'accepted', events: [event] },
    standing: standing(limit, consumedAfter, windowEnd),
    fingerprint,
    position,
  };
}

export function asOutcome({ decision, standing }: Decided, position: Position): ChargeOutcome {
  if (decision.outcome === 'rejected') return decision;
  const [event] = decision.events;
  const accepted = {
    outcome: 'accepted',
    cost: unitsOf(event),
    quota: standing,
    position,
  } as const;
  if (event?.type !== 'QuotaConsumed' || event.leaseId === undefined) return accepted;
  return { ...accepted, leaseId: event.leaseId };
}

function unitsOf(event: QuotaEvent | undefined): number {
  if (!event) return 0;
  return event.type === 'QuotaReturned' ? event.units : event.cost;
}
