import fc from 'fast-check';
import { InvariantViolation, type Timestamp } from './primitives.js';
import {
  consume,
  COST_MAX,
  spend,
  standing,
  unspent,
  type ConsumeQuota,
  type Quota,
  type QuotaConsumed,
} from './quota.js';
import { at, orgId, secretOf, tokenId } from './testing/index.js';

const resetAt = '2026-02-01T00:00:00.000Z' as Timestamp;

function charge(cost: number, over: Partial<ConsumeQuota> = {}): ConsumeQuota {
  return {
    type: 'ConsumeQuota',
    subjectId: tokenId,
    orgId,
    secretId: secretOf(1).secretId,
    cost,
    operation: 'GET /invoices',
    now: at(5),
    ...over,
  };
}

function consumed(cost: number, consumedAfter: number, over: Partial<QuotaConsumed> = {}) {
  const { type: _type, now: occurredAt, ...call } = charge(cost);
  return {
    type: 'QuotaConsumed',
    ...call,
    window: '2026-01',
    windowEnd: resetAt,
    consumedAfter,
    limit: 10,
    occurredAt,
    ...over,
  };
}

function spent(units: number, lastAt: Timestamp | null = at(1)): Quota {
  return { ...unspent, consumed: units, lastAt };
}

const decide = (limit: number | null, quota: Quota, cost: number) =>
  consume(limit, quota, charge(cost), 'month');

describe('ConsumeQuota', () => {
  it('records cost, running total, limit and window, so that replay needs neither clock nor setting', () =>
    expect(decide(10, spent(3), 4)).toStrictEqual({
      outcome: 'accepted',
      events: [consumed(4, 7)],
    }));

  it.each([
    ['hour', '2026-01-15T12', '2026-01-15T13:00:00.000Z'],
    ['day', '2026-01-15', '2026-01-16T00:00:00.000Z'],
    ['month', '2026-01', '2026-02-01T00:00:00.000Z'],
  ] as const)('charges the window of its %s', (length, window, windowEnd) =>
    expect(consume(10, unspent, charge(1), length)).toMatchObject({
      events: [{ window, windowEnd }],
    }),
  );

  it('keeps null for a charge that belongs to no organization or secret', () =>
    expect(consume(10, unspent, charge(1, { orgId: null, secretId: null }), 'month')).toMatchObject(
      {
        events: [{ orgId: null, secretId: null }],
      },
    ));

  it('spends the last unit exactly, and refuses one more', () => {
    expect(decide(10, spent(7), 3)).toStrictEqual({
      outcome: 'accepted',
      events: [consumed(3, 10)],
    });
    expect(decide(10, spent(7), 4)).toStrictEqual({
      outcome: 'rejected',
      rejection: {
        code: 'QUOTA_EXCEEDED',
        cost: 4,
        quota: { limit: 10, consumed: 7, remaining: 3, resetAt },
      },
    });
    expect(decide(10, spent(10), 1)).toMatchObject({ rejection: { code: 'QUOTA_EXCEEDED' } });
  });

  it('says that no window will do when the cost is above the whole limit, and only then', () => {
    expect(decide(10, unspent, 10)).toMatchObject({ outcome: 'accepted' });
    expect(decide(10, spent(1), 10)).toMatchObject({ rejection: { code: 'QUOTA_EXCEEDED' } });
    expect(decide(10, spent(1), 11)).toStrictEqual({
      outcome: 'rejected',
      rejection: {
        code: 'COST_ABOVE_LIMIT',
        cost: 11,
        quota: { limit: 10, consumed: 1, remaining: 9, resetAt },
      },
    });
    expect(decide(0, unspent, 1)).toMatchObject({ rejection: { code: 'COST_ABOVE_LIMIT' } });
  });

  it('counts what is not limited, and never refuses it', () =>
    expect(decide(null, spent(10 * COST_MAX), COST_MAX)).toStrictEqual({
      outcome: 'accepted',
      events: [consumed(COST_MAX, 11 * COST_MAX, { limit: null })],
    }));

  it('holds a limit that was set in mid-window against all that was spent before', () => {
    expect(decide(8, spent(7), 1)).toMatchObject({ outcome: 'accepted' });
    expect(decide(7, spent(7), 1)).toMatchObject({ rejection: { code: 'QUOTA_EXCEEDED' } });
  });

  it('never reports less than nothing left after the limit was lowered below what is spent', () =>
    expect(decide(5, spent(7), 1)).toMatchObject({
      rejection: { code: 'QUOTA_EXCEEDED', quota: { limit: 5, consumed: 7, remaining: 0 } },
    }));

  it('lets a raised limit be spent at once', () => {
    expect(decide(7, spent(7), 3)).toMatchObject({ outcome: 'rejected' });
    expect(decide(10, spent(7), 3)).toMatchObject({ outcome: 'accepted' });
  });

  it('records no time before that of the last charge, though the clock went back', () =>
    expect(decide(10, spent(1, at(9)), 1)).toMatchObject({ events: [{ occurredAt: at(9) }] }));

  it('takes costs from 1 to the largest that every dialect can say', () => {
    expect(decide(null, unspent, 1)).toMatchObject({ outcome: 'accepted' });
    expect(decide(null, unspent, 2_147_483_647)).toMatchObject({ outcome: 'accepted' });
  });

  it.each([0, -1, 1.5, NaN, Infinity, 2_147_483_648])('treats a cost of %p as a bug', (cost) =>
    expect(() => decide(null, unspent, cost)).toThrow(InvariantViolation),
  );
});

