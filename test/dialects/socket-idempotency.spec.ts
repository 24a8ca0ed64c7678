import { atOnce, bearer, CREATES_AT_ONCE } from '../support/plain-calls.js';
import { SocketWorld, tokenBody } from '../support/socket-world.js';

const HOUR_MS = 3_600_000;

const keyed = (key: string, repeats = true) => ({
  headers: { 'idempotency-key': key },
  repeats,
});

const keyedPost = (secret: string, path: string, body: object) => ({
  ...{ method: 'POST', path, body: JSON.stringify(body) },
  headers: { ...bearer(secret), 'idempotency-key': 'many' },
});

describe('a request with an idempotency key', () => {
  let world: SocketWorld;

  beforeAll(async () => {
    world = await SocketWorld.start();
  });
  afterAll(() => world.close());

  it('to create makes one token, charged once, and answers the same to every repeat', async () => {
    const { client } = await world.token({ scopes: ['api-tokens'] });
    const body = tokenBody({ name: 'once' });
    const types = await world.recordedTypes(async () => {
      const first = await client.create(body, keyed('create-1'));
      for (let time = 0; time < 3; time += 1) {
        world.service.clock.advance(HOUR_MS);
        expect(await client.create(body, keyed('create-1'))).toEqual(first);
      }
      expect((await world.as(first.token).call('quota')).status).toBe(200);
      expect((await world.root.client.listed(first.group_uuid))!.created_at).toBe('2026-03-27');
    });
    expect(types.filter((type) => type === 'TokenCreated')).toHaveLength(1);
    expect(await client.remaining()).toBe(990);
  });

  it('to rotate makes one secret, which stays good over every repeat', async () => {
    const { group_uuid: uuid, token, hash } = await world.token();
    for (const body of [{ uuid }, { hash }, { token }]) {
      const target = 'uuid' in body ? body : { hash: (await world.root.client.listed(uuid))!.hash };
      const types = await world.recordedTypes(async () => {
        const key = JSON.stringify(target);
        const first = await world.root.client.rotate(target, keyed(key));
        expect(await world.root.client.rotate(target, keyed(key))).toEqual(first);
        expect((await world.as(first.token).call('quota')).status).toBe(200);
      });
      expect(types).toEqual(['QuotaConsumed', 'TokenRotated']);
    }
  });

  it('to update or revoke is done once too', async () => {
    const { group_uuid: uuid, hash } = await world.token();
    const types = await world.recordedTypes(async () => {
      for (let time = 0; time < 2; time += 1) {
        const body = { ...tokenBody({ max_quota: 1 }), uuid };
        const updated = await world.root.client.call('update', { body, ...keyed('update-1') });
        expect(updated.body).toEqual({ hash });
      }
      for (let time = 0; time < 2; time += 1) {
        const revoked = await world.root.client.call('revoke', {
          body: { uuid },
          ...keyed('revoke-1'),
        });
        expect(revoked.body).toEqual({ status: 'revoked' });
      }
    });
    expect(types).toEqual([
      ...['QuotaConsumed', 'TokenMaxQuotaChanged'],
      ...['QuotaConsumed', 'TokenRevoked'],
    ]);
  });

  it('is refused when it carries another body, and neither done nor charged', async () => {
    await world.root.client.create(tokenBody(), keyed('create-2'));
    const types = await world.recordedTypes(async () => {
      const { status, text } = await world.root.client.call('create', {
        body: tokenBody({ name: 'other' }),
        ...keyed('create-2'),
      });
      expect(status).toBe(400);
      expect(text).toContain('Idempotency-Key');
    });
    expect(types).toEqual([]);
  });

  it(`sent ${CREATES_AT_ONCE} times at once makes one token, charged once (I1)`, async () => {
    const { client, token } = await world.token({ scopes: ['api-tokens'], max_quota: 20 });
    const types = await world.recordedTypes(async () => {
      const path = '/v0/orgs/demo/api-tokens';
      const create = keyedPost(token, path, tokenBody({ max_quota: 0 }));
      const answers = await atOnce(CREATES_AT_ONCE, world.service.url, create);
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
      expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    });
    expect(types).toEqual(['QuotaConsumed', 'TokenCreated']);
    expect(await client.remaining()).toBe(10);
  });

  it('to rotate, sent 100 times at once, makes one secret, which is good (I1)', async () => {
    const { group_uuid: uuid } = await world.token();
    const types = await world.recordedTypes(async () => {
      const path = '/v0/orgs/demo/api-tokens/rotate';
      const rotate = keyedPost(world.root.token, path, { uuid });
      const answers = await atOnce(100, world.service.url, rotate);
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
      expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
      const { token } = answers[0]!.body as { readonly token: string };
      expect((await world.as(token).call('quota')).status).toBe(200);
    });
    expect(types).toEqual(['QuotaConsumed', 'TokenRotated']);
  });

  it('sent at once with two bodies makes one token of one of them', async () => {
    const types = await world.recordedTypes(async () => {
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          world.root.client.call('create', {
            body: tokenBody({ name: index % 2 ? 'odd' : 'even' }),
            ...keyed('create-4'),
          }),
        ),
      );
      const statuses = answers.map(({ status }) => status);
      expect(statuses.filter((status) => status === 200)).toHaveLength(10);
      expect(statuses.filter((status) => status === 400)).toHaveLength(10);
    });
    expect(types).toEqual(['QuotaConsumed', 'TokenCreated']);
  });

  it('is answered again when the quota is spent meanwhile', async () => {
    const { client } = await world.token({ scopes: ['api-tokens'], max_quota: 10 });
    const first = await client.create(tokenBody({ max_quota: 0 }), keyed('create-5'));
    expect((await client.call('list')).status).toBe(429);
    expect(await client.create(tokenBody({ max_quota: 0 }), keyed('create-5'))).toEqual(first);
  });

  it('is another one on another route, of another caller, or under another key', async () => {
    const { client } = await world.token({ scopes: ['*'] });
    const path = '/orgs/{org_slug}/tokens';
    const made = [
      await world.root.client.create(tokenBody(), keyed('create-6', false)),
      await world.root.client.create(tokenBody(), { ...keyed('create-6', false), path }),
      await world.root.client.create(tokenBody(), keyed('create-7', false)),
      await client.create(tokenBody(), keyed('create-6', false)),
    ];
    expect(new Set(made.map(({ group_uuid: id }) => id)).size).toBe(4);
  });

  it('names tokens that every operation finds by their uuid', async () => {
    const { group_uuid: uuid } = await world.root.client.create(tokenBody(), keyed('create-8'));
    const body = { ...tokenBody(), uuid };
    expect((await world.root.client.call('update', { body })).status).toBe(200);
    expect((await world.root.client.call('rotate', { body: { uuid } })).status).toBe(200);
    expect((await world.root.client.call('revoke', { body: { uuid } })).status).toBe(200);
  });

  it('is forgotten for requests that were refused: they are judged anew', async () => {
    const { client, group_uuid: uuid } = await world.token({ scopes: ['api-tokens'] });
    const body = tokenBody({ scopes: ['repo'] });
    expect((await client.call('create', { body, ...keyed('create-9') })).status).toBe(403);
    const more = { ...tokenBody({ scopes: ['api-tokens', 'repo'] }), uuid };
    await world.root.client.call('update', { body: more });
    expect((await client.call('create', { body, ...keyed('create-9') })).status).toBe(200);
    expect(await client.remaining()).toBe(990);
  });

  it('is not repeated a day later', async () => {
    await world.root.client.create(tokenBody(), keyed('create-10'));
    world.service.clock.advance(24 * HOUR_MS);
    const { status } = await world.root.client.call('create', {
      body: tokenBody(),
      ...keyed('create-10'),
    });
    expect(status).toBe(400);
  });

  it.each([
    ['of 255 characters', 'k'.repeat(255), 200],
    ['of 256 characters', 'k'.repeat(256), 400],
    ['with a blank', 'a b', 400],
    ['that is empty', '', 400],
    ['with letters beyond ASCII', 'é', 400],
  ])('may have a key %s or not', async (_name, key, expected) => {
    const { status } = await world.root.client.call('create', { body: tokenBody(), ...keyed(key) });
    expect(status).toBe(expected);
  });
});

