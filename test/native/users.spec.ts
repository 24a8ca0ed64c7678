import { LEDGER_SCOPES } from '../../apps/ledger-api/src/dialects/native/ledger-scopes.js';
import type { NativeAnswer, NativeClient } from './support/native-client.js';
import { grantedMs } from '../support/granted-time.js';
import { NativeWorld, UNKNOWN_ID } from './support/native-world.js';

let world: NativeWorld;

beforeEach(async () => {
  world = await NativeWorld.start();
});
afterEach(() => world.close());

const USERS = '/v1/users';
const tokensOf = (userId: string): string => `${USERS}/${userId}/personal-tokens`;

describe('registering people', () => {
  it('makes somebody who acts once they have a personal token', async () => {
    const email = 'ada@example.org';
    const made = await world.admin.post(USERS, { email, name: 'Ada' });
    expect(made.status).toBe(201);
    expect(made.body).toMatchObject({ email, name: 'Ada', operator: false, organizations: [] });
    expect(made.headers.get('location')).toBe(`${USERS}/${made.body.id}`);

    const issued = await world.admin.post(tokensOf(made.body.id), { label: 'first' });
    expect(issued.status).toBe(201);
    const self = await world.as(issued.body.secret).get('/v1/self');
    expect(self.body.principal).toEqual({ kind: 'user', id: made.body.id });
    expect((await world.admin.get(`${USERS}/${made.body.id}`)).body).toEqual(made.body);
  });

  it('makes operators', async () => {
    const made = await world.admin.post(USERS, { email: 'o@example.org', operator: true });
    expect(made.body.operator).toBe(true);
    const issued = await world.admin.post(tokensOf(made.body.id), { label: 'first' });
    const { status } = await world
      .as(issued.body.secret)
      .post(USERS, { email: 'next@example.org' });
    expect(status).toBe(201);
  });

  it('answers a repeat with its key alike', async () => {
    const headers = { 'idempotency-key': 'k1' };
    const body = { email: 'ada@example.org' };
    const recorded = await world.recordedTypes(async () => {
      const first = await world.admin.post(USERS, body, { headers });
      const again = await world.admin.post(USERS, body, { headers });
      expect([again.status, again.body]).toEqual([201, first.body]);
      const other = await world.admin.post(USERS, { email: 'b@example.org' }, { headers });
      expect([other.status, other.body.code]).toEqual([409, 'IDEMPOTENCY_KEY_REUSED']);
    });
    expect(recorded).toEqual(['UserRegistered']);
  });

  it.each([
    'a@example.org',
    'a.b+c@sub.example.org',
    "o'hara@example.org",
    `${'x'.repeat(64)}@example.org`,
  ])('takes %s', async (email) => {
    expect((await world.admin.post(USERS, { email })).status).toBe(201);
  });

  it.each([
    ...['', 'a', 'a@', '@example.org', 'a@b', 'a@b@example.org', 'a b@example.org', 'ä@x.org'],
    ...['a@-x.org', 'a@x-.org', 'a@x..org', 'a@x.org\n', 'A <a@x.org>', 'a@[127.0.0.1]'],
    ...[`${'x'.repeat(65)}@example.org`, `a@${'x.'.repeat(130)}org`, null, 1, {}, ['a@x.org']],
  ])('refuses %j', async (email) => {
    const { status, body } = await world.admin.post(USERS, { email });
    expect([status, body.errors[0].pointer]).toEqual([400, '/email']);
  });

  it('judges an e-mail of any length at once', async () => {
    const startedAt = grantedMs();
    for (const email of [
      `${'a.'.repeat(30_000)}`,
      `a@${'a-'.repeat(30_000)}`,
      'a'.repeat(60_000),
    ]) {
      expect((await world.admin.post(USERS, { email })).status).toBe(400);
    }
    expect(grantedMs() - startedAt).toBeLessThan(500);
  });

  it.each([
    { operator: 'true' },
    { operator: null },
    { name: 1 },
    { admin: true },
    { userId: 'x' },
  ])('refuses %j', async (members) => {
    const body = { email: 'a@example.org', ...members };
    expect((await world.admin.post(USERS, body)).status).toBe(400);
  });
});

