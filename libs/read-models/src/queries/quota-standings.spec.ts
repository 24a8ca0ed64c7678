import {
  existingToken,
  ManualClock,
  openCommandNode,
  request,
  sampleOrg,
} from '@ledger/commands/testing';
import { usageStream } from '@ledger/commands';
import type { QuotaConsumed, QuotaWindow, SecretId, Timestamp, TokenId } from '@ledger/domain';
import { MemoryEventStore, type StoredEvent } from '@ledger/event-store';
import { sampleCharge, sampleEvent } from '@ledger/event-store/testing';
import { quotaUsage, type QuotaUsageRow } from '../projections/quota-usage.projection.js';
import { openReadModels } from '../testing/index.js';

async function opened() {
  const store = new MemoryEventStore();
  const clock = new ManualClock('2026-01-15T00:00:00.000Z');
  const node = openCommandNode({ store, clock });
  const { quotas, projector } = await openReadModels(store);
  const { tokenId, secretId } = await existingToken(node, { maxQuota: 100 });
  const charge = async (cost: number) => {
    const subject = { kind: 'token', tokenId, secretId } as const;
    const charged = { subject, orgId: sampleOrg, cost, operation: 'GET /' };
    await node.queue.consume(charged, request());
    await projector.caughtUp();
  };
  return { store, clock, node, quotas, projector, tokenId, secretId, charge };
}

describe('where a token stands', () => {
  it('is what it has spent in the window of now, and zero where it has spent nothing', async () => {
    const { quotas, clock, tokenId, charge } = await opened();
    const resetAt = '2026-02-01T00:00:00.000Z';
    expect(quotas.at(tokenId, 100, clock.now())).toEqual({
      ...{ limit: 100, consumed: 0, remaining: 100, resetAt },
    });
    await charge(30);
    await charge(12);
    expect(quotas.at(tokenId, 100, clock.now())).toMatchObject({ consumed: 42, remaining: 58 });
    expect(quotas.at(tokenId, 10, clock.now())).toMatchObject({ remaining: 0 });
    expect(quotas.at(tokenId, null, clock.now())).toMatchObject({ remaining: null });
    clock.set('2026-01-31T23:59:59.999Z');
    expect(quotas.at(tokenId, 100, clock.now())).toMatchObject({ consumed: 42, resetAt });
    clock.advance(1);
    expect(quotas.at(tokenId, 100, clock.now())).toMatchObject({ consumed: 0 });
  });

  it('is known of more tokens than stay in memory, also of those that had spent nothing', async () => {
    const { quotas, clock, node, projector } = await opened();
    const tokens: { readonly tokenId: TokenId; readonly secretId: SecretId }[] = [];
    for (let n = 0; n < 20; n += 1) tokens.push(await existingToken(node, { maxQuota: 100 }));
    const spent = () => tokens.map(({ tokenId }) => quotas.at(tokenId, 100, clock.now()).consumed);
    expect(spent()).toEqual(tokens.map(() => 0));
    for (const [index, { tokenId, secretId }] of tokens.entries()) {
      expect(quotas.at(tokenId, 100, clock.now()).consumed).toBe(0);
      const subject = { kind: 'token', tokenId, secretId } as const;
      const charge = { subject, orgId: sampleOrg, cost: index + 1, operation: 'GET /' };
      await node.queue.consume(charge, request());
      await projector.caughtUp();
    }
    // From now on all rows are in the file, and most in no memory.
    projector.tableOf(quotaUsage.name);
    expect(spent()).toEqual(tokens.map((_, index) => index + 1));
    expect(spent()).toEqual(tokens.map((_, index) => index + 1));
  });

  it('is remembered for twelve windows, newest first', async () => {
    const { quotas, clock, tokenId, charge } = await opened();
    for (let month = 0; month < 14; month += 1) {
      clock.set(new Date(Date.UTC(2026, month, 3)).toISOString());
      await charge(month + 1);
      await charge(1);
    }
    const windows = quotas.windows(tokenId);
    expect(windows.map(({ consumed }) => consumed)).toEqual([
      ...[15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4],
    ]);
    expect(windows[0]).toMatchObject({ window: '2027-02', limit: 100 });
    expect(quotas.windows('nobody')).toEqual([]);
  });

  it('tells the last use, whether it was charged or free', async () => {
    const { store, quotas, clock, tokenId, charge, projector } = await opened();
    expect(quotas.lastUsedAt(tokenId)).toBeNull();
    await charge(1);
    expect(quotas.lastUsedAt(tokenId)).toBe('2026-01-15T00:00:00.000Z');
    const use = (occurredAt: string) => ({
      ...({ type: 'TokenUsed', tokenId, orgId: sampleOrg, secretId: 's' as SecretId } as const),
      occurredAt: occurredAt as Timestamp,
    });
    const { streamId } = usageStream(tokenId);
    await store.append(streamId, 0, [sampleEvent(use('2026-01-16T00:00:00.000Z'))]);
    await projector.caughtUp();
    expect(quotas.lastUsedAt(tokenId)).toBe('2026-01-16T00:00:00.000Z');
    // Of another node whose clock is behind: it came later, and was earlier.
    await store.append(streamId, 1, [sampleEvent(use('2026-01-15T12:00:00.000Z'))]);
    await projector.caughtUp();
    expect(quotas.lastUsedAt(tokenId)).toBe('2026-01-16T00:00:00.000Z');
    expect(clock.now() < '2026-01-16').toBe(true);
    expect(quotas.lastUsedAt('nobody' as TokenId)).toBeNull();
  });
});

