import type { LedgerEvent, TokenId } from '@ledger/domain';
import { MemoryEventStore, StoreUnavailable } from '@ledger/event-store';
import type { ChargeOutcome, QuotaSubject } from './charge.js';
import type { CommandContext } from './command-context.js';
import { RevokeTokenCommand } from './revoke-token.handler.js';
import {
  existingToken,
  FaultyStore,
  ManualClock,
  openCommandNode,
  repeatable,
  request,
  type CommandNode,
} from './testing/index.js';

type Accepted = Extract<ChargeOutcome, { outcome: 'accepted' }>;

async function opened() {
  const store = new FaultyStore(new MemoryEventStore());
  const clock = new ManualClock();
  const node = openCommandNode({ store, clock });
  const other = openCommandNode({ store, clock });
  const { tokenId, target } = await existingToken(node, { maxQuota: 100 });
  return { store, clock, node, other, target, ...callsOn(tokenId) };
}

function callsOn(tokenId: TokenId) {
  const subject: QuotaSubject = { kind: 'token', tokenId, secretId: null };
  const basis = { subject, orgId: null } as const;
  const lease = async (node: CommandNode, cost: number, context: CommandContext = request()) => {
    const charge = { ...basis, cost, operation: 'GET /', isLease: true } as const;
    return (await node.queue.consume(charge, context)) as Accepted;
  };
  const charge = (node: CommandNode, cost = 1) =>
    node.queue.consume({ ...basis, cost, operation: 'GET /' }, request());
  const giveBack = (
    node: CommandNode,
    leaseId: string,
    unusedUnits: number,
    context: CommandContext = request(),
  ) => node.queue.giveBack({ ...basis, leaseId, unusedUnits }, context);
  return { lease, charge, giveBack };
}

async function facts(node: CommandNode): Promise<readonly LedgerEvent['type'][]> {
  const log = await node.store.readAllAfter(0n, 10_000);
  return log.map(({ payload }) => payload.type).filter((type) => type.startsWith('Quota'));
}

