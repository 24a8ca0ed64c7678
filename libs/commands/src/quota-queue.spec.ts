import { USER_QUOTA_UNITS, type QuotaConsumed, type TokenId, type UserId } from '@ledger/domain';
import { MemoryEventStore, StoreUnavailable, type StoredEvent } from '@ledger/event-store';
import type { ChargeOutcome, QuotaSubject } from './charge.js';
import type { CommandContext } from './command-context.js';
import { CallerGone, ReadModelProgress } from './ports.js';
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
import { UpdateTokenCommand } from './update-token.handler.js';

const tokenSubject = (tokenId: TokenId): QuotaSubject => {
  return { kind: 'token', tokenId, secretId: null };
};

function charge(
  node: CommandNode,
  subject: QuotaSubject,
  cost = 1,
  context: CommandContext = request(),
): Promise<ChargeOutcome> {
  return node.queue.consume({ subject, orgId: null, cost, operation: 'GET /' }, context);
}

async function charges(node: CommandNode): Promise<readonly QuotaConsumed[]> {
  const log = (await node.store.readAllAfter(0n, 10_000)) as readonly StoredEvent[];
  return log.map(({ payload }) => payload).filter((event) => event.type === 'QuotaConsumed');
}

const accepted = (outcomes: readonly ChargeOutcome[]) =>
  outcomes.filter(({ outcome }) => outcome === 'accepted');

/** A node on a store that counts and interferes, with a token of 30 units. */
async function nodeWithToken(options: { clock?: ManualClock; maxQuota?: number | null } = {}) {
  const store = new FaultyStore(new MemoryEventStore());
  const { clock = new ManualClock(), maxQuota = 30 } = options;
  const node = openCommandNode({ store, clock });
  const { tokenId, target } = await existingToken(node, { maxQuota });
  store.appends = 0;
  store.reads = 0;
  return { store, clock, node, target, subject: tokenSubject(tokenId) };
}

describe('a hundred concurrent calls on a quota of thirty', () => {
  it('are charged thirty times, in two appends', async () => {
    const { node, store, subject } = await nodeWithToken();
    const outcomes = await Promise.all(Array.from({ length: 100 }, () => charge(node, subject)));
    expect(accepted(outcomes)).toHaveLength(30);
    expect(store.appends).toBeLessThanOrEqual(2);
    const events = await charges(node);
    expect(events.map(({ consumedAfter }) => consumedAfter)).toEqual(
      Array.from({ length: 30 }, (_, n) => n + 1),
    );
    const refused = { code: 'QUOTA_EXCEEDED', cost: 1, quota: { remaining: 0, consumed: 30 } };
    expect(outcomes.at(-1)).toMatchObject({ outcome: 'rejected', rejection: refused });
  });

  it('through two nodes are charged thirty times as well', async () => {
    const { node, store, subject } = await nodeWithToken();
    const other = openCommandNode({ store });
    const outcomes = await Promise.all(
      Array.from({ length: 100 }, (_, n) => charge(n % 2 === 0 ? node : other, subject)),
    );
    expect(accepted(outcomes)).toHaveLength(30);
    expect(await charges(node)).toHaveLength(30);
  });

  it('cost what they ask, and the small ones use up what the large ones leave', async () => {
    const { node, subject } = await nodeWithToken();
    const costs = [20, 20, 9, 2, 1, 31];
    const outcomes = await Promise.all(costs.map((cost) => charge(node, subject, cost)));
    expect(outcomes.map(({ outcome }) => outcome === 'accepted')).toEqual([
      ...[true, false, true, false, true, false],
    ]);
    expect(outcomes[5]).toMatchObject({ rejection: { code: 'COST_ABOVE_LIMIT' } });
    expect((await charges(node)).at(-1)).toMatchObject({ consumedAfter: 30, limit: 30 });
  });
});