describe('the row of a token', () => {
  const charge = (window: string, consumedAfter: number) => {
    const windowEnd = `${window}-28T00:00:00.000Z` as Timestamp;
    const fact = { ...sampleCharge(consumedAfter), window: window as QuotaWindow, windowEnd };
    return { payload: { ...fact, subjectId: 's' }, revision: consumedAfter } as StoredEvent;
  };
  const rowAfter = (...events: readonly StoredEvent[]) => {
    const rows = new Map<string, QuotaUsageRow>();
    for (const event of events) {
      quotaUsage.apply(event, {
        get: (key) => rows.get(key),
        put: (key, row) => rows.set(key, row),
      });
    }
    return rows.get('s')!.windows.map(({ window, consumed }) => `${window}: ${consumed}`);
  };

  it('never counts back within a window', () => {
    const events = [charge('2026-01', 1), charge('2026-01', 5), charge('2026-02', 2)];
    const expected = ['2026-01: 5', '2026-02: 2'];
    expect(rowAfter(...events)).toEqual(expected);
    expect(rowAfter(...events, ...events)).toEqual(expected);
    expect(rowAfter(...events, events[1]!, events[0]!)).toEqual(expected);
  });

  it('follows what comes back of a lease, and is not led back by a redelivery', () => {
    const lease = charge('2026-01', 9);
    const { window, windowEnd, subjectId, orgId, limit } = lease.payload as QuotaConsumed;
    const occurredAt = '2026-01-15T00:00:00.000Z' as Timestamp;
    const fact = { window, windowEnd, subjectId, orgId, limit, occurredAt, leaseId: 'lease' };
    const payload = { type: 'QuotaReturned', ...fact, units: 6, consumedAfter: 3 } as const;
    const returned = { payload, revision: 10 } as StoredEvent;
    expect(rowAfter(lease, returned)).toEqual(['2026-01: 3']);
    expect(rowAfter(lease, returned, lease, returned)).toEqual(['2026-01: 3']);
    expect(rowAfter(lease, returned, lease)).toEqual(['2026-01: 3']);
  });

  it('keeps windows in the order of time, though a late charge comes after the turn', () => {
    const late = [charge('2026-02', 2), charge('2026-01', 1), charge('2026-03', 1)];
    expect(rowAfter(...late)).toEqual(['2026-01: 1', '2026-02: 2', '2026-03: 1']);
  });
});