describe('who may', () => {
  it('is as documented', async () => {
    const self = await world.user('member');
    const operator = await world.person({ operator: true });
    const admin = await world.user('admin');
    const peer = await world.user('member');
    const foreign = await world.organization('foreign');
    const token = await world.token({ scopes: [...LEDGER_SCOPES, '*'] });
    const callers: readonly NativeClient[] = [
      ...[self, operator, admin, peer, foreign.admin].map(({ client }) => client),
      ...[token.client, world.with(null)],
    ];
    const path = `${USERS}/${self.userId}`;
    const label = { label: 'mine' };
    for (const [method, target, body, expected] of [
      ['POST', USERS, { email: 'x@example.org' }, '403 201 403 403 403 403 401'],
      ['GET', path, undefined, '200 200 200 200 404 403 401'],
      ['GET', `${path}/personal-tokens`, undefined, '200 200 403 403 404 403 401'],
      ['POST', `${path}/personal-tokens`, label, '201 201 403 403 404 403 401'],
      ['DELETE', `${path}/personal-tokens/${UNKNOWN_ID}`, undefined, '404 404 403 403 404 403 401'],
    ] as const) {
      const statuses: number[] = [];
      for (const client of callers) {
        const call = body === undefined ? {} : { body };
        statuses.push((await client.call(method, target, call)).status);
      }
      expect([method, target, statuses.join(' ')]).toEqual([method, target, expected]);
    }
  });

  it('never tells a foreign person from one who does not exist', async () => {
    const { client } = await world.person();
    const { userId } = await world.user('member');
    const told = ({ status, body }: NativeAnswer): unknown => [status, { ...body, instance: '' }];
    for (const rest of ['', '/personal-tokens']) {
      const foreign = await client.get(`${USERS}/${userId}${rest}`);
      const unknown = await client.get(`${USERS}/${UNKNOWN_ID}${rest}`);
      expect(foreign.status).toBe(404);
      expect(told(foreign)).toEqual(told(unknown));
    }
  });

  it('shows of a person only the organizations that are shared', async () => {
    world.clock.advance(1);
    await world.organization('other');
    const peer = await world.user('member');
    const both = await world.user('admin');
    await world.setMember(both.userId, 'member', 'other');
    const slugs = async (client: NativeClient): Promise<string[]> =>
      (await client.get(`${USERS}/${both.userId}`)).body.organizations.map(
        ({ slug }: { slug: string }) => slug,
      );
    expect(await slugs(peer.client)).toEqual(['demo']);
    expect(await slugs(both.client)).toEqual(['demo', 'other']);
  });
});

describe('personal tokens', () => {
  it('show their secret once, and end when they are revoked', async () => {
    const { userId, client } = await world.person();
    const issued = await client.post(tokensOf(userId), { label: 'laptop' });
    const { token, secret } = issued.body;
    expect(issued.headers.get('location')).toBe(`${tokensOf(userId)}/${token.id}`);
    expect(token).toMatchObject({ label: 'laptop', revokedAt: null });
    expect(token.preview).toBe(`****${secret.slice(-4)}`);

    const { items } = (await client.get(tokensOf(userId))).body;
    expect(items.map(({ label }: { label: string }) => label)).toEqual(['test', 'laptop']);
    expect(items[1]).toEqual(token);

    const fresh = world.as(secret);
    expect((await fresh.get('/v1/self')).status).toBe(200);
    const path = `${tokensOf(userId)}/${token.id}`;
    const recorded = await world.recordedTypes(async () => {
      expect(
        (
          await client.call(
            'DELETE',
            path
              .toUpperCase()
              .replace('/V1/USERS/', '/v1/users/')
              .replace('/PERSONAL-TOKENS/', '/personal-tokens/'),
          )
        ).status,
      ).toBe(204);
      expect((await client.call('DELETE', path)).status).toBe(204);
    });
    expect(recorded).toEqual(['PersonalTokenRevoked']);
    expect((await fresh.get('/v1/self')).status).toBe(401);
    const [, listed] = (await client.get(tokensOf(userId))).body.items;
    expect(listed.revokedAt).not.toBeNull();
  });

  it('may be the very one that ends itself', async () => {
    const { userId, client } = await world.person();
    const [{ id }] = (await client.get(tokensOf(userId))).body.items;
    expect((await client.call('DELETE', `${tokensOf(userId)}/${id}`)).status).toBe(204);
    expect((await client.get('/v1/self')).status).toBe(401);
  });

  it('are answered again to a repeat with its key, secret included', async () => {
    const { userId, client } = await world.person();
    const headers = { 'idempotency-key': 'k1' };
    const body = { label: 'laptop' };
    const first = await client.post(tokensOf(userId), body, { headers });
    const again = await client.post(tokensOf(userId), body, { headers, repeats: true });
    expect([again.status, again.body]).toEqual([201, first.body]);
    expect((await client.get(tokensOf(userId))).body.items).toHaveLength(2);
    const other = await client.post(tokensOf(userId), { label: 'x' }, { headers });
    expect([other.status, other.body.code]).toEqual([409, 'IDEMPOTENCY_KEY_REUSED']);
  });

  it('of somebody else are not reached through the own path', async () => {
    const one = await world.person();
    const two = await world.person();
    const [{ id }] = (await two.client.get(tokensOf(two.userId))).body.items;
    const { status } = await one.client.call('DELETE', `${tokensOf(one.userId)}/${id}`);
    expect(status).toBe(404);
    expect((await two.client.get('/v1/self')).status).toBe(200);
  });

  it('are listed on pages', async () => {
    const { userId, client } = await world.person();
    for (const label of ['a', 'b', 'c']) await client.post(tokensOf(userId), { label });
    const found: string[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const query = { limit: 2, ...(cursor === '' ? {} : { cursor }) };
      const { body } = await client.get(tokensOf(userId), { query });
      found.push(...body.items.map(({ label }: { label: string }) => label));
      cursor = body.nextCursor;
    }
    expect(found).toEqual(['test', 'a', 'b', 'c']);
  });

  it.each([
    {},
    { label: '' },
    { label: '  ' },
    { label: 1 },
    { label: 'x'.repeat(129) },
    { secret: 'x', label: 'a' },
  ])('are not made from %j', async (body) => {
    const { userId, client } = await world.person();
    expect((await client.post(tokensOf(userId), body)).status).toBe(400);
  });
});
