import { invariant, latest, type OrgId, type SecretId, type Timestamp } from './primitives.js';
import { windowEnd, windowOf, type QuotaWindow, type WindowLength } from './quota-window.js';
import { COST_MAX, standing, type Quota, type QuotaConsumed, type QuotaReturned } from './quota.js';
import { accept, reject, type Decision } from './rejection.js';

/** Charges a block of units that a gateway spends from its memory. */
export interface LeaseQuota {
  readonly type: 'LeaseQuota';
  readonly subjectId: string;
  readonly orgId: OrgId | null;
  readonly secretId: SecretId | null;
  readonly leaseId: string;
  /** Whole units, 1 to {@link COST_MAX}; fewer are granted where fewer are left. */
  readonly units: number;
  readonly operation: string;
  readonly now: Timestamp;
}

/** Gives back what was not used of a lease. */
export interface ReturnQuota {
  readonly type: 'ReturnQuota';
  readonly subjectId: string;
  readonly orgId: OrgId | null;
  readonly leaseId: string;
  /** The window that the lease was charged in. */
  readonly window: QuotaWindow;
  /** Whole units, from 0. */
  readonly unusedUnits: number;
  readonly now: Timestamp;
}

/** Leased units count as consumed at once, so that whatever becomes of the gateway, no limit is passed. */
export function lease(
  limit: number | null,
  quota: Quota,
  command: LeaseQuota,
  length: WindowLength,
): Decision<QuotaConsumed> {
  const { subjectId, orgId, secretId, leaseId, units, operation, now } = command;
  invariant(
    Number.isSafeInteger(units) && units > 0 && units <= COST_MAX,
    'a lease is of a positive whole number of units',
  );
  invariant(!quota.leases.has(leaseId), 'a new lease has a name of its own');
  const end = windowEnd(now, length);
  const cost = limit === null ? units : Math.min(units, limit - quota.consumed);
  if (cost < 1) {
    return reject({
      code: 'QUOTA_EXCEEDED',
      cost: units,
      quota: standing(limit, quota.consumed, end),
    });
  }
  return accept({
    type: 'QuotaConsumed',
    ...{ subjectId, orgId, secretId },
    window: windowOf(now, length),
    windowEnd: end,
    ...{ cost, operation },
    consumedAfter: quota.consumed + cost,
    limit,
    occurredAt: latest(now, quota.lastAt),
    leaseId,
  });
}

/**
 * Once a lease, and never more than it was of. Repeated, it is accepted without a fact; so it is once the
 * window is over, whose units are nobody's any more.
 *
 * @param quota Of the window that holds `now`; knows the lease, if there is one.
 */
export function giveBack(
  limit: number | null,
  quota: Quota,
  command: ReturnQuota,
  length: WindowLength,
): Decision<QuotaReturned> {
  const { subjectId, orgId, leaseId, window, unusedUnits, now } = command;
  invariant(
    Number.isSafeInteger(unusedUnits) && unusedUnits >= 0,
    'what comes back is a whole number of units',
  );
  const current = windowOf(now, length);
  if (window < current) return accept();
  const leased = window === current ? quota.leases.get(leaseId) : undefined;
  if (!leased) return reject({ code: 'LEASE_NOT_FOUND' });
  const { units, returned } = leased;
  if (unusedUnits > units) return reject({ code: 'RETURN_ABOVE_LEASE', leasedUnits: units });
  if (returned !== null && returned !== unusedUnits) {
    return reject({ code: 'LEASE_RETURNED', returnedUnits: returned });
  }
  if (returned !== null || unusedUnits === 0) return accept();
  return accept({
    type: 'QuotaReturned',
    ...{ subjectId, orgId, window },
    windowEnd: windowEnd(now, length),
    leaseId,
    units: unusedUnits,
    consumedAfter: quota.consumed - unusedUnits,
    limit,
    occurredAt: latest(now, quota.lastAt),
  });
}
