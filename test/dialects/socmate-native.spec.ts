import type { CreatedKey } from '../support/socmate-client.js';
import { ADMIN_KEYS } from '../support/socmate-client.js';
import { DAY_MS, SocmateWorld } from '../support/socmate-world.js';
import { InvalidationStream } from '../support/invalidation-stream.js';

let world: SocmateWorld;
let key: CreatedKey;
let path: string;

beforeAll(async () => {
  world = await SocmateWorld.start();
});
beforeEach(async () => {
  key = await world.admin.create({ name: `key ${named++}` });
  path = `${TOKENS}/${await tokenId(key)}`;
});
afterAll(() => world.close());

let named = 1;
const TOKENS = '/v1/orgs/demo/tokens';

async function get(part: string): Promise<{ status: number; body: never }> {
  return fetchNative('GET', part);
}

/** The native answers have headers and errors of their own, which that dialect's tests check. */
async function fetchNative(
  method: string,
  part: string,
  body?: object,
): Promise<{ status: number; body: never }> {
  const response = await fetch(`${world.service.url}${part}`, {
    method,
    headers: {
      authorization: `Bearer ${world.service.admin}`,
      ...(body ? { 'content-type': 'application/json' } : {}),
    },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  return { status: response.status, body: (await response.json()) as never };
}

async function tokenId({ name }: CreatedKey): Promise<string> {
  const { body } = await get(`${TOKENS}?dialect=socmate&q=${encodeURIComponent(name)}&sort=-name`);
  const { items } = body as { items: { id: string; name: string }[] };
  return items.find((token) => token.name === name)!.id;
}

interface LivingSecret {
  readonly id: string;
  readonly preview: string;
  readonly issuedAt: string;
  readonly validUntil: string | null;
  readonly lastUsedAt: string | null;
  readonly usesSinceRotation: number;
  readonly safeToClose: boolean;
}

async function secrets(): Promise<readonly LivingSecret[]> {
  await world.settled();
  const { status, body } = await get(`${path}/secrets`);
  expect(status).toBe(200);
  return (body as { items: LivingSecret[] }).items;
}

const verify = async (secret: string, ask: object = {}) =>
  (await fetchNative('POST', '/v1/verify', { token: secret, ...ask })).body as unknown as {
    valid: boolean;
    code: string;
    dialect: string;
  };

describe('the native API', () => {
  it('lists keys of this dialect among its tokens, and alone when asked to', async () => {
    const { group_uuid: socketId } = await world.socket.token();
    const idsOf = async (query: string) =>
      ((await get(`${TOKENS}?limit=200${query}`)).body as { items: { id: string }[] }).items.map(
        ({ id }) => id,
      );
    const id = path.split('/').at(-1);
    expect(await idsOf('')).toEqual(expect.arrayContaining([id, socketId]));
    expect(await idsOf('&dialect=socmate')).toContain(id);
    expect(await idsOf('&dialect=socmate')).not.toContain(socketId);
    expect(await idsOf('&dialect=socket')).not.toContain(id);
    const { body } = await get(path);
    expect(body).toMatchObject({ dialect: 'socmate', name: key.name, maxQuota: null });
  });

  it('verifies and introspects a key, and its secret in grace', async () => {
    const { api_key: secret } = await world.admin.rotate(key.key_id, { grace_period_days: 1 });
    for (const each of [key.api_key, secret]) {
      expect(await verify(each, { scopes: ['incidents:read'] })).toMatchObject({
        ...{ valid: true, dialect: 'socmate', name: key.name },
      });
    }
    expect(await verify(secret, { scopes: ['graph:read'] })).toMatchObject({
      ...{ code: 'INSUFFICIENT_SCOPE', missingScopes: ['graph:read'] },
    });
    world.service.clock.advance(DAY_MS);
    expect((await verify(key.api_key)).code).toBe('ROTATED');
    await world.admin.disable(key.key_id);
    expect([(await verify(key.api_key)).code, (await verify(secret)).code]).toEqual([
      'REVOKED',
      'REVOKED',
    ]);
  });

  it('rotates a key by the policy of its dialect: a rotation in grace ends the one before', async () => {
    await world.admin.rotate(key.key_id);
    const rotated = await fetchNative('POST', `${path}/rotate`, { graceSeconds: 60 });
    expect(rotated).toMatchObject({
      status: 200,
      body: { secret: expect.stringMatching(`^sk_live_${key.key_id}_[0-9a-f]{40}$`) },
    });
    expect(await world.isAlive(key.api_key)).toBe(false);
    expect((await world.admin.listed(key.key_id)).previous_key_expires_at).not.toBeNull();
  });

  it('gives a key no scope that its dialect does not know', async () => {
    for (const scopes of [['*'], ['incidents'], ['ledger:tokens:read']]) {
      expect((await fetchNative('PATCH', path, { scopes })).status).toBe(400);
    }
    expect((await fetchNative('PATCH', path, { scopes: ['graph:read'] })).status).toBe(200);
    expect((await world.use(key.api_key)).status).toBe(403);
  });

  it('gives and takes an expiry at create and rotate', async () => {
    const at = (days: number) =>
      new Date(Date.parse(world.service.clock.now()) + days * DAY_MS).toISOString();
    const made = await fetchNative('POST', TOKENS, { name: 'expiring', expiresAt: at(1) });
    const { token, secret } = made.body as {
      token: { id: string; expiresAt: string };
      secret: string;
    };
    expect(token.expiresAt).toBe(at(1));
    const rotate = (body: object) => fetchNative('POST', `${TOKENS}/${token.id}/rotate`, body);
    const kept = await rotate({ graceSeconds: 60 });
    expect(kept).toMatchObject({ status: 200, body: { token: { expiresAt: at(1) } } });
    expect((await rotate({ expiresAt: at(0) })).status).toBe(400);
    world.service.clock.advance(DAY_MS);
    expect((await verify(secret)).code).toBe('EXPIRED');
    expect((await rotate({})).status).toBe(409);
    const renewed = await rotate({ expiresAt: at(1) });
    expect(renewed).toMatchObject({ status: 200, body: { token: { expiresAt: at(1) } } });
    expect(await rotate({ expiresAt: null, closePrevious: true })).toMatchObject({
      body: { token: { expiresAt: null } },
    });
    expect((await verify(secret)).valid).toBe(false);
  });
});

describe('the secrets of a token', () => {
  it('are one, until it is rotated, and then two until the grace ends', async () => {
    expect(await secrets()).toStrictEqual([
      {
        id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        preview: `sk_live_${key.key_id}_****${key.api_key.slice(-4)}`,
        issuedAt: world.service.clock.now(),
        ...{ validUntil: null, lastUsedAt: null, usesSinceRotation: 0, safeToClose: false },
      },
    ]);
    const [first] = await secrets();
    await world.admin.rotate(key.key_id, { grace_period_days: 1 });
    const [current, old] = await secrets();
    expect(old).toEqual({ ...first, validUntil: expect.any(String), safeToClose: false });
    expect(current!.id).not.toBe(first!.id);
    world.service.clock.advance(DAY_MS);
    expect((await secrets()).map(({ id }) => id)).toEqual([current!.id]);
    await world.admin.disable(key.key_id);
    expect(await secrets()).toEqual([]);
  });

  it('are none when the token has expired', async () => {
    await world.admin.rotate(key.key_id, { expires_in_days: 1 });
    world.service.clock.advance(DAY_MS);
    expect(await secrets()).toEqual([]);
  });

  it('tell when each was used last, and how often since the rotation', async () => {
    const minute = () => world.service.clock.advance(60_000);
    await world.use(key.api_key);
    const { api_key: secret } = await world.admin.rotate(key.key_id);
    await world.settled();
    expect((await secrets()).map(({ usesSinceRotation: uses }) => uses)).toEqual([0, 0]);
    // Both are used within one minute: the new one's uses must not hide those of the old one.
    minute();
    for (const each of [secret, key.api_key, secret, key.api_key]) await world.use(each);
    minute();
    await world.use(secret);
    const [current, old] = await secrets();
    const now = Date.parse(world.service.clock.now());
    expect(current).toMatchObject({
      usesSinceRotation: 2,
      lastUsedAt: new Date(now).toISOString(),
    });
    expect(old).toMatchObject({
      ...{ usesSinceRotation: 1, lastUsedAt: new Date(now - 60_000).toISOString() },
    });
    // A charge is recorded each time.
    for (let index = 0; index < 3; index += 1) await verify(key.api_key, { cost: 1 });
    expect((await secrets()).map(({ usesSinceRotation: uses }) => uses)).toEqual([2, 4]);
  });

  it('call the old one safe to close once nobody has used it for a day', async () => {
    const safe = async () => (await secrets()).map(({ safeToClose }) => safeToClose);
    await world.admin.rotate(key.key_id);
    await world.use(key.api_key);
    world.service.clock.advance(DAY_MS - 1000);
    expect(await safe()).toEqual([false, false]);
    await world.use(key.api_key);
    world.service.clock.advance(DAY_MS - 1000);
    expect(await safe()).toEqual([false, false]);
    world.service.clock.advance(1000);
    expect(await safe()).toEqual([false, true]);
    await verify(key.api_key, { cost: 1 });
    expect(await safe()).toEqual([false, false]);
  });

  it('that were never used are watched from the day they were issued', async () => {
    world.service.clock.advance(DAY_MS);
    await world.admin.rotate(key.key_id);
    expect((await secrets()).map(({ safeToClose }) => safeToClose)).toEqual([false, true]);
  });

  it('are the same after the read models are rebuilt', async () => {
    await world.use(key.api_key);
    const { api_key: secret } = await world.admin.rotate(key.key_id);
    world.service.clock.advance(60_000);
    for (const each of [secret, key.api_key]) await verify(each, { cost: 2 });
    const before = await secrets();
    const list = await world.admin.list();
    expect(before.map(({ usesSinceRotation: uses }) => uses)).toEqual([1, 1]);
    const comparisons: { changed: number; missing: number; surplus: number }[] = [];
    await world.service.ledger.projector.rebuild(undefined, (each) => {
      comparisons.push(each.compare());
    });
    expect(comparisons.length).toBeGreaterThan(3);
    for (const each of comparisons)
      expect(each).toMatchObject({ changed: 0, missing: 0, surplus: 0 });
    expect(await secrets()).toEqual(before);
    expect(await world.admin.list()).toEqual(list);
  });
});

describe('closing a grace early', () => {
  const close = (id: string) => fetchNative('POST', `${path}/secrets/${id}/revoke`);

  it('ends the old secret at once and leaves the current one', async () => {
    const { api_key: secret } = await world.admin.rotate(key.key_id);
    const [current, old] = await secrets();
    const types = await world.recordedTypes(async () => {
      for (let round = 0; round < 2; round += 1) {
        expect(await close(old!.id)).toMatchObject({
          status: 200,
          body: { token: { secrets: [{ id: current!.id }] } },
        });
      }
    });
    expect(types).toEqual(['TokenGraceClosed']);
    expect(await world.use(key.api_key)).toEqual({
      status: 401,
      body: { detail: 'Invalid API key' },
    });
    expect(await world.isAlive(secret)).toBe(true);
    expect((await world.admin.listed(key.key_id)).previous_key_expires_at).toBeNull();
  });

  it('is refused for the current secret, for one that is unknown, and for a dead token', async () => {
    const [current] = await secrets();
    expect((await close(current!.id)).status).toBe(400);
    expect((await close('00000000-0000-4000-8000-000000000000')).status).toBe(404);
    expect((await close('__proto__')).status).toBe(404);
    await world.admin.rotate(key.key_id);
    const [, old] = await secrets();
    await world.admin.disable(key.key_id);
    expect((await close(old!.id)).status).toBe(409);
  });

  it('is not for strangers', async () => {
    await world.admin.rotate(key.key_id);
    const [, old] = await secrets();
    const stranger = await world.socket.organization(`globex-${key.key_id.slice(2)}`);
    for (const [method, part] of [
      ['GET', 'secrets'],
      ['POST', `secrets/${old!.id}/revoke`],
    ] as const) {
      const response = await fetch(`${world.service.url}${path}/${part}`, {
        method,
        headers: { authorization: `Bearer ${stranger.admin.personalToken}` },
      });
      expect(response.status).toBe(404);
    }
    expect(await world.isAlive(key.api_key)).toBe(true);
    expect((await world.admin.send('DELETE', `${ADMIN_KEYS}/${key.key_id}`)).status).toBe(204);
  });
});

describe('a rotation with a grace', () => {
  it.each([
    ['its own end', {}, { grace_period_days: 3 }],
    ['the expiry that the old key was given', { expires_in_days: 2 }, { grace_period_days: 7 }],
    ['its very moment, for none', {}, { grace_period_days: 0 }],
  ])('is told to gateways with %s', async (_end, created, rotation) => {
    const rotating = await world.admin.create({ name: `key ${named++}`, ...created });
    const authorization = `Bearer ${world.service.admin}`;
    const stream = await InvalidationStream.open(world.service.url, authorization);
    const { previous_key_expires_at: documented } = await world.admin.rotate(
      rotating.key_id,
      rotation,
    );
    const message = (await stream.next('token-rotated'))!;
    stream.cut();
    const { graceEndsAt, graceRemainingMs, occurredAt } = message.data.data;
    const endMs = Date.parse(documented ?? occurredAt);
    expect(Math.floor(Date.parse(graceEndsAt) / 1000)).toBe(Math.floor(endMs / 1000));
    const remainingMs = Date.parse(graceEndsAt) - Date.parse(world.service.clock.now());
    expect(graceRemainingMs).toBe(remainingMs);

    // The answer that is cached during the grace ends with it, so that no further message is needed.
    const { body } = (await fetchNative('POST', '/v1/verify', { token: rotating.api_key })) as {
      body: { valid: boolean; expiresAt: string };
    };
    expect(body.valid).toBe(documented !== null);
    if (documented !== null) expect(body.expiresAt).toBe(graceEndsAt);
  });
});
