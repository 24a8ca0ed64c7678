import type { TokenId } from '@ledger/domain';
import { MemoryEventStore, StoreUnavailable } from '@ledger/event-store';
import { CallerGone, Contention, READ_YOUR_WRITES_MS_MAX, ReadModelProgress } from './ports.js';
import { RevokeTokenCommand } from './revoke-token.handler.js';
import { RotateTokenCommand } from './rotate-token.handler.js';
import { tokenStream } from './streams.js';
import {
  createSample,
  existingOrganization,
  existingToken,
  FaultyStore,
  ManualClock,
  openCommandNode,
  request,
  sampleOrg,
  type CommandNode,
} from './testing/index.js';
import { UpdateTokenCommand, type TokenTarget } from './update-token.handler.js';
import { ChangeOrganizationCommand, CreateOrganizationCommand } from './organization.handlers.js';
import { CreateTokenCommand } from './create-token.handler.js';
import { RevokePersonalTokenCommand } from './user.handlers.js';
import { sampleAttributes } from './testing/command-node.js';

const CAUSE = { reason: 'requested', note: null } as const;
const AT_ONCE = { graceMs: 0, closePrevious: false } as const;

const revoke = (node: CommandNode, target: TokenTarget, context = request()) =>
  node.revokeToken.execute(new RevokeTokenCommand(target, CAUSE, context));
const rename = (node: CommandNode, target: TokenTarget, name: string) =>
  node.updateToken.execute(new UpdateTokenCommand(target, { name }, request()));
const rotate = (node: CommandNode, target: TokenTarget, context = request()) =>
  node.rotateToken.execute(new RotateTokenCommand(target, AT_ONCE, context));

function twoNodes() {
  const store = new MemoryEventStore();
  const clock = new ManualClock();
  return [openCommandNode({ store, clock }), openCommandNode({ store, clock })] as const;
}

describe('a command that loses a race', () => {
  it('is decided again on what won', async () => {
    const store = new FaultyStore(new MemoryEventStore());
    const [near, far] = [openCommandNode({ store }), openCommandNode({ store })];
    const { target } = await existingToken(near);
    await rename(far, target, 'first of far');
    const outcome = await rename(near, target, 'near');
    expect(outcome).toMatchObject({ outcome: 'accepted', revision: 3, state: { name: 'near' } });
    expect(outcome).toMatchObject({ events: [{ from: 'first of far', to: 'near' }] });
  });

  it('gives up after five losses, and the next one goes through', async () => {
    const memory = new MemoryEventStore();
    const store = new FaultyStore(memory);
    const [near, far] = [openCommandNode({ store }), openCommandNode({ store: memory })];
    const { target } = await existingToken(near);
    let losses = 0;
    store.onAppend = async (append) => {
      losses += 1;
      await rename(far, target, `far ${losses}`);
      return append();
    };
    await expect(rename(near, target, 'near')).rejects.toThrow(Contention);
    expect(losses).toBe(5);
    store.onAppend = (append) => append();
    expect(await rename(near, target, 'near')).toMatchObject({ outcome: 'accepted' });
  });

  it('never loses to another command of its own node', async () => {
    const store = new FaultyStore(new MemoryEventStore());
    const node = openCommandNode({ store });
    const { target } = await existingToken(node);
    store.appends = 0;
    const names = Array.from({ length: 50 }, (_, n) => `name ${n}`);
    await Promise.all(names.map((name) => rename(node, target, name)));
    expect(store.appends).toBe(50);
  });
});

