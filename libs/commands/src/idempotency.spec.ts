import { MemoryEventStore, StoreUnavailable } from '@ledger/event-store';
import { RevokeTokenCommand } from './revoke-token.handler.js';
import { RotateTokenCommand } from './rotate-token.handler.js';
import {
  createSample,
  existingOrganization,
  existingToken,
  FaultyStore,
  ManualClock,
  openCommandNode,
  repeatable,
  request,
  type CommandNode,
} from './testing/index.js';
import { UpdateTokenCommand } from './update-token.handler.js';
import { IssuePersonalTokenCommand, RegisterUserCommand } from './user.handlers.js';

const HOUR_MS = 3_600_000;
const KEY_REUSED = { outcome: 'rejected', rejection: { code: 'IDEMPOTENCY_KEY_REUSED' } };
const AT_ONCE = { graceMs: 0, closePrevious: false } as const;

const eventsIn = async (node: CommandNode) => (await node.store.readAllAfter(0n, 1000)).length;

describe('an idempotency key', () => {
  it('gives the first answer again, secret included, and makes nothing twice', async () => {
    const node = openCommandNode();
    const first = await createSample(node, {}, repeatable('k'));
    const again = await createSample(node, {}, repeatable('k'));
    expect(again.secret.reveal()).toBe(first.secret.reveal());
    expect(again.outcome).toEqual({ ...first.outcome, repeated: true });
    expect(await eventsIn(node)).toBe(1);
  });

  it('is refused for another body', async () => {
    const node = openCommandNode();
    await createSample(node, {}, repeatable('k', '{"name":"a"}'));
    const { outcome } = await createSample(node, {}, repeatable('k', '{"name":"b"}'));
    expect(outcome).toEqual(KEY_REUSED);
    expect(await eventsIn(node)).toBe(1);
  });

  it('is refused after 24 hours, and good until then', async () => {
    const clock = new ManualClock();
    const node = openCommandNode({ clock });
    await createSample(node, {}, repeatable('k'));
    clock.advance(24 * HOUR_MS - 1);
    const inTime = await createSample(node, {}, repeatable('k'));
    expect(inTime.outcome).toMatchObject({ outcome: 'accepted', repeated: true });
    clock.advance(1);
    expect((await createSample(node, {}, repeatable('k'))).outcome).toEqual(KEY_REUSED);
    clock.advance(40 * 24 * HOUR_MS);
    expect((await createSample(node, {}, repeatable('k'))).outcome).toEqual(KEY_REUSED);
  });

  it('of one caller means nothing from another, nor on another route', async () => {
    const node = openCommandNode();
    const [ada, bob] = [await existingToken(node), await existingToken(node)];
    const contexts = [
      repeatable('k', '{}', ada.principal),
      repeatable('k', '{}', bob.principal),
      { ...repeatable('k', '{}', ada.principal), dialect: 'socket' },
    ];
    const route = { ...contexts[0]!.repeat!, route: 'POST /v1/other' };
    contexts.push({ ...contexts[0]!, repeat: route });
    const made = await Promise.all(contexts.map((context) => createSample(node, {}, context)));
    expect(new Set(made.map(({ secret }) => secret.digest)).size).toBe(4);
    expect(await eventsIn(node)).toBe(6);
  });

  it('used fifty times at once makes one token, and all are given its secret', async () => {
    for (const nodes of [1, 2]) {
      const store = new MemoryEventStore();
      const opened = Array.from({ length: nodes }, () => openCommandNode({ store }));
      const made = await Promise.all(
        Array.from({ length: 50 }, (_, n) => createSample(opened[n % nodes]!, {}, repeatable('k'))),
      );
      expect(new Set(made.map(({ secret }) => secret.reveal())).size).toBe(1);
      const positions = made.map(({ outcome }) => 'position' in outcome && outcome.position);
      expect(new Set(positions)).toEqual(new Set([1n]));
      expect(await eventsIn(opened[0]!)).toBe(1);
    }
  });

  it('used for two bodies at once on two nodes gives each node the truth', async () => {
    const store = new MemoryEventStore();
    const nodes = [openCommandNode({ store }), openCommandNode({ store })];
    const made = await Promise.all(
      ['a', 'b'].map((name, n) => createSample(nodes[n]!, { name }, repeatable('k', name))),
    );
    const accepted = made.filter(({ outcome }) => outcome.outcome === 'accepted');
    expect(accepted).toHaveLength(1);
    expect(made.map(({ outcome }) => outcome)).toContainEqual(KEY_REUSED);
    const log = await store.readAllAfter(0n, 10);
    expect(accepted[0]!.outcome).toMatchObject({ events: log.map(({ payload }) => payload) });
  });

  it('used on two nodes a moment apart leaves both with what was recorded', async () => {
    const store = new MemoryEventStore();
    const clocks = [new ManualClock(), new ManualClock('2026-03-27T10:00:00.007Z')];
    const nodes = clocks.map((clock) => openCommandNode({ store, clock }));
    const made = await Promise.all(nodes.map((node) => createSample(node, {}, repeatable('k'))));
    const [one, other] = made.map(({ outcome }) => outcome);
    if (one?.outcome !== 'accepted' || other?.outcome !== 'accepted') throw new Error('refused');
    expect(other.state).toEqual(one.state);
    expect(await eventsIn(nodes[0]!)).toBe(1);
  });

  it('covers rotations, updates, revocations, people and personal tokens', async () => {
    const node = openCommandNode();
    const { target } = await existingToken(node);
    const twice = async <T>(work: () => Promise<T>): Promise<readonly [T, T]> => {
      return [await work(), await work()];
    };
    const [first, again] = await twice(() =>
      node.rotateToken.execute(new RotateTokenCommand(target, AT_ONCE, repeatable('rotate'))),
    );
    expect(again.secret.reveal()).toBe(first.secret.reveal());
    expect(again.outcome).toEqual({ ...first.outcome, repeated: true });

    const [updated, updatedAgain] = await twice(() =>
      node.updateToken.execute(
        new UpdateTokenCommand(target, { name: 'x', maxQuota: 7 }, repeatable('update')),
      ),
    );
    expect(updated).toMatchObject({ events: [{}, {}] });
    expect(updatedAgain).toEqual({ ...updated, repeated: true });

    const cause = { reason: 'requested', note: null } as const;
    const [revoked, revokedAgain] = await twice(() =>
      node.revokeToken.execute(new RevokeTokenCommand(target, cause, repeatable('revoke'))),
    );
    expect(revokedAgain).toEqual({ ...revoked, repeated: true });

    const user = { email: 'ada@example.org', name: null, operator: false };
    const [registered, registeredAgain] = await twice(() =>
      node.registerUser.execute(new RegisterUserCommand(user, repeatable('user'))),
    );
    expect(registeredAgain).toEqual({ ...registered, repeated: true });

    const { userId } = await existingOrganization(node);
    const [issued, issuedAgain] = await twice(() =>
      node.issuePersonalToken.execute(
        new IssuePersonalTokenCommand(userId, 'laptop', repeatable('personal')),
      ),
    );
    expect(issuedAgain.secret.reveal()).toBe(issued.secret.reveal());
    expect(issuedAgain.tokenId).toBe(issued.tokenId);
  });

  it('gives the answer of then, whatever happened to the token since', async () => {
    const node = openCommandNode();
    const first = await createSample(node, {}, repeatable('k'));
    if (first.outcome.outcome === 'rejected' || first.outcome.state.status === 'absent') {
      throw new Error('the system may create tokens');
    }
    const { tokenId, orgId } = first.outcome.state;
    const target = { tokenId, orgId };
    await node.updateToken.execute(new UpdateTokenCommand(target, { name: 'later' }, request()));
    const again = await createSample(node, {}, repeatable('k'));
    expect(again.outcome).toEqual({ ...first.outcome, repeated: true });
  });
});

