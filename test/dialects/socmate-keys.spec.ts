import type { CreatedKey } from '../support/socmate-client.js';
import { ADMIN_KEYS } from '../support/socmate-client.js';
import { ALL_SCOPES, DAY_MS, SocmateWorld } from '../support/socmate-world.js';

let world: SocmateWorld;
let key: CreatedKey;

beforeAll(async () => {
  world = await SocmateWorld.start();
});
beforeEach(async () => {
  key = await world.admin.create();
});
afterAll(() => world.close());

const path = (part = '') => `${ADMIN_KEYS}/${key.key_id}${part}`;
const detail = (text: string) => ({ detail: text });
const inDays = (days: number) =>
  new Date(Date.parse(world.service.clock.now()) + days * DAY_MS).toISOString().slice(0, 19) + 'Z';

describe('creating a key', () => {
  it('answers 201 with exactly the documented members, in their order', async () => {
    const request = {
      ...{ name: '  SOAR Integration ', description: 'for XSOAR', expires_in_days: 365 },
      scopes: ['investigations:read', 'incidents:read'],
    };
    const answer = await world.admin.send('POST', ADMIN_KEYS, { body: request });
    expect([answer.status, Object.keys(answer.body)]).toEqual([
      201,
      ['id', 'key_id', 'api_key', 'name', 'scopes', 'expires_at', 'header_name'],
    ]);
    expect(answer.body).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{24}$/),
      key_id: expect.stringMatching(/^k_[a-z0-9]{12}$/),
      api_key: expect.stringMatching(`^sk_live_${answer.body.key_id}_[0-9a-f]{40}$`),
      name: 'SOAR Integration',
      scopes: ['investigations:read', 'incidents:read'],
      expires_at: '2027-03-27T10:00:00Z',
      header_name: 'X-API-Key',
    });
    expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
  });

  it('records one fact, which names the dialect and no more of the key than its preview', async () => {
    const [event, ...others] = await world.recorded(() => world.admin.create({ name: 'n' }));
    expect(others).toEqual([]);
    expect(event).toMatchObject({
      ...{ type: 'TokenCreated', dialect: 'socmate', name: 'n', maxQuota: null },
      visibility: 'admin',
      secret: {
        digest: expect.stringMatching(/^salted-sha512:/),
        preview: expect.stringMatching(/^sk_live_k_[a-z0-9]{12}_\*{4}[0-9a-f]{4}$/),
      },
    });
  });

  it('takes the same name twice, with an id, a key id and a salt for each', async () => {
    const [first, second] = await world.recorded(async () => {
      const twins = [
        await world.admin.create({ name: 'twin' }),
        await world.admin.create({ name: 'twin' }),
      ];
      expect(new Set(twins.flatMap(({ id, key_id: keyId }) => [id, keyId])).size).toBe(4);
    });
    const saltOf = (event: unknown) =>
      (event as { secret: { digest: string } }).secret.digest.split(':')[1];
    expect(saltOf(first)).not.toBe(saltOf(second));
  });

  it('collapses scopes that are named twice, in the order of first appearance', async () => {
    const { scopes } = await world.admin.create({
      scopes: ['search:read', 'graph:read', 'search:read'],
    });
    expect(scopes).toEqual(['search:read', 'graph:read']);
  });

  it('M8: never expires where no days are given, or null', async () => {
    for (const body of [{}, { expires_in_days: null }]) {
      const { expires_at: expiresAt, api_key: secret } = await world.admin.create(body);
      expect(expiresAt).toBeNull();
      const now = world.service.clock.now();
      world.service.clock.advance(20 * 365 * DAY_MS);
      expect(await world.isAlive(secret)).toBe(true);
      world.service.clock.set(now);
    }
  });

  it('ignores members that it does not know', async () => {
    const created = await world.admin.create({ header_name: 'X', key_id: 'k_mine', admin: true });
    expect(created.header_name).toBe('X-API-Key');
    expect(created.key_id).not.toBe('k_mine');
  });
});