describe('a refusal', () => {
  it('is never given on what the node merely remembers', async () => {
    const [near, far] = twoNodes();
    const { target } = await existingToken(near);
    await revoke(far, target);
    expect(await rename(near, target, 'x')).toMatchObject({ rejection: { code: 'TOKEN_REVOKED' } });

    const { target: unknown } = await existingToken(far);
    expect(await rename(near, unknown, 'x')).toMatchObject({ outcome: 'accepted' });
  });

  it('is taken back where another node has removed its reason', async () => {
    const [near, far] = twoNodes();
    const { principal, tokenId, target } = await existingToken(near, { scopes: ['repo:list'] });
    const wide = { scopes: ['repo'] };
    const refused = await createSample(near, wide, request(principal));
    expect(refused.outcome).toMatchObject({ rejection: { code: 'SCOPES_NOT_HELD' } });
    await far.updateToken.execute(new UpdateTokenCommand({ ...target, tokenId }, wide, request()));
    const { outcome } = await createSample(near, wide, request(principal));
    expect(outcome.outcome).toBe('accepted');
  });

  it('names the same reason for a dead caller whatever is asked', async () => {
    const node = openCommandNode();
    const { orgId, userId, personalTokenId, principal } = await existingOrganization(node);
    await node.revokePersonalToken.execute(
      new RevokePersonalTokenCommand(userId, personalTokenId, request()),
    );
    const context = request(principal);
    const organization = { slug: 'other', name: null, plan: 'free', firstAdmin: userId };
    const change = { type: 'UpdateOrganization', plan: 'team' } as const;
    const outcomes = await Promise.all([
      node.createOrganization.execute(new CreateOrganizationCommand(organization, context)),
      node.changeOrganization.execute(new ChangeOrganizationCommand(orgId, change, context)),
      createSample(node, {}, context).then(({ outcome }) => outcome),
    ]);
    for (const outcome of outcomes) {
      expect(outcome).toEqual({ outcome: 'rejected', rejection: { code: 'ACTOR_NOT_LIVE' } });
    }
  });

  it('meets a caller whose token the log does not hold', async () => {
    const tokenId = 'never-created' as TokenId;
    const principal = { kind: 'org_token', tokenId, orgId: sampleOrg, secretId: 's' } as const;
    const { outcome } = await createSample(openCommandNode(), {}, request(principal as never));
    expect(outcome).toMatchObject({ rejection: { code: 'ACTOR_NOT_LIVE' } });
  });
});

describe('the caller at commit', () => {
  it('who is revoked while creates are in flight has no create after the revoke', async () => {
    let refused = 0;
    for (let seed = 0; seed < 200; seed += 1) {
      const random = mulberry32(seed);
      const store = new FaultyStore(new MemoryEventStore());
      const [near, far] = [openCommandNode({ store }), openCommandNode({ store })];
      const { principal, target } = await existingToken(near);
      store.onAppend = async (append) => (await pause(random), append());
      store.onRead = () => pause(random);
      const creates = Array.from({ length: 6 }, (_, n) =>
        createSample(n % 2 === 0 ? near : far, {}, request(principal)),
      );
      const [revoked, ...outcomes] = await Promise.all([revoke(far, target), ...creates]);
      expect(revoked.outcome).toBe('accepted');
      refused += outcomes.filter(({ outcome }) => outcome.outcome === 'rejected').length;
      const types = (await store.readAllAfter(0n, 100)).map(({ payload }) => payload.type);
      expect(types.lastIndexOf('TokenCreated')).toBeLessThan(types.indexOf('TokenRevoked'));
    }
    // Both orders came up, else this has shown nothing.
    expect(refused).toBeGreaterThan(100);
    expect(refused).toBeLessThan(1100);
  });

  it('who is removed from the organization on another node creates nothing more', async () => {
    const [near, far] = twoNodes();
    const { orgId, userId, principal } = await existingOrganization(near);
    const create = () =>
      near.createToken.execute(
        new CreateTokenCommand(orgId, 'native', sampleAttributes, request(principal)),
      );
    expect((await create()).outcome.outcome).toBe('accepted');
    const change = (type: 'SetMember' | 'RemoveMember', id: string, more = {}) =>
      far.changeOrganization.execute(
        new ChangeOrganizationCommand(orgId, { type, userId: id, ...more } as never, request()),
      );
    await change('SetMember', 'user-2', { role: 'admin' });
    await change('RemoveMember', userId);
    expect((await create()).outcome.outcome).toBe('rejected');
  });

  it('who uses a secret that was rotated away is dead, and within its grace is not', async () => {
    const clock = new ManualClock();
    const node = openCommandNode({ clock });
    const { target, principal } = await existingToken(node);
    const graceful = { graceMs: 60_000, closePrevious: false };
    await node.rotateToken.execute(new RotateTokenCommand(target, graceful, request()));
    expect((await createSample(node, {}, request(principal))).outcome.outcome).toBe('accepted');
    clock.advance(60_000);
    const { outcome } = await createSample(node, {}, request(principal));
    expect(outcome).toMatchObject({ rejection: { code: 'ACTOR_NOT_LIVE' } });
  });
});

