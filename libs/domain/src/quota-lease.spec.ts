import fc from 'fast-check';
import { InvariantViolation, timestamp, type Timestamp } from './primitives.js';
import { giveBack, lease, type LeaseQuota, type ReturnQuota } from './quota-lease.js';
import type { QuotaWindow } from './quota-window.js';
import {
  consume,
  LEASES_REMEMBERED_MAX,
  spend,
  unspent,
  withNewestLeases,
  type Quota,
  type QuotaEvent,
} from './quota.js';
import type { Decision } from './rejection.js';
import { at, orgId, secretOf, tokenId } from './testing/index.js';

const resetAt = '2026-02-01T00:00:00.000Z' as Timestamp;
const window = '2026-01' as QuotaWindow;
const secretId = secretOf(1).secretId;
const who = { subjectId: tokenId, orgId } as const;

function leaseOf(units: number, leaseId = 'lease-1', now = at(5)): LeaseQuota {
  return { type: 'LeaseQuota', ...who, secretId, leaseId, units, operation: 'GET /', now };
}

function returnOf(unusedUnits: number, over: Partial<ReturnQuota> = {}): ReturnQuota {
  return {
    type: 'ReturnQuota',
    ...who,
    leaseId: 'lease-1',
    window,
    unusedUnits,
    now: at(6),
    ...over,
  };
}

function charged(cost: number, consumedAfter: number, leaseId = 'lease-1'): QuotaEvent {
  return {
    type: 'QuotaConsumed',
    ...who,
    ...{ secretId, window, windowEnd: resetAt, cost, operation: 'GET /', consumedAfter },
    ...{ limit: 10, occurredAt: at(5), leaseId },
  };
}

function returned(units: number, consumedAfter: number): QuotaEvent {
  return {
    type: 'QuotaReturned',
    ...who,
    ...{ window, windowEnd: resetAt, leaseId: 'lease-1', units, consumedAfter },
    ...{ limit: 10, occurredAt: at(6) },
  };
}

const given = (...history: readonly QuotaEvent[]): Quota => history.reduce(spend, unspent);
const accepted = (...events: readonly QuotaEvent[]) => ({ outcome: 'accepted', events });
const take = (quota: Quota, command: LeaseQuota, limit: number | null = 10) =>
  lease(limit, quota, command, 'month');
const back = (quota: Quota, command: ReturnQuota, limit: number | null = 10) =>
  giveBack(limit, quota, command, 'month');

describe('LeaseQuota', () => {
  it('charges the units at once, under the name of the lease', () =>
    expect(take(given(), leaseOf(4))).toStrictEqual(accepted(charged(4, 4))));

  it('grants what is left where that is less, to the last unit', () => {
    const before = given(charged(7, 7, 'lease-0'));
    expect(take(before, leaseOf(4))).toStrictEqual(accepted(charged(3, 10)));
    expect(take(before, leaseOf(3))).toStrictEqual(accepted(charged(3, 10)));
  });

  it.each([
    ['nothing is left', given(charged(10, 10, 'lease-0')), 10],
    ['the limit was lowered below what is spent', given(charged(10, 10, 'lease-0')), 4],
    ['the limit is zero', given(), 0],
  ])('is refused where %s', (_why, quota, limit) =>
    expect(take(quota, leaseOf(4), limit)).toStrictEqual({
      outcome: 'rejected',
      rejection: {
        code: 'QUOTA_EXCEEDED',
        cost: 4,
        quota: { limit, consumed: quota.consumed, remaining: 0, resetAt },
      },
    }),
  );

  it('grants all that is asked for where nothing is limited', () =>
    expect(take(given(), leaseOf(2 ** 31 - 1), null)).toMatchObject({
      events: [{ cost: 2 ** 31 - 1 }],
    }));

  it.each([0, -1, 1.5, NaN, 2 ** 31])('treats %p units as a bug', (units) =>
    expect(() => take(given(), leaseOf(units))).toThrow(InvariantViolation),
  );

  it('treats a name that was given before as a bug', () =>
    expect(() => take(given(charged(1, 1)), leaseOf(1))).toThrow(InvariantViolation));
});