describe('the list', () => {
  const FIELDS = [
    ...['id', 'key_id', 'key_prefix', 'name', 'description', 'status', 'scopes', 'created_by'],
    ...['created_at', 'updated_at', 'expires_at', 'last_used_at', 'last_rotated_at'],
    'previous_key_expires_at',
  ];

  it('shows all fields of each key in the documented order, and never the key', async () => {
    const created = await world.admin.create({
      name: 'listed',
      description: 'd',
      scopes: ALL_SCOPES,
    });
    const { api_keys: keys, total } = await world.admin.list();
    for (const each of keys) expect(Object.keys(each)).toEqual(FIELDS);
    expect(total).toBe(keys.length);
    expect(keys[0]).toStrictEqual({
      ...{ id: created.id, key_id: created.key_id, key_prefix: `sk_live_${created.key_id}` },
      ...{ name: 'listed', description: 'd', status: 'active', scopes: ALL_SCOPES },
      ...{ created_by: 'admin@demo.invalid', created_at: '2026-03-27T10:00:00Z' },
      ...{ updated_at: '2026-03-27T10:00:00Z', expires_at: null, last_used_at: null },
      ...{ last_rotated_at: null, previous_key_expires_at: null },
    });
  });

  it('is newest first, ties by creation, in pages that are cut out of the whole', async () => {
    for (let index = 0; index < 5; index += 1) await world.admin.create({ name: `n${index}` });
    const { api_keys: all, total } = await world.admin.list();
    expect(all.slice(0, 5).map(({ name }) => name)).toEqual(['n4', 'n3', 'n2', 'n1', 'n0']);
    for (const [query, expected] of [
      ['limit=2', all.slice(0, 2)],
      ['limit=2&offset=1', all.slice(1, 3)],
      ['offset=3', all.slice(3)],
      ['limit=100', all],
      [`offset=${total}`, []],
      ['offset=999999999999999', []],
      ['search=&limit=3', all.slice(0, 3)],
      ['unknown=1&page=2', all],
    ] as const) {
      expect([query, await world.admin.list(query)]).toEqual([
        query,
        { api_keys: expected, total },
      ]);
    }
  });

  it('M15: finds part of name, description or key id in any case, and takes no sign for a pattern', async () => {
    const soar = await world.admin.create({
      name: 'SOAR Integration',
      description: 'Für 100% of_it.',
    });
    const found = async (search: string) => {
      const { api_keys: keys, total } = await world.admin.list(
        `search=${encodeURIComponent(search)}`,
      );
      expect(total).toBe(keys.length);
      return keys.some(({ key_id: id }) => id === soar.key_id);
    };
    for (const text of [
      'soar',
      'SOAR',
      'oar int',
      'FÜR',
      '100%',
      'of_',
      '.',
      soar.key_id.slice(3, 9),
    ]) {
      expect([text, await found(text)]).toEqual([text, true]);
    }
    for (const text of ['%oar', 's%r', 's_ar', 's.ar', 'soar*', "' OR 1=1 --", 'sk_live', '\\']) {
      expect([text, await found(text)]).toEqual([text, false]);
    }
    expect((await world.admin.list('search=%25')).api_keys.map(({ name }) => name)).toEqual([
      'SOAR Integration',
    ]);
  });

  it('tells the three statuses at the time it is read', async () => {
    const expiring = await world.admin.create({ expires_in_days: 1 });
    const statusOf = async ({ key_id: id }: CreatedKey) => (await world.admin.listed(id)).status;
    expect(await statusOf(expiring)).toBe('active');
    const now = world.service.clock.now();
    world.service.clock.advance(DAY_MS - 1000);
    expect(await statusOf(expiring)).toBe('active');
    world.service.clock.advance(1000);
    expect([await statusOf(expiring), await statusOf(key)]).toEqual(['expired', 'active']);
    await world.admin.disable(expiring.key_id);
    expect(await statusOf(expiring)).toBe('disabled');
    world.service.clock.set(now);
  });
});

