import { invariant, latest, type OrgId, type SecretId, type Timestamp } from './primitives.js';
import { windowEnd, windowOf, type QuotaWindow, type WindowLength } from './quota-window.js';
import { accept, reject, type Decision, type QuotaStanding } from './rejection.js';

/** Units per window that a user's personal token may spend on dialect calls. */
export const USER_QUOTA_UNITS = 1000;

/** Largest cost of one call: the largest 32-bit integer, so that every dialect can say it. */
export const COST_MAX = 2 ** 31 - 1;

/** How many leases of one window are remembered. */
export const LEASES_REMEMBERED_MAX = 128;

/**
 * One charge. Window, limit and running total are recorded, so that replay reads neither clock nor
 * configuration. Lives in `quota-<subjectId>-<window>`; the subject is a token, or a user.
 */
export interface QuotaConsumed {
  readonly type: 'QuotaConsumed';
  readonly subjectId: string;
  readonly orgId: OrgId | null;
  readonly secretId: SecretId | null;
  readonly window: QuotaWindow;
  readonly windowEnd: Timestamp;
  readonly cost: number;
  readonly operation: string;
  readonly consumedAfter: number;
  readonly limit: number | null;
  readonly occurredAt: Timestamp;
  /** Names the units where they were leased: charged as a block, of which what is not used comes back. */
  readonly leaseId?: string;
}

/** Units of a lease that were not used came back before their window ended. Lives beside the charges. */
export interface QuotaReturned {
  readonly type: 'QuotaReturned';
  readonly subjectId: string;
  readonly orgId: OrgId | null;
  readonly window: QuotaWindow;
  readonly windowEnd: Timestamp;
  readonly leaseId: string;
  readonly units: number;
  readonly consumedAfter: number;
  readonly limit: number | null;
  readonly occurredAt: Timestamp;
}

export type QuotaEvent = QuotaConsumed | QuotaReturned;

/** Units that were charged as a block, and how many of them came back; null while none did. */
export interface Lease {
  readonly units: number;
  readonly returned: number | null;
}

/** What one subject has spent in one window. */
export interface Quota {
  readonly consumed: number;
  readonly lastAt: Timestamp | null;
  /** Those that are remembered: see {@link withNewestLeases}. */
  readonly leases: ReadonlyMap<string, Lease>;
}

export const unspent: Quota = { consumed: 0, lastAt: null, leases: new Map() };

export interface ConsumeQuota {
  readonly type: 'ConsumeQuota';
  readonly subjectId: string;
  readonly orgId: OrgId | null;
  readonly secretId: SecretId | null;
  /** Whole units, 1 to {@link COST_MAX}. */
  readonly cost: number;
  readonly operation: string;
  readonly now: Timestamp;
}

/** Where a subject stands. Never below zero: the limit may have been lowered in mid-window. */
export function standing(
  limit: number | null,
  consumed: number,
  resetAt: Timestamp,
): QuotaStanding {
  return {
    limit,
    consumed,
    remaining: limit === null ? null : Math.max(0, limit - consumed),
    resetAt,
  };
}

/** Decides one charge against a limit that comes from the subject's own facts. */
export function consume(
  limit: number | null,
  quota: Quota,
  command: ConsumeQuota,
  length: WindowLength,
): Decision<QuotaConsumed> {
  const { subjectId, orgId, secretId, cost, operation, now } = command;
  invariant(
    Number.isSafeInteger(cost) && cost > 0 && cost <= COST_MAX,
    'cost is a positive whole number of units',
  );
  const end = windowEnd(now, length);
  if (limit !== null) {
    const quotaStanding = standing(limit, quota.consumed, end);
    if (cost > limit) return reject({ code: 'COST_ABOVE_LIMIT', cost, quota: quotaStanding });
    if (cost > limit - quota.consumed) {
      return reject({ code: 'QUOTA_EXCEEDED', cost, quota: quotaStanding });
    }
  }
  return accept({
    type: 'QuotaConsumed',
    subjectId,
    orgId,
    secretId,
    window: windowOf(now, length),
    windowEnd: end,
    cost,
    operation,
    consumedAfter: quota.consumed + cost,
    limit,
    occurredAt: latest(now, quota.lastAt),
  });
}

/**
 * Folds one fact. The total is assigned from it: folding it twice changes nothing, and where nothing is asked of
 * leases, the newest fact alone folds to the same as all of them.
 */
export function spend(quota: Quota, event: QuotaEvent): Quota {
  return {
    consumed: event.consumedAfter,
    lastAt: latest(event.occurredAt, quota.lastAt),
    leases: event.leaseId === undefined ? quota.leases : withLease(quota.leases, event),
  };
}

function withLease(leases: Quota['leases'], event: QuotaEvent): Quota['leases'] {
  const { leaseId } = event;
  if (leaseId === undefined) return leases;
  if (event.type === 'QuotaReturned') {
    const lease = leases.get(leaseId);
    return lease ? new Map(leases).set(leaseId, { ...lease, returned: event.units }) : leases;
  }
  return new Map(leases).set(leaseId, { units: event.cost, returned: null });
}

/**
 * Forgets all leases but the newest: a window may see more of them than any memory should hold, and each costs a
 * copy of the others. Whoever decides on what is left sees to it that it knows the leases in question.
 */
export function withNewestLeases(quota: Quota): Quota {
  const { size } = quota.leases;
  if (size <= LEASES_REMEMBERED_MAX) return quota;
  return { ...quota, leases: new Map([...quota.leases].slice(size - LEASES_REMEMBERED_MAX)) };
}
