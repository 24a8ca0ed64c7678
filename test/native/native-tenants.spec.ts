import type { NativeClient } from './support/native-client.js';
import { NativeWorld, TOKENS, UNKNOWN_ID, type TestToken } from './support/native-world.js';

let world: NativeWorld;
let foreign: TestToken;
let outsiders: readonly [string, NativeClient][];

const SCOPES = ['read', 'create', 'update', 'rotate', 'revoke', 'verify'].map(
  (verb) => `ledger:tokens:${verb}`,
);

beforeAll(async () => {
  world = await NativeWorld.start();
  const other = await world.organization('other');
  foreign = await world.token({ name: 'theirs', maxQuota: 5 }, other.admin.client, 'other');
  const admin = await world.user('admin');
  const token = await world.token({ scopes: ['*', ...SCOPES] });
  outsiders = [
    ['an admin of another organization', admin.client],
    ['a token of another organization', token.client],
    ['a person of no organization', (await world.person()).client],
    ['an operator', (await world.person({ operator: true })).client],
  ];
});
afterAll(() => world.close());

const ROUTES: readonly [string, string, object | undefined][] = [
  ['GET', '', undefined],
  ['PATCH', '', { name: 'mine' }],
  ['POST', '/rotate', {}],
  ['POST', '/revoke', {}],
  ['GET', '/quota', undefined],
  ['GET', '/events', undefined],
];

/** All that an answer says, but for what names the request itself. */
async function told(by: NativeClient, method: string, path: string, body?: object) {
  const answer = await by.call(method, path, body ? { body } : {});
  const { instance: _instance, ...rest } = answer.body;
  const own = ['date', 'x-request-id', 'ledger-position'];
  const headers = [...answer.headers].filter(([name]) => !own.includes(name));
  return { status: answer.status, headers, rest };
}

it.each(ROUTES)('%s %s of a foreign token is as if there were none', async (method, path, body) => {
  for (const [, client] of outsiders) {
    const ids = [foreign.id, UNKNOWN_ID];
    for (const org of ['demo', 'other', 'nowhere', UNKNOWN_ID]) {
      const [theirs, nobodys] = await Promise.all(
        ids.map((id) => told(client, method, `/v1/orgs/${org}/tokens/${id}${path}`, body)),
      );
      expect(theirs).toEqual(nobodys);
      expect(theirs!.status).toBe(404);
    }
  }
  expect((await foreign.client.get('/v1/self')).status).toBe(200);
});

it('a foreign organization is as if there were none', async () => {
  for (const [, client] of outsiders) {
    for (const [method, body] of [
      ['GET', undefined],
      ['POST', { name: 'x' }],
    ] as const) {
      const theirs = await told(client, method, '/v1/orgs/other/tokens', body);
      expect(theirs).toEqual(await told(client, method, '/v1/orgs/nowhere/tokens', body));
      expect(theirs.status).toBe(404);
    }
  }
});

it('the secret of a foreign token is as if there were none', async () => {
  for (const [name, client] of outsiders.slice(0, 2)) {
    const verdicts = await Promise.all(
      [foreign.secret, 'x'].map((token) => told(client, 'POST', '/v1/verify', { token })),
    );
    expect([name, verdicts[0]]).toEqual([name, verdicts[1]]);
    const introspected = await client.form('/v1/introspect', { token: foreign.secret });
    expect(introspected.text).toBe('{"active":false}');
    expect((await client.form('/v1/revoke', { token: foreign.secret })).status).toBe(200);
  }
  expect((await foreign.client.get('/v1/self')).status).toBe(200);
});

it('the cursor of a foreign list opens no window into it', async () => {
  const other = await world.organization('third');
  for (const name of ['a', 'b']) await world.token({ name }, other.admin.client, 'third');
  const page = await other.admin.client.get('/v1/orgs/third/tokens', { query: { limit: 1 } });
  const { nextCursor: cursor } = page.body;
  const { status } = await world.admin.get(TOKENS, { query: { cursor } });
  expect(status).toBe(400);
});

it('an organization is found by its id and by its slug', async () => {
  const { path, id } = await world.token();
  const { orgId } = (await world.admin.get(path)).body;
  for (const org of [orgId, orgId.toUpperCase(), 'demo']) {
    expect((await world.admin.get(`/v1/orgs/${org}/tokens/${id.toUpperCase()}`)).status).toBe(200);
  }
});

