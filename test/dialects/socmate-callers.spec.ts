import type { CreatedKey, SocmateAnswer, SocmateClient } from '../support/socmate-client.js';
import { ADMIN_KEYS } from '../support/socmate-client.js';
import { DAY_MS, SocmateWorld } from '../support/socmate-world.js';

let world: SocmateWorld;
let key: CreatedKey;

beforeAll(async () => {
  world = await SocmateWorld.start();
  key = await world.admin.create();
});
afterAll(() => world.close());

const ROUTES: readonly [string, string][] = [
  ['GET', ADMIN_KEYS],
  ['POST', ADMIN_KEYS],
  ['POST', `${ADMIN_KEYS}/k_abc123/rotate`],
  ['DELETE', `${ADMIN_KEYS}/k_abc123`],
];
const told = ({ status, body }: SocmateAnswer) => [status, body?.detail];
const INCIDENTS = '/api/v1/incidents';

describe.each(ROUTES)('%s %s', (method, path) => {
  const call = (client: SocmateClient, request = {}) => client.send(method, path, request);

  it('is for nobody without a bearer token', async () => {
    for (const headers of [
      {},
      { authorization: 'Bearer' },
      { authorization: 'Bearer x' },
      { authorization: `Basic ${btoa(`${world.service.admin}:`)}` },
      { authorization: `token ${world.service.admin}` },
      { authorization: `Bearer ${key.api_key}` },
      { authorization: `Bearer ${world.socket.root.token}` },
      { authorization: 'Bearer 00000000-0000-4000-8000-000000000000' },
      { cookie: `token=${world.service.admin}` },
    ]) {
      const answer = await call(world.with(headers), { repeats: true });
      expect([headers, ...told(answer)]).toEqual([headers, 401, 'Not authenticated']);
      expect(answer.headers.get('www-authenticate')).toBe('Bearer');
    }
    const inUrl = await world.nobody.send(method, `${path}?token=${world.service.admin}`);
    expect(told(inUrl)).toEqual([401, 'Not authenticated']);
  });

  it('M17: is for admins only', async () => {
    const outsider = world.bearer((await world.socket.person()).personalToken);
    for (const client of [await world.user('member'), outsider, world.key(key.api_key)]) {
      expect(told(await call(client))).toEqual([403, 'Admin role required']);
    }
  });

  it('tells the bearer of a bad key so, and no more', async () => {
    const forged = `sk_live_${key.key_id}_${'0'.repeat(40)}`;
    expect(told(await call(world.key(forged)))).toEqual([401, 'Invalid API key']);
  });

  it('checks who calls before what is asked', async () => {
    const body = '{';
    expect(told(await call(world.nobody, method === 'GET' ? {} : { body }))).toEqual([
      ...[401, 'Not authenticated'],
    ]);
    expect(told(await call(world.key(key.api_key)))).toEqual([403, 'Admin role required']);
  });
});

describe('an admin', () => {
  it('is known by any case of the scheme, and of the token', async () => {
    for (const authorization of [
      `bearer ${world.service.admin}`,
      `BEARER  ${world.service.admin.toUpperCase()}`,
    ]) {
      expect((await world.with({ authorization }).send('GET', ADMIN_KEYS)).status).toBe(200);
    }
  });

  it('manages the keys of the organization that they joined first', async () => {
    const both = await world.socket.user('admin');
    world.service.clock.advance(1000);
    await world.socket.organization('younger');
    await world.socket.setMember(both.userId, 'admin', 'younger');
    const { api_keys: keys } = await world.bearer(both.personalToken).list();
    expect(keys.map(({ key_id: id }) => id)).toContain(key.key_id);
  });

  it.each(['admin', 'member'] as const)(
    'is not moved by who makes them %s of an older organization (A11)',
    async (role) => {
      world.service.clock.advance(1000);
      const slug = `moved-${role}`;
      const { admin } = await world.socket.organization(slug);
      world.service.clock.advance(1000);
      await world.socket.setMember(admin.userId, role, 'demo');
      const made = await world.bearer(admin.personalToken).create();
      const { api_keys: keys } = await world.bearer(admin.personalToken).list();
      expect(keys.map(({ key_id: id }) => id)).toEqual([made.key_id]);
      expect((await world.admin.list()).api_keys.map(({ key_id: id }) => id)).not.toContain(
        made.key_id,
      );
    },
  );

  it('is no admin any more from the moment that they lose the role', async () => {
    const user = await world.socket.user('admin');
    const client = world.bearer(user.personalToken);
    expect((await client.send('GET', ADMIN_KEYS)).status).toBe(200);
    await world.socket.setMember(user.userId, 'member');
    expect((await client.send('GET', ADMIN_KEYS)).status).toBe(403);
  });

  it('acts by the bearer token where a key is sent beside it', async () => {
    const headers = { authorization: `Bearer ${world.service.admin}`, 'x-api-key': 'x' };
    expect((await world.with(headers).send('GET', ADMIN_KEYS)).status).toBe(200);
  });
});