describe('ReturnQuota', () => {
  const leased = given(charged(4, 4));

  it('gives back what was not used', () => {
    expect(back(leased, returnOf(3))).toStrictEqual(accepted(returned(3, 1)));
    expect(back(leased, returnOf(4))).toStrictEqual(accepted(returned(4, 0)));
  });

  it('of nothing is accepted, and says nothing', () =>
    expect(back(leased, returnOf(0))).toStrictEqual(accepted()));

  it('never gives back more than was leased', () =>
    expect(back(leased, returnOf(5))).toStrictEqual({
      outcome: 'rejected',
      rejection: { code: 'RETURN_ABOVE_LEASE', leasedUnits: 4 },
    }));

  it('happens once: repeated it says nothing, and another number is refused', () => {
    const once = given(charged(4, 4), returned(3, 1));
    expect(back(once, returnOf(3))).toStrictEqual(accepted());
    for (const other of [0, 1, 4]) {
      expect(back(once, returnOf(other))).toStrictEqual({
        outcome: 'rejected',
        rejection: { code: 'LEASE_RETURNED', returnedUnits: 3 },
      });
    }
  });

  it('changes nothing once the window is over, whatever it says', () =>
    expect(back(given(), returnOf(99, { now: resetAt }))).toStrictEqual(accepted()));

  it.each([
    ['never given', { leaseId: 'lease-2' }],
    ['of a window that is yet to come', { window: '2026-02' as QuotaWindow }],
  ])('is refused for a lease %s', (_what, over) =>
    expect(back(leased, returnOf(1, over))).toStrictEqual({
      outcome: 'rejected',
      rejection: { code: 'LEASE_NOT_FOUND' },
    }),
  );

  it('says nothing of plain charges, which are no lease', () => {
    const { leaseId: _leaseId, ...plain } = charged(4, 4);
    expect(back(given(plain as QuotaEvent), returnOf(1))).toMatchObject({
      rejection: { code: 'LEASE_NOT_FOUND' },
    });
  });

  it('records no time before that of the last fact, though the clock went back', () =>
    expect(back(leased, returnOf(1, { now: at(2) }))).toMatchObject({
      events: [{ occurredAt: at(5) }],
    }));

  it('of a lease that is not remembered brings its units back all the same', () =>
    expect(spend({ ...given(), consumed: 4 }, returned(3, 1))).toMatchObject({ consumed: 1 }));

  it('is folded to the same when it is folded twice', () => {
    const once = given(charged(4, 4), returned(3, 1));
    expect(spend(once, returned(3, 1))).toStrictEqual(once);
  });
});

it('remembers the newest leases, and what came back of them', () => {
  const names = Array.from({ length: LEASES_REMEMBERED_MAX + 2 }, (_, n) => `lease-${n}`);
  const few = given(charged(4, 4), returned(3, 1));
  expect(withNewestLeases(few)).toBe(few);
  const many = names.reduce((quota, name) => spend(quota, charged(1, 1, name)), given());
  const { leases, consumed } = withNewestLeases(spend(many, returned(1, 0)));
  expect([...leases.keys()]).toEqual(names.slice(2));
  expect(many.leases.size).toBe(names.length);
  expect(consumed).toBe(0);
});

it('keeps the books: total equals charges less returns, within the limit, never below zero', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('consume'), units: fc.integer({ min: 1, max: 12 }) }),
    fc.record({ kind: fc.constant('lease'), units: fc.integer({ min: 1, max: 12 }) }),
    fc.record({ kind: fc.constant('return'), units: fc.nat(5), of: fc.nat(2) }),
  );
  const calls = fc.array(
    fc.record({ step, limit: fc.option(fc.nat(30), { freq: 9 }), minute: fc.nat(59) }),
    {
      maxLength: 40,
    },
  );
  const seen = { consume: 0, lease: 0, return: 0, refused: 0 };
  fc.assert(
    fc.property(calls, (asked) => {
      let quota: Quota = unspent;
      let total = 0;
      const granted = new Map<string, number>();
      const given = new Map<string, number>();
      for (const { step: call, limit, minute } of asked) {
        const now = at(minute);
        let decision: Decision<QuotaEvent>;
        if (call.kind === 'return' && 'of' in call) {
          const command = returnOf(call.units, { leaseId: `lease-${call.of}`, now });
          decision = back(quota, command, limit);
        } else if (call.kind === 'lease') {
          decision = take(quota, leaseOf(call.units, `lease-${granted.size}`, now), limit);
        } else {
          const { leaseId: _leaseId, units: cost, ...rest } = leaseOf(call.units, '', now);
          decision = consume(limit, quota, { ...rest, type: 'ConsumeQuota', cost }, 'month');
        }
        if (decision.outcome === 'rejected') {
          seen.refused += 1;
          continue;
        }
        for (const event of decision.events) {
          if (event.type === 'QuotaReturned') {
            total -= event.units;
            expect(given.has(event.leaseId)).toBe(false);
            expect(event.units).toBeLessThanOrEqual(granted.get(event.leaseId)!);
            given.set(event.leaseId, event.units);
            seen.return += 1;
          } else {
            total += event.cost;
            expect(event.cost).toBeGreaterThan(0);
            if (limit !== null) expect(total).toBeLessThanOrEqual(limit);
            if (event.leaseId !== undefined) granted.set(event.leaseId, event.cost);
            seen[event.leaseId === undefined ? 'consume' : 'lease'] += 1;
          }
          quota = spend(quota, event);
        }
        expect(quota.consumed).toBe(total);
        expect(total).toBeGreaterThanOrEqual(0);
      }
    }),
    { seed: 20_260_115, numRuns: 500 },
  );
  expect(Math.min(...Object.values(seen))).toBeGreaterThan(100);
});

it('a lease of the last instant of a window is of that window', () => {
  const last = timestamp(Date.parse(resetAt) - 1);
  expect(take(given(), leaseOf(4, 'lease-1', last))).toMatchObject({ events: [{ window }] });
});