describe('the fold of charges', () => {
  const event = (consumedAfter: number, occurredAt: Timestamp) =>
    consumed(1, consumedAfter, { occurredAt }) as QuotaConsumed;

  it('is the total of the last one', () =>
    expect([event(1, at(1)), event(2, at(2))].reduce(spend, unspent)).toStrictEqual({
      consumed: 2,
      lastAt: at(2),
      leases: new Map(),
    }));

  it('is not changed by folding the last one twice', () => {
    const once = spend(unspent, event(4, at(1)));
    expect(spend(once, event(4, at(1)))).toStrictEqual(once);
  });
});

describe('a standing', () => {
  it.each([
    [10, 0, 10],
    [10, 9, 1],
    [10, 10, 0],
    [10, 11, 0],
    [0, 0, 0],
    [null, 11, null],
  ])('with a limit of %p after %p leaves %p', (limit, units, remaining) =>
    expect(standing(limit, units, resetAt)).toStrictEqual({
      limit,
      consumed: units,
      remaining,
      resetAt,
    }),
  );
});

it('never lets the total pass the limit of the moment, whatever is asked and however limits change', () => {
  const calls = fc.array(
    fc.record({
      cost: fc.integer({ min: 1, max: 12 }),
      limit: fc.option(fc.nat(30), { freq: 9 }),
      minute: fc.nat(59),
    }),
    { maxLength: 40 },
  );
  const seen = { accepted: 0, QUOTA_EXCEEDED: 0, COST_ABOVE_LIMIT: 0 };
  fc.assert(
    fc.property(calls, (asked) => {
      let quota = unspent;
      let total = 0;
      let last = '';
      for (const { cost, limit, minute } of asked) {
        const decision = consume(limit, quota, charge(cost, { now: at(minute) }), 'month');
        const room = limit === null || total + cost <= limit;
        expect(decision.outcome).toBe(room ? 'accepted' : 'rejected');
        if (decision.outcome === 'rejected') {
          const { code } = decision.rejection;
          expect(code).toBe(cost > limit! ? 'COST_ABOVE_LIMIT' : 'QUOTA_EXCEEDED');
          seen[code as 'QUOTA_EXCEEDED'] += 1;
          continue;
        }
        total += cost;
        quota = decision.events.reduce(spend, quota);
        expect(quota.consumed).toBe(total);
        expect(quota.lastAt! >= last).toBe(true);
        last = quota.lastAt!;
        seen.accepted += 1;
      }
    }),
    { seed: 20_260_115, numRuns: 500 },
  );
  expect(Math.min(...Object.values(seen))).toBeGreaterThan(100);
});