describe('a token acts by its scopes alone', () => {
  const calls: readonly [string, string, string, object | undefined, number][] = [
    ['read', 'GET', '', undefined, 200],
    ['read', 'GET', '/quota', undefined, 200],
    ['read', 'GET', '/events', undefined, 200],
    ['update', 'PATCH', '', { name: 'x' }, 200],
    ['rotate', 'POST', '/rotate', {}, 200],
    ['revoke', 'POST', '/revoke', {}, 200],
  ];

  it.each(calls)('%s lets it %s %s', async (verb, method, path, body, status) => {
    const target = await world.token();
    const own = `ledger:tokens:${verb}`;
    const others = SCOPES.filter((scope) => scope !== own);
    const lacking = await world.token({ scopes: ['*', ...others] });
    const refused = await lacking.client.call(
      method,
      `${target.path}${path}`,
      body ? { body } : {},
    );
    expect([refused.status, refused.body.missingScopes]).toEqual([403, [own]]);
    expect(refused.headers.get('www-authenticate')).toBe(
      `Bearer realm="token-ledger", error="insufficient_scope", scope="${own}"`,
    );
    const holding = await world.token({ scopes: [own] });
    const answer = await holding.client.call(method, `${target.path}${path}`, body ? { body } : {});
    expect(answer.status).toBe(status);
  });

  it('and hands on no more than it holds (A5-A8)', async () => {
    const scopes = ['ledger:tokens:create', 'ledger:tokens:update', 'ledger:tokens:rotate', 'a'];
    const resources = [{ organization: 'demo', repository: 'api' }];
    const { client } = await world.token({ scopes, resources, maxQuota: 10 });
    const within = { scopes: ['a:b'], resources, maxQuota: 10 };
    const create = async (over: object): Promise<[number, string | undefined]> => {
      const { status, body } = await client.post(TOKENS, { name: 'x', ...within, ...over });
      return [status, body.code];
    };
    expect(await create({})).toEqual([201, undefined]);
    expect(await create({ scopes: ['a', 'b'] })).toEqual([403, 'SCOPES_NOT_HELD']);
    expect(await create({ scopes: ['*'] })).toEqual([403, 'SCOPES_NOT_HELD']);
    expect(await create({ scopes: ['ledger:tokens:read'] })).toEqual([403, 'SCOPES_NOT_HELD']);
    expect(await create({ resources: [] })).toEqual([403, 'FORBIDDEN']);
    expect(await create({ resources: [{ organization: 'demo' }] })).toEqual([403, 'FORBIDDEN']);
    expect(await create({ maxQuota: 11 })).toEqual([403, 'QUOTA_ABOVE_OWN']);
    expect(await create({ maxQuota: null })).toEqual([403, 'QUOTA_ABOVE_OWN']);
    const strong = await world.token({ scopes: ['*'] });
    const rotated = await client.post(`${strong.path}/rotate`, {});
    expect([rotated.status, rotated.body.missingScopes]).toEqual([403, ['*']]);
    expect((await client.patch(strong.path, { name: 'x' })).status).toBe(403);
    expect((await strong.client.get('/v1/self')).status).toBe(200);
  });

  it('and not once it is revoked, even in mid-flight (A13)', async () => {
    const { client, path } = await world.token({ scopes: ['ledger:tokens:create'] });
    const creates = Array.from({ length: 30 }, () => client.post(TOKENS, { name: 'x' }));
    const revoked = await world.admin.post(`${path}/revoke`);
    const position = BigInt(revoked.headers.get('ledger-position')!);
    for (const { status, headers } of await Promise.all(creates)) {
      expect([201, 401]).toContain(status);
      if (status === 201) expect(BigInt(headers.get('ledger-position')!) < position).toBe(true);
    }
  });
});

describe('a member', () => {
  it('reads what is visible, manages what they made, and creates nothing', async () => {
    const maker = await world.user('admin');
    const own = await world.token({ visibility: 'admin', scopes: ['a'] }, maker.client);
    await world.setMember(maker.userId, 'member');
    const open = await world.token();
    const hidden = await world.token({ visibility: 'admin' });
    const { client } = maker;
    const codeOf = async (method: string, path: string, body?: object) => {
      const answer = await client.call(method, path, body ? { body } : {});
      return [answer.status, answer.body.code];
    };
    expect(await codeOf('POST', TOKENS, { name: 'x' })).toEqual([403, 'FORBIDDEN']);
    for (const [method, suffix, body] of ROUTES) {
      const isRead = method === 'GET';
      expect(await codeOf(method, `${hidden.path}${suffix}`, body)).toEqual([404, 'NOT_FOUND']);
      expect(await codeOf(method, `${open.path}${suffix}`, body)).toEqual(
        isRead ? [200, undefined] : [403, 'FORBIDDEN'],
      );
    }
    expect(await codeOf('PATCH', own.path, { name: 'x' })).toEqual([200, undefined]);
    expect(await codeOf('PATCH', own.path, { scopes: ['a', 'b'] })).toEqual([
      ...[403, 'SCOPES_NOT_HELD'],
    ]);
    expect(await codeOf('POST', `${own.path}/rotate`, {})).toEqual([200, undefined]);
    expect(await codeOf('POST', `${own.path}/revoke`, {})).toEqual([200, undefined]);
  });
});

it('grants no resource of an organization that the caller does not administer', async () => {
  const { admin } = await world.organization('fourth');
  const grant = (slug: string, by: NativeClient) =>
    by.post(TOKENS, { name: 'x', resources: [{ organization: slug }] });
  expect((await grant('fourth', world.admin)).body.errors[0].pointer).toBe(
    '/resources/0/organization',
  );
  await world.setMember(admin.userId, 'admin', 'demo');
  expect((await grant('fourth', admin.client)).status).toBe(201);
});