describe('rotating a key', () => {
  it('answers exactly the documented members, for the same key', async () => {
    const before = await world.admin.listed(key.key_id);
    world.service.clock.advance(60_000);
    const answer = await world.admin.send('POST', path('/rotate'), {
      body: { grace_period_days: 7, expires_in_days: 365 },
    });
    expect([answer.status, Object.keys(answer.body)]).toEqual([
      200,
      ['key_id', 'api_key', 'expires_at', 'previous_key_expires_at'],
    ]);
    expect(answer.body).toEqual({
      key_id: key.key_id,
      api_key: expect.stringMatching(`^sk_live_${key.key_id}_[0-9a-f]{40}$`),
      expires_at: inDays(365),
      previous_key_expires_at: inDays(7),
    });
    expect(answer.body.api_key).not.toBe(key.api_key);
    expect(await world.admin.listed(key.key_id)).toEqual({
      ...before,
      ...{ updated_at: inDays(0), last_rotated_at: inDays(0), expires_at: inDays(365) },
      previous_key_expires_at: inDays(7),
    });
  });

  it.each([
    ['no body', undefined],
    ['{}', '{}'],
    ['null', 'null'],
    ['members that are null', '{"grace_period_days":null,"expires_in_days":null}'],
    ['members that it does not know', '{"days":1}'],
  ])('M12: takes the defaults for %s', async (_name, body) => {
    const { expires_at: expiresAt, previous_key_expires_at: end } = await world.admin.rotate(
      key.key_id,
      body,
    );
    expect([expiresAt, end]).toEqual([null, inDays(7)]);
  });

  it('M8: keeps the expiry where no days are given', async () => {
    const { key_id: keyId, expires_at: expiresAt } = await world.admin.create({
      expires_in_days: 90,
    });
    world.service.clock.advance(DAY_MS);
    expect((await world.admin.rotate(keyId)).expires_at).toBe(expiresAt);
    expect((await world.admin.rotate(keyId, { expires_in_days: 1 })).expires_at).toBe(inDays(1));
  });

  it('M6: is refused for an expired key without a new expiry, M7: which revives it and not its old secret', async () => {
    const expired = await world.admin.create({ expires_in_days: 1 });
    world.service.clock.advance(DAY_MS);
    const rotate = `${ADMIN_KEYS}/${expired.key_id}/rotate`;
    const refused = await world.admin.send('POST', rotate, { body: { grace_period_days: 7 } });
    expect([refused.status, refused.body]).toEqual([
      409,
      detail('API key has expired; set expires_in_days to rotate it'),
    ]);
    expect(await world.use(expired.api_key)).toEqual({
      status: 401,
      body: detail('API key has expired'),
    });
    const rotated = await world.admin.rotate(expired.key_id, { expires_in_days: 30 });
    expect(rotated).toMatchObject({ expires_at: inDays(30), previous_key_expires_at: null });
    expect([await world.isAlive(rotated.api_key), await world.isAlive(expired.api_key)]).toEqual([
      true,
      false,
    ]);
    expect((await world.admin.listed(expired.key_id)).status).toBe('active');
  });

  it('M10: finds neither an unknown key, nor one of another organization, nor a token of another dialect', async () => {
    const globex = await world.organization(`globex-${key.key_id.slice(2)}`);
    const theirs = await globex.create();
    const { group_uuid: uuid } = await world.socket.token();
    const types = await world.recordedTypes(async () => {
      for (const id of [
        theirs.key_id,
        'k_abc123',
        'x',
        '%00',
        '__proto__',
        key.id,
        uuid,
        key.api_key,
      ]) {
        for (const [method, part] of [
          ['POST', '/rotate'],
          ['DELETE', ''],
        ] as const) {
          const url = `${ADMIN_KEYS}/${id}${part}`;
          const { status, body } = await world.admin.send(method, url, { repeats: true });
          expect([id, status, body]).toEqual([id, 404, detail('API key not found')]);
        }
      }
    });
    expect(types).toEqual([]);
    expect(await world.isAlive(theirs.api_key)).toBe(true);
    const { api_keys: keys, total } = await globex.list();
    expect([keys.map(({ key_id: id }) => id), total]).toEqual([[theirs.key_id], 1]);
    expect(JSON.stringify(await world.admin.list())).not.toContain(theirs.key_id);
  });
});

describe('disabling a key', () => {
  it('answers 204 without a body, and keeps the key in the list', async () => {
    const { status, text } = await world.admin.send('DELETE', path());
    expect([status, text]).toEqual([204, '']);
    expect((await world.admin.listed(key.key_id)).status).toBe('disabled');
    expect(await world.use(key.api_key)).toEqual({
      status: 401,
      body: detail('API key is disabled'),
    });
  });

  it('ends the secret in grace too, and its end is shown no more', async () => {
    const { api_key: secret } = await world.admin.rotate(key.key_id);
    await world.admin.disable(key.key_id);
    expect([await world.isAlive(key.api_key), await world.isAlive(secret)]).toEqual([false, false]);
    expect((await world.admin.listed(key.key_id)).previous_key_expires_at).toBeNull();
  });

  it('M1: leaves nothing to rotate, with or without a new expiry', async () => {
    await world.admin.disable(key.key_id);
    for (const body of [{}, { expires_in_days: 30 }, { grace_period_days: 0 }]) {
      const { status, body: told } = await world.admin.send('POST', path('/rotate'), { body });
      expect([status, told]).toEqual([409, detail('API key is disabled and cannot be rotated')]);
    }
  });

  it('M2: twice gives the same answer, and one fact', async () => {
    const types = await world.recordedTypes(async () => {
      await world.admin.disable(key.key_id);
      await world.admin.disable(key.key_id);
    });
    expect(types).toEqual(['TokenRevoked']);
  });
});