describe('a charge', () => {
  it('of a known token reads nothing', async () => {
    const { node, store, subject } = await nodeWithToken();
    await charge(node, subject);
    store.reads = 0;
    for (let n = 0; n < 10; n += 1) await charge(node, subject);
    expect(store.reads).toBe(0);
  });

  it('of a token revoked on another node a moment ago is refused and costs nothing', async () => {
    const { node, store, subject, target } = await nodeWithToken();
    await charge(node, subject);
    const cause = { reason: 'requested', note: null } as const;
    const revoke = new RevokeTokenCommand(target, cause, request());
    await openCommandNode({ store }).revokeToken.execute(revoke);
    expect(await charge(node, subject)).toMatchObject({ rejection: { code: 'TOKEN_REVOKED' } });
    expect(await charges(node)).toHaveLength(1);
  });

  it('meets a limit that was changed on another node a moment ago, up or down', async () => {
    const { node, store, subject, target } = await nodeWithToken();
    const other = openCommandNode({ store });
    const setLimit = (maxQuota: number | null) =>
      other.updateToken.execute(new UpdateTokenCommand(target, { maxQuota }, request()));
    await charge(node, subject, 20);
    await setLimit(10);
    const quota = { limit: 10, consumed: 20, remaining: 0 };
    expect(await charge(node, subject)).toMatchObject({
      rejection: { code: 'QUOTA_EXCEEDED', quota },
    });
    await setLimit(21);
    expect(await charge(node, subject)).toMatchObject({ quota: { remaining: 0 } });
    await setLimit(null);
    expect(await charge(node, subject, 1_000_000)).toMatchObject({ quota: { remaining: null } });
  });

  it('of a token that expired is refused', async () => {
    const clock = new ManualClock();
    const node = openCommandNode({ clock });
    const expiresAt = '2026-03-27T11:00:00.000Z' as never;
    const { tokenId } = await existingToken(node, { expiresAt });
    const subject = tokenSubject(tokenId);
    clock.set('2026-03-27T10:59:59.999Z');
    expect(await charge(node, subject)).toMatchObject({ outcome: 'accepted' });
    clock.advance(1);
    expect(await charge(node, subject)).toMatchObject({ rejection: { code: 'TOKEN_EXPIRED' } });
  });

  it('of a token that was never created is refused', async () => {
    const unknown = charge(openCommandNode(), tokenSubject('nobody' as TokenId));
    expect(await unknown).toMatchObject({ rejection: { code: 'TOKEN_NOT_FOUND' } });
  });

  it('of a user is charged against the quota that every user has', async () => {
    const node = openCommandNode();
    const subject: QuotaSubject = { kind: 'user', userId: 'user-1' as UserId };
    expect(await charge(node, subject, USER_QUOTA_UNITS)).toMatchObject({ outcome: 'accepted' });
    expect(await charge(node, subject)).toMatchObject({ rejection: { code: 'QUOTA_EXCEEDED' } });
  });

  it('starts from zero in a new window, to the millisecond', async () => {
    const clock = new ManualClock('2026-12-31T23:59:59.999Z');
    const { node, subject } = await nodeWithToken({ clock });
    expect(await charge(node, subject, 30)).toMatchObject({
      quota: { remaining: 0, resetAt: '2027-01-01T00:00:00.000Z' },
    });
    expect(await charge(node, subject)).toMatchObject({ outcome: 'rejected' });
    clock.advance(1);
    expect(await charge(node, subject)).toMatchObject({ quota: { consumed: 1, remaining: 29 } });
  });

  it('waits for the read models of its node without holding up the next append', async () => {
    class StuckReadModels extends ReadModelProgress {
      override reached(): Promise<boolean> {
        return new Promise(() => undefined);
      }
    }
    const store = new MemoryEventStore();
    const { tokenId } = await existingToken(openCommandNode({ store }));
    const stuck = openCommandNode({ store, readModels: new StuckReadModels() });
    const answers = Array.from({ length: 3 }, () => charge(stuck, tokenSubject(tokenId)));
    while ((await charges(stuck)).length < 3) await new Promise(setImmediate);
    const first = await Promise.race([...answers, Promise.resolve('none answered')]);
    expect(first).toBe('none answered');
  });
});