describe('racing commands on one token', () => {
  it('revoked a hundred times over is revoked once, and everybody is told the same', async () => {
    const [near, far] = twoNodes();
    const { target, tokenId } = await existingToken(near);
    const outcomes = await Promise.all(
      Array.from({ length: 100 }, (_, n) => revoke(n % 2 === 0 ? near : far, target)),
    );
    const seen = outcomes.map((each) => (each.outcome === 'accepted' ? each.state : null));
    expect(new Set(seen.map((state) => JSON.stringify(state))).size).toBe(1);
    expect(await typesOf(near, tokenId)).toEqual(['TokenCreated', 'TokenRevoked']);
  });

  it('rotated by sixteen at once ends with one current secret, which its caller holds', async () => {
    for (let round = 0; round < 40; round += 1) {
      const [near, far] = twoNodes();
      const { target } = await existingToken(near);
      const rotations = await Promise.all(
        Array.from({ length: 16 }, (_, n) => rotate(n % 2 === 0 ? near : far, target)),
      );
      const { state } = await near.folds.refresh(tokenStream(target.tokenId));
      if (state.status === 'absent') throw new Error('the token was created');
      const { current, previous } = state.secrets;
      expect(previous).toBeNull();
      const holders = rotations.filter(({ secret }) => secret.digest === current.digest);
      expect(holders).toHaveLength(1);
      for (const { outcome, secret } of rotations) {
        if (outcome.outcome !== 'accepted') continue;
        expect(outcome.events).toMatchObject([{ secret: { digest: secret.digest } }]);
      }
    }
  });

  it('is never rotated after it was revoked', async () => {
    for (let seed = 0; seed < 100; seed += 1) {
      const random = mulberry32(seed);
      const store = new FaultyStore(new MemoryEventStore());
      const [near, far] = [openCommandNode({ store }), openCommandNode({ store })];
      const { target, tokenId } = await existingToken(near);
      store.onAppend = async (append) => (await pause(random), append());
      const [, ...rotations] = await Promise.all([
        revoke(near, target),
        ...Array.from({ length: 4 }, (_, n) => rotate(n % 2 === 0 ? near : far, target)),
      ]);
      const types = await typesOf(near, tokenId);
      expect(types.at(-1)).toBe('TokenRevoked');
      const accepted = rotations.filter(({ outcome }) => outcome.outcome === 'accepted');
      expect(types.filter((type) => type === 'TokenRotated')).toHaveLength(accepted.length);
    }
  });
});