describe('a request without an idempotency key', () => {
  const body = tokenBody({ name: 'again' });

  it('is a new one each time, unless a retry window is set', async () => {
    const world = await SocketWorld.start();
    const first = await world.root.client.create(body);
    expect((await world.root.client.create(body)).group_uuid).not.toBe(first.group_uuid);
    await world.close();
  });

  it('is a repeat within the retry window: the same caller, route and body (decision 17)', async () => {
    const world = await SocketWorld.start({ retryWindowMs: 5000 });
    const { client } = world.root;
    const other = await world.token({ scopes: ['*'] });
    // 10:00:03 lies within a piece of the window's time, so that a repeat crosses into the next.
    world.service.clock.advance(3000);
    const first = await client.create(body);
    world.service.clock.advance(4999);
    expect(await client.create(body, { repeats: true })).toEqual(first);
    const others = [
      await other.client.create(body),
      await client.create({ ...body, name: 'other' }),
      await client.create(body, { path: '/orgs/{org_slug}/tokens' }),
    ];
    expect(others.map(({ group_uuid: id }) => id)).not.toContain(first.group_uuid);
    world.service.clock.advance(1);
    expect((await client.create(body)).group_uuid).not.toBe(first.group_uuid);
    await world.close();
  });

  it('to rotate is a repeat as well, so a retry does not kill the secret it got', async () => {
    const world = await SocketWorld.start({ retryWindowMs: 5000 });
    const { group_uuid: uuid, hash } = await world.token();
    for (const by of [{ uuid }, { hash }]) {
      const target = 'uuid' in by ? by : { hash: (await world.root.client.listed(uuid))!.hash };
      const first = await world.root.client.rotate(target);
      expect(await world.root.client.rotate(target, { repeats: true })).toEqual(first);
      expect((await world.as(first.token).call('quota')).status).toBe(200);
    }
    world.service.clock.advance(5000);
    const later = await world.root.client.rotate({ uuid });
    expect((await world.as(later.token).call('quota')).status).toBe(200);
    await world.close();
  });

  it('to update or revoke is never taken for a repeat: those are harmless to do again', async () => {
    const world = await SocketWorld.start({ retryWindowMs: 5000 });
    const { group_uuid: uuid } = await world.token();
    const limit = async (max_quota: number) =>
      world.root.client.call('update', { body: { ...tokenBody({ max_quota }), uuid } });
    for (const max_quota of [1, 2, 1]) await limit(max_quota);
    expect((await world.root.client.listed(uuid))!.max_quota).toBe(1);
    await world.close();
  });
});