describe('a crash between append and answer', () => {
  it.each(['create', 'rotate'] as const)('of a %s is healed by the retry', async (what) => {
    const memory = new MemoryEventStore();
    const store = new FaultyStore(memory);
    const { target } = await existingToken(openCommandNode({ store }));
    const run = (node: CommandNode) =>
      what === 'create'
        ? createSample(node, {}, repeatable('k'))
        : node.rotateToken.execute(new RotateTokenCommand(target, AT_ONCE, repeatable('k')));

    for (const durable of [false, true]) {
      store.onAppend = async (append) => {
        if (durable) await append();
        throw new StoreUnavailable('the process died here');
      };
      await expect(run(openCommandNode({ store }))).rejects.toThrow(StoreUnavailable);
    }
    // The process that comes up after it remembers nothing but the log and the master key.
    const retried = await run(openCommandNode({ store: memory }));
    const again = await run(openCommandNode({ store: memory }));
    expect(retried.outcome).toMatchObject({ outcome: 'accepted', repeated: true });
    expect(again.secret.reveal()).toBe(retried.secret.reveal());
    const log = await memory.readAllAfter(0n, 10);
    expect(log).toHaveLength(2);
    expect(log[1]!.payload).toMatchObject({ secret: { digest: retried.secret.digest } });
  });
});

describe('within the retry window, without a key', () => {
  const retryWindowMs = 10_000;

  it('the same body of the same caller is taken for a repeat, also over the edge of a piece', async () => {
    for (let offset = 0; offset < retryWindowMs; offset += 1_250) {
      const clock = new ManualClock();
      const node = openCommandNode({ clock, retryWindowMs });
      clock.advance(offset);
      const first = await createSample(node, {}, repeatable(null));
      clock.advance(retryWindowMs - 1);
      const again = await createSample(node, {}, repeatable(null));
      expect(again.secret.reveal()).toBe(first.secret.reveal());
      expect(await eventsIn(node)).toBe(1);
      clock.advance(1);
      const later = await createSample(node, {}, repeatable(null));
      expect(later.secret.reveal()).not.toBe(first.secret.reveal());
      expect(later.outcome).toMatchObject({ outcome: 'accepted', repeated: false });
    }
  });

  it('another body, another caller and an update are no repeats', async () => {
    const node = openCommandNode({ retryWindowMs });
    const { principal, target } = await existingToken(node);
    await createSample(node, {}, repeatable(null, 'a'));
    await createSample(node, {}, repeatable(null, 'b'));
    await createSample(node, {}, repeatable(null, 'a', principal));
    expect(await eventsIn(node)).toBe(4);
    for (const name of ['x', 'y', 'x']) {
      const command = new UpdateTokenCommand(target, { name }, repeatable(null, name));
      expect(await node.updateToken.execute(command)).toMatchObject({ repeated: false });
    }
  });

  it('nothing is a repeat where the window is off', async () => {
    const node = openCommandNode();
    await createSample(node, {}, repeatable(null));
    await createSample(node, {}, repeatable(null));
    expect(await eventsIn(node)).toBe(2);
  });
});