describe('an answer', () => {
  class SlowReadModels extends ReadModelProgress {
    readonly asked: { readonly position: bigint; readonly timeoutMs: number }[] = [];

    override async reached(position: bigint, timeoutMs: number): Promise<boolean> {
      this.asked.push({ position, timeoutMs });
      return false;
    }
  }

  it('waits for the read models of its node, so long and no longer, and is given all the same', async () => {
    const readModels = new SlowReadModels();
    const node = openCommandNode({ readModels });
    const { target } = await existingToken(node);
    const outcome = await rename(node, target, 'x');
    expect(outcome).toMatchObject({ outcome: 'accepted', position: 2n });
    expect(readModels.asked).toEqual([
      { position: 1n, timeoutMs: READ_YOUR_WRITES_MS_MAX },
      { position: 2n, timeoutMs: READ_YOUR_WRITES_MS_MAX },
    ]);
  });

  it('that nothing had to change waits for what said so', async () => {
    const store = new MemoryEventStore();
    const { target } = await existingToken(openCommandNode({ store }));
    await revoke(openCommandNode({ store }), target);
    const readModels = new SlowReadModels();
    await revoke(openCommandNode({ store, readModels }), target);
    expect(readModels.asked).toMatchObject([{ position: 2n }]);
  });

  it('that is slow keeps no other command of the token waiting', async () => {
    let release = (): void => undefined;
    class StuckReadModels extends ReadModelProgress {
      override reached(): Promise<boolean> {
        return new Promise((resolve) => (release = () => resolve(true)));
      }
    }
    const store = new MemoryEventStore();
    const { target } = await existingToken(openCommandNode({ store }));
    const stuck = openCommandNode({ store, readModels: new StuckReadModels() });
    const answers = [rename(stuck, target, 'a'), rename(stuck, target, 'b')];
    while ((await store.head()) < 3n) await new Promise(setImmediate);
    release();
    await answers[1];
  });

  it('is refused when the store cannot say, and the node goes on from the truth', async () => {
    const store = new FaultyStore(new MemoryEventStore());
    const node = openCommandNode({ store });
    const { target, tokenId } = await existingToken(node);
    store.onAppend = async (append) => {
      await append();
      throw new StoreUnavailable('the answer was lost');
    };
    await expect(rename(node, target, 'lost')).rejects.toThrow(StoreUnavailable);
    store.onAppend = (append) => append();
    expect(await rename(node, target, 'next')).toMatchObject({ events: [{ from: 'lost' }] });
    expect(await typesOf(node, tokenId)).toHaveLength(3);
  });
});

async function typesOf(node: CommandNode, tokenId: TokenId): Promise<readonly string[]> {
  return (await node.store.read(`token-${tokenId}`)).map(({ payload }) => payload.type);
}

/** Gives way for zero to five turns of the event loop. */
async function pause(random: () => number): Promise<void> {
  for (let turns = Math.floor(random() * 6); turns > 0; turns -= 1) {
    await new Promise(setImmediate);
  }
}

function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

describe('a command whose caller has gone (O2)', () => {
  /** A node whose token has an append under way, and how to let that go on. */
  async function nodeWithAppendUnderWay() {
    const store = new FaultyStore(new MemoryEventStore());
    const node = openCommandNode({ store });
    const { target } = await existingToken(node);
    const { reached, open } = store.holdAppends();
    let isGone = false;
    const leaving = { ...request(), isGone: () => isGone };
    const first = node.updateToken.execute(
      new UpdateTokenCommand(target, { name: 'first' }, leaving),
    );
    await reached;
    store.appends = 0;
    const leave = (): void => void (isGone = true);
    return { node, store, target, first, leaving, leave, open };
  }

  it('appends nothing when its turn comes, and what is under way is carried out', async () => {
    const { node, store, target, first, leaving, leave, open } = await nodeWithAppendUnderWay();
    const queued = node.updateToken.execute(
      new UpdateTokenCommand(target, { name: 'second' }, leaving),
    );
    leave();
    open();
    await expect(queued).rejects.toBeInstanceOf(CallerGone);
    expect(await first).toMatchObject({ outcome: 'accepted', state: { name: 'first' } });
    expect(store.appends).toBe(0);
    expect(await rename(node, target, 'third')).toMatchObject({ outcome: 'accepted', revision: 3 });
  });

  it('is carried out all the same where it ends a credential', async () => {
    const { node, target, first, leaving, leave, open } = await nodeWithAppendUnderWay();
    const queued = revoke(node, target, leaving);
    leave();
    open();
    await first;
    expect(await queued).toMatchObject({ outcome: 'accepted', state: { status: 'revoked' } });
  });
});