describe('a lease', () => {
  it('counts as consumed, and what comes back can be spent again', async () => {
    const { node, lease, charge, giveBack } = await opened();
    const { leaseId, cost, quota } = await lease(node, 90);
    expect([cost, quota.consumed]).toEqual([90, 90]);
    expect(await lease(node, 90)).toMatchObject({ cost: 10, quota: { remaining: 0 } });
    expect(await charge(node)).toMatchObject({ rejection: { code: 'QUOTA_EXCEEDED' } });
    expect(await giveBack(node, leaseId!, 40)).toMatchObject({ quota: { remaining: 40 } });
    expect(await charge(node, 40)).toMatchObject({ outcome: 'accepted', quota: { remaining: 0 } });
  });

  it('of another node comes back as well, though this one knew nothing of it', async () => {
    const { node, other, lease, charge, giveBack } = await opened();
    await charge(other);
    const { leaseId } = await lease(node, 10);
    expect(await giveBack(other, leaseId!, 4)).toMatchObject({ quota: { consumed: 7 } });
    expect(await giveBack(node, leaseId!, 4)).toMatchObject({ cost: 0, quota: { consumed: 7 } });
    expect(await facts(node)).toEqual(['QuotaConsumed', 'QuotaConsumed', 'QuotaReturned']);
  });

  it('comes back once, whoever asks for it at once', async () => {
    const { node, other, lease, giveBack } = await opened();
    const { leaseId } = await lease(node, 10);
    const returned = await Promise.all(
      [node, other, node, other].map((each) => giveBack(each, leaseId!, 4)),
    );
    expect(returned.map(({ outcome }) => outcome)).toEqual(Array(4).fill('accepted'));
    expect((await facts(node)).filter((type) => type === 'QuotaReturned')).toHaveLength(1);
    expect(await giveBack(node, leaseId!, 5)).toMatchObject({
      rejection: { code: 'LEASE_RETURNED', returnedUnits: 4 },
    });
  });

  it('shares appends with charges, each decided after the other', async () => {
    const { store, node, lease, charge, giveBack } = await opened();
    const { leaseId } = await lease(node, 99);
    store.appends = 0;
    const [first, ...rest] = await Promise.all([
      charge(node),
      charge(node, 2),
      giveBack(node, leaseId!, 50),
      charge(node, 50),
      lease(node, 5),
    ]);
    expect(first).toMatchObject({ outcome: 'accepted' });
    expect(rest).toMatchObject([
      { rejection: { code: 'QUOTA_EXCEEDED' } },
      { quota: { consumed: 50 } },
      { quota: { consumed: 100 } },
      { rejection: { code: 'QUOTA_EXCEEDED' } },
    ]);
    expect(store.appends).toBe(1);
  });

  it('is given again to the repeat of its request, and its return as well', async () => {
    const { node, other, lease, giveBack } = await opened();
    const context = repeatable('lease', '{"units":10}');
    const first = await lease(node, 10, context);
    expect(await lease(other, 10, context)).toEqual(first);
    const back = repeatable('return', '{"unusedUnits":3}');
    const returned = await giveBack(node, first.leaseId!, 3, back);
    expect(await giveBack(other, first.leaseId!, 3, back)).toEqual(returned);
    expect(await giveBack(node, first.leaseId!, 2, repeatable('return', '{}'))).toMatchObject({
      rejection: { code: 'IDEMPOTENCY_KEY_REUSED' },
    });
  });

  it('under a key that was forgotten is another one', async () => {
    const { node, clock, lease } = await opened();
    const context = repeatable('lease');
    const first = await lease(node, 10, context);
    clock.advance(25 * 3_600_000);
    const second = await lease(node, 10, context);
    expect(second.leaseId).not.toBe(first.leaseId);
    expect(second.quota.consumed).toBe(20);
  });

  it('changes nothing once its window is over', async () => {
    const { node, clock, lease, charge, giveBack } = await opened();
    const { leaseId } = await lease(node, 90);
    clock.advance(40 * 86_400_000);
    expect(await giveBack(node, leaseId!, 40)).toMatchObject({ cost: 0, quota: { consumed: 0 } });
    await charge(node, 5);
    expect(await giveBack(node, leaseId!, 40)).toMatchObject({ cost: 0, quota: { consumed: 5 } });
    expect(await facts(node)).toEqual(['QuotaConsumed', 'QuotaConsumed']);
  });

  it('is not given to a dead token, and still comes back of one', async () => {
    const { node, target, lease, giveBack } = await opened();
    const { leaseId } = await lease(node, 90);
    const cause = { reason: 'requested', note: null } as const;
    await node.revokeToken.execute(new RevokeTokenCommand(target, cause, request()));
    expect(await lease(node, 1)).toMatchObject({ rejection: { code: 'TOKEN_REVOKED' } });
    expect(await giveBack(node, leaseId!, 40)).toMatchObject({ quota: { consumed: 50 } });
  });

  it.each(['', 'x', '2026-01', '2026-01.x', '2099-01.00000000-0000-4000-8000-000000000000'])(
    'of the name %p was never given',
    async (leaseId) => {
      const { node, giveBack } = await opened();
      expect(await giveBack(node, leaseId, 1)).toMatchObject({
        rejection: { code: 'LEASE_NOT_FOUND' },
      });
    },
  );

  it('whose answer was lost is found again by the repeat, and charged once', async () => {
    const { store, node, lease } = await opened();
    store.onAppend = async (append) => {
      await append();
      throw new StoreUnavailable('the answer was lost');
    };
    const context = repeatable('lease');
    await expect(lease(node, 10, context)).rejects.toThrow(StoreUnavailable);
    store.onAppend = (append) => append();
    expect(await lease(node, 10, context)).toMatchObject({ cost: 10, quota: { consumed: 10 } });
    expect(await facts(node)).toEqual(['QuotaConsumed']);
  });
});