describe('a data route', () => {
  it('is for nobody without a credential', async () => {
    expect(told(await world.nobody.send('GET', INCIDENTS))).toEqual([401, 'Not authenticated']);
  });

  it('is for users of any role, who pass every scope check', async () => {
    for (const client of [world.admin, await world.user('member')]) {
      for (const path of [INCIDENTS, '/api/v1/graph/x']) {
        expect((await client.send('GET', path)).status).toBe(200);
      }
    }
    const outsider = world.bearer((await world.socket.person()).personalToken);
    expect(told(await outsider.send('GET', INCIDENTS))).toEqual([
      403,
      'Organization role required',
    ]);
  });

  it('does not know keys that are malformed, of nobody, or with another secret', async () => {
    const secret = key.api_key.slice(-40);
    const types = await world.recordedTypes(async () => {
      for (const bad of [
        ...['x', 'sk_live_', `sk_live_${key.key_id}`, `sk_live_${key.key_id}_`],
        `sk_live_${key.key_id}_${'0'.repeat(40)}`,
        `sk_live_k_abc123_${secret}`,
        `sk_live_${key.key_id}_${secret.toUpperCase()}x`,
        `sk_test_${key.key_id}_${secret}`,
        `${key.api_key}0`,
        `${key.api_key},${key.api_key}`,
        world.service.admin,
        world.socket.root.token,
        'x'.repeat(5000),
      ]) {
        const answer = await world.key(bad).send('GET', INCIDENTS, { repeats: true });
        expect([bad, ...told(answer)]).toEqual([bad, 401, 'Invalid API key']);
      }
    });
    expect(types).toEqual([]);
  });

  it('takes the digest, the id and the preview of a key for no key (S6)', async () => {
    const [event] = await world.recorded(() => world.admin.create());
    const { secret, tokenId } = event as unknown as {
      secret: { digest: string; preview: string };
      tokenId: string;
    };
    for (const name of [secret.digest, secret.preview, tokenId, key.key_id, key.id]) {
      expect((await world.key(name).send('GET', INCIDENTS)).status).toBe(401);
    }
  });

  it('tells why a key is refused only to who holds its secret', async () => {
    const expired = await world.admin.create({ expires_in_days: 1 });
    const disabled = await world.admin.create();
    await world.admin.disable(disabled.key_id);
    world.service.clock.advance(DAY_MS);
    for (const [{ api_key: secret }, reason] of [
      [expired, 'API key has expired'],
      [disabled, 'API key is disabled'],
    ] as const) {
      expect(told(await world.key(secret).send('GET', INCIDENTS))).toEqual([401, reason]);
      const guessed = secret.slice(0, -40) + '0'.repeat(40);
      expect(told(await world.key(guessed).send('GET', INCIDENTS))).toEqual([
        401,
        'Invalid API key',
      ]);
    }
  });

  it('judges the key where a bearer token is sent beside it', async () => {
    const headers = { authorization: `Bearer ${world.service.admin}`, 'x-api-key': 'x' };
    expect(told(await world.with(headers).send('GET', INCIDENTS))).toEqual([
      401,
      'Invalid API key',
    ]);
  });

  it('takes no key from the URL, a cookie or a bearer token', async () => {
    const secret = key.api_key;
    for (const [path, headers] of [
      [`${INCIDENTS}?x-api-key=${secret}&api_key=${secret}`, {}],
      [INCIDENTS, { cookie: `X-API-Key=${secret}` }],
      [INCIDENTS, { authorization: `Bearer ${secret}` }],
      [INCIDENTS, { authorization: `X-API-Key ${secret}` }],
    ] as const) {
      expect((await world.with(headers).send('GET', path)).status).toBe(401);
    }
  });
});