describe('a charge with an idempotency key', () => {
  it('is made once, also when the acknowledgement was lost', async () => {
    const { node, store, subject } = await nodeWithToken();
    store.onAppend = async (append) => {
      await append();
      throw new StoreUnavailable('the answer was lost');
    };
    const calls = ['a', 'b', 'c'].map((key) => charge(node, subject, 5, repeatable(key)));
    const lost = await Promise.allSettled(calls);
    expect(lost.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    store.onAppend = (append) => append();
    for (const retrying of [node, openCommandNode({ store })]) {
      for (const [n, key] of ['b', 'c', 'a'].entries()) {
        const consumed = [10, 15, 5][n];
        const outcome = await charge(retrying, subject, 5, repeatable(key));
        expect(outcome).toMatchObject({ outcome: 'accepted', cost: 5, quota: { consumed } });
      }
    }
    expect(await charges(node)).toHaveLength(3);
  });

  it('is made once, however many ask at once on two nodes', async () => {
    const { node, store, subject } = await nodeWithToken();
    const other = openCommandNode({ store, clock: new ManualClock('2026-03-27T10:00:00.003Z') });
    const outcomes = await Promise.all(
      Array.from({ length: 40 }, (_, n) =>
        charge(n % 2 === 0 ? node : other, subject, 1, repeatable(`key ${n % 5}`)),
      ),
    );
    expect(accepted(outcomes)).toHaveLength(40);
    expect(await charges(node)).toHaveLength(5);
    expect((await charges(node)).at(-1)).toMatchObject({ consumedAfter: 5 });
  });

  it('is refused for another body, in the same batch or later', async () => {
    const { node, subject } = await nodeWithToken();
    const call = (cost: number, body: string) => charge(node, subject, cost, repeatable('k', body));
    const [, one, other] = await Promise.all([charge(node, subject), call(1, 'a'), call(9, 'b')]);
    expect(one).toMatchObject({ outcome: 'accepted', cost: 1 });
    expect(other).toMatchObject({ rejection: { code: 'IDEMPOTENCY_KEY_REUSED' } });
    expect(await call(9, 'b')).toMatchObject({ rejection: { code: 'IDEMPOTENCY_KEY_REUSED' } });
    expect(await charges(node)).toHaveLength(2);
  });

  it.each(['hour', 'day', 'month'] as const)(
    'is known for 24 hours across windows of one %s, and is a new charge after that',
    async (windowLength) => {
      const clock = new ManualClock('2026-03-31T18:30:00.000Z');
      const node = openCommandNode({ clock, windowLength });
      const { tokenId } = await existingToken(node);
      const subject = tokenSubject(tokenId);
      const first = await charge(node, subject, 5, repeatable('k'));
      for (const ms of [3_600_000, 22 * 3_600_000, 3_600_000 - 1]) {
        clock.advance(ms);
        expect(await charge(node, subject, 5, repeatable('k'))).toEqual(first);
      }
      clock.advance(1);
      await charge(node, subject, 5, repeatable('k'));
      expect(await charges(node)).toHaveLength(2);
    },
  );

  it('forgotten keys take no memory: those of the last 24 hours are held', async () => {
    const clock = new ManualClock('2026-03-01T00:00:00.000Z');
    const { node, subject } = await nodeWithToken({ clock, maxQuota: null });
    for (let day = 0; day < 20; day += 1) {
      for (let n = 0; n < 10; n += 1) await charge(node, subject, 1, repeatable(`${day} ${n}`));
      clock.advance(24 * 3_600_000);
    }
    const { streamId } = (await node.store.readAllAfter(1n, 1))[0]!;
    const fold = node.folds.kept({ streamId, initial: null, evolve: () => null });
    expect(fold?.revision).toBe(200);
    expect(fold?.repeatable.size).toBe(10);
  });
});

describe('a store that fails', () => {
  it('fails every call that waited on it, and the queue goes on afterwards', async () => {
    const { node, store, subject } = await nodeWithToken();
    store.onAppend = () => Promise.reject(new StoreUnavailable('no disk'));
    const calls = await Promise.allSettled(Array.from({ length: 10 }, () => charge(node, subject)));
    expect(calls.every(({ status }) => status === 'rejected')).toBe(true);
    expect(await charges(node)).toEqual([]);
    store.onAppend = (append) => append();
    expect(await charge(node, subject)).toMatchObject({ quota: { consumed: 1 } });
  });

  it('lets the calls go on from the truth when it had written after all', async () => {
    const { node, store, subject } = await nodeWithToken();
    store.onAppend = async (append) => {
      await append();
      throw new StoreUnavailable('the answer was lost');
    };
    await expect(charge(node, subject, 25)).rejects.toThrow(StoreUnavailable);
    store.onAppend = (append) => append();
    const outcomes = [await charge(node, subject, 6), await charge(node, subject, 5)];
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(['rejected', 'accepted']);
  });

  it('for one subject, or is slow for it, does not delay the others', async () => {
    const { node, store, subject } = await nodeWithToken();
    const { tokenId: quiet } = await existingToken(node);
    let release = (): void => undefined;
    const slow = new Promise<void>((resolve) => (release = resolve));
    store.onAppend = async (append, streamId) => {
      if (!streamId.includes(quiet)) await slow;
      return append();
    };
    const waiting = Promise.all(Array.from({ length: 100 }, () => charge(node, subject)));
    expect(await charge(node, tokenSubject(quiet))).toMatchObject({ outcome: 'accepted' });
    expect(await charges(node)).toHaveLength(1);
    release();
    expect(accepted(await waiting)).toHaveLength(30);
  });
});

describe('calls whose caller has gone (O2)', () => {
  it('are not charged, and those that wait beside them are, also under the same key', async () => {
    const { node, store, subject } = await nodeWithToken();
    const { reached, open } = store.holdAppends();
    let isGone = false;
    const leaving = (context = request()): CommandContext => ({ ...context, isGone: () => isGone });
    const underWay = charge(node, subject, 1, leaving());
    await reached;
    const repeated = repeatable('key');
    const gone = [charge(node, subject, 2, leaving()), charge(node, subject, 4, leaving(repeated))];
    const waits = charge(node, subject, 4, repeated);
    isGone = true;
    open();
    for (const each of gone) await expect(each).rejects.toBeInstanceOf(CallerGone);
    expect(await underWay).toMatchObject({ outcome: 'accepted', quota: { consumed: 1 } });
    expect(await waits).toMatchObject({ outcome: 'accepted', quota: { consumed: 5 } });
    expect((await charges(node)).map(({ cost }) => cost)).toEqual([1, 4]);

    store.appends = 0;
    await expect(charge(node, subject, 8, leaving())).rejects.toBeInstanceOf(CallerGone);
    expect(store.appends).toBe(0);
    expect(await charge(node, subject, 1)).toMatchObject({ outcome: 'accepted' });
  });
});
