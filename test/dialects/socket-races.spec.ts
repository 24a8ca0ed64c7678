import { SocketWorld, tokenBody } from '../support/socket-world.js';

let world: SocketWorld;

beforeAll(async () => {
  world = await SocketWorld.start();
});
afterAll(() => world.close());

const ROUNDS = Array.from({ length: 25 }, (_, round) => round);
const isAlive = async (secret: string) => (await world.as(secret).call('quota')).status === 200;

describe('calls in parallel', () => {
  it('K8: two rotations of one token both succeed, and only the later secret works', async () => {
    for (const _round of ROUNDS) {
      const { group_uuid: uuid, token } = await world.token();
      const rotated = await Promise.all([
        world.root.client.rotate({ uuid }),
        world.root.client.rotate({ uuid }),
      ]);
      expect(rotated.map(({ group_uuid: id }) => id)).toEqual([uuid, uuid]);
      expect(rotated[0].id).not.toBe(rotated[1].id);
      const { id } = (await world.root.client.listed(uuid))!;
      for (const each of rotated) expect(await isAlive(each.token)).toBe(each.id === id);
      expect(rotated.map((each) => each.id)).toContain(id);
      expect(await isAlive(token)).toBe(false);
    }
  });

  it('K8: of two rotations by the current hash only one can still be right', async () => {
    for (const _round of ROUNDS) {
      const { hash } = await world.token();
      const answers = await Promise.all(
        [1, 2].map(() => world.root.client.call('rotate', { body: { hash } })),
      );
      expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 404]);
    }
  });

  it('K9: a revocation wins over a rotation, whichever came first', async () => {
    for (const round of ROUNDS) {
      const { group_uuid: uuid, token } = await world.token();
      const rotate = () => world.root.client.call('rotate', { body: { uuid } });
      const revoke = () => world.root.client.call('revoke', { body: { uuid } });
      const [first, second] =
        round % 2
          ? await Promise.all([rotate(), revoke()])
          : (await Promise.all([revoke(), rotate()])).toReversed();
      expect(second!.status).toBe(200);
      expect([200, 404]).toContain(first!.status);
      expect(await isAlive(token)).toBe(false);
      if (first!.status === 200) expect(await isAlive(first!.body['token'] as string)).toBe(false);
      expect(await world.root.client.listed(uuid)).toBeUndefined();
    }
  });

  it('K2: a hundred revocations of one token are one event and a hundred same answers', async () => {
    const { group_uuid: uuid } = await world.token();
    const types = await world.recordedTypes(async () => {
      const answers = await Promise.all(
        Array.from({ length: 100 }, () => world.root.client.call('revoke', { body: { uuid } })),
      );
      for (const { status, body } of answers) {
        expect([status, body]).toEqual([200, { status: 'revoked' }]);
      }
    });
    expect(types.filter((type) => type === 'TokenRevoked')).toHaveLength(1);
    expect(types.filter((type) => type === 'QuotaConsumed')).toHaveLength(100);
  });

  it('K7: whatever a token had under way when it revoked itself is done or unauthorized', async () => {
    for (const _round of ROUNDS.slice(0, 10)) {
      const { client, group_uuid: uuid } = await world.token({ scopes: ['api-tokens'] });
      const calls = Array.from({ length: 12 }, (_, index) => {
        if (index === 5) return client.call('revoke', { body: { uuid } });
        if (index % 3 === 0) return client.call('create', { body: tokenBody() });
        return client.call('list');
      });
      const statuses = (await Promise.all(calls)).map(({ status }) => status);
      expect(statuses.filter((status) => status !== 200 && status !== 401)).toEqual([]);
      expect((await client.call('quota')).status).toBe(401);
    }
  });

  it('K7: a call that the revocation of its token overtakes is unauthorized, and not charged', async () => {
    const { client, group_uuid: uuid } = await world.token({ scopes: ['api-tokens'] });
    const { store } = world.service.ledger;
    const append = store.append.bind(store);
    let release!: () => void;
    let reach!: () => void;
    const released = new Promise<void>((resolve) => (release = resolve));
    const reached = new Promise<void>((resolve) => (reach = resolve));
    store.append = async (streamId, ...rest) => {
      if (streamId.startsWith(`quota-${uuid}`)) {
        reach();
        await released;
      }
      return append(streamId, ...rest);
    };
    try {
      const types = await world.recordedTypes(async () => {
        const overtaken = client.call('list');
        await reached;
        await world.root.client.call('revoke', { body: { uuid } });
        release();
        expect((await overtaken).status).toBe(401);
      });
      expect(types).toEqual(['QuotaConsumed', 'TokenRevoked']);
    } finally {
      store.append = append;
    }
  });

  it('K7: nothing is created by a token after its revocation (A13)', async () => {
    const { client, group_uuid: uuid } = await world.token({ scopes: ['api-tokens'] });
    const events = await world.recorded(async () => {
      const creates = Array.from({ length: 40 }, () =>
        client.call('create', { body: tokenBody() }),
      );
      await world.root.client.call('revoke', { body: { uuid } });
      await Promise.all(creates);
    });
    const types = events.map(({ type }) => type);
    const after = types.slice(types.indexOf('TokenRevoked') + 1);
    expect(after).not.toContain('TokenCreated');
    expect(after).not.toContain('QuotaConsumed');
  });

  it('K7: whatever a token had under way when it rotated itself is done or unauthorized', async () => {
    for (const _round of ROUNDS.slice(0, 10)) {
      const { client, group_uuid: uuid } = await world.token({ scopes: ['api-tokens'] });
      const calls = Array.from({ length: 8 }, (_, index) =>
        index === 3
          ? client.call('rotate', { body: { uuid } })
          : client.call('create', { body: tokenBody() }),
      );
      const statuses = (await Promise.all(calls)).map(({ status }) => status);
      expect(statuses.filter((status) => status !== 200 && status !== 401)).toEqual([]);
    }
  });

  it('updates of one token are applied one after the other, none lost', async () => {
    const { group_uuid: uuid } = await world.token({ max_quota: 0 });
    const events = await world.recorded(() =>
      Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          world.root.client.call('update', {
            body: { ...tokenBody({ max_quota: index + 1 }), uuid },
          }),
        ),
      ),
    );
    const changes = events.flatMap((event) =>
      event.type === 'TokenMaxQuotaChanged' ? [event] : [],
    );
    expect(changes).toHaveLength(20);
    for (const [index, { from }] of changes.entries()) {
      expect(from).toBe(index === 0 ? 0 : changes[index - 1]!.to);
    }
  });
});
