import type { Operation } from '../support/socket-contract.js';
import { SocketWorld, tokenBody, UNKNOWN_UUID } from '../support/socket-world.js';

let world: SocketWorld;

beforeAll(async () => {
  world = await SocketWorld.start();
});
afterAll(() => world.close());

const EXHAUSTED = { error: { message: 'Insufficient quota for API route', details: null } };
const secondsUntil = (instant: string) =>
  (Date.parse(instant) - Date.parse(world.service.clock.now())) / 1000;

describe('the cost of a call', () => {
  const costs: readonly [Operation, number, object][] = [
    ['create', 10, { body: tokenBody() }],
    ['list', 10, {}],
    ['update', 10, { body: { ...tokenBody(), uuid: UNKNOWN_UUID } }],
    ['rotate', 10, { body: { uuid: UNKNOWN_UUID } }],
    ['revoke', 10, { body: { uuid: UNKNOWN_UUID } }],
    ['auditLog', 1, {}],
    ['organizations', 1, {}],
    ['quota', 0, {}],
  ];

  it.each(costs)('of %s is %i units', async (operation, cost, request) => {
    const { client } = await world.token({ scopes: ['*'] });
    await client.call(operation, request);
    expect(await client.remaining()).toBe(1000 - cost);
  });

  it('is recorded once, with what the call was', async () => {
    const { client, group_uuid: subjectId } = await world.token({ scopes: ['*'] });
    const events = await world.recorded(() => client.list());
    expect(events).toMatchObject([
      {
        type: 'QuotaConsumed',
        subjectId,
        cost: 10,
        operation: 'GET /v0/orgs/:org_slug/api-tokens',
        consumedAfter: 10,
        limit: 1000,
        window: '2026-03',
      },
    ]);
  });

  // What got past credential, organization, scope and quota is charged, whatever becomes of it (decision 7).
  const charged: readonly [string, number, Operation, object][] = [
    ['a malformed body', 400, 'create', { body: '{' }],
    ['a body that breaks a rule', 400, 'create', { body: {} }],
    ['a query that breaks a rule', 400, 'list', { query: 'page=0' }],
    ['an unknown token', 404, 'revoke', { body: { uuid: UNKNOWN_UUID } }],
    ['scopes that the caller lacks', 403, 'create', { body: tokenBody({ scopes: ['*'] }) }],
    ['more quota than its own', 403, 'create', { body: tokenBody({ max_quota: 5000 }) }],
    [
      'a malformed idempotency key',
      400,
      'create',
      { body: tokenBody(), headers: { 'idempotency-key': 'a b' } },
    ],
  ];

  it.each(charged)('is charged for %s', async (_name, expected, operation, request) => {
    const { client } = await world.token({ scopes: ['api-tokens'] });
    expect((await client.call(operation, request)).status).toBe(expected);
    expect(await client.remaining()).toBe(990);
  });

  const free: readonly [string, number, Operation, object][] = [
    ['a scope that the route demands', 403, 'auditLog', {}],
    ['an unknown organization', 404, 'list', { org: 'nowhere' }],
    ['an organization of others', 403, 'list', { org: 'others' }],
    ['a path that leads nowhere', 404, 'list', { path: '/orgs/{org_slug}/api-token' }],
  ];

  it.each(free)('is not charged for %s', async (name, expected, operation, request) => {
    if (name.includes('others')) await world.organization('others');
    const { client } = await world.token({ scopes: ['api-tokens'] });
    const types = await world.recordedTypes(async () => {
      expect((await client.call(operation, request)).status).toBe(expected);
    });
    expect(types).toEqual([]);
    expect(await client.remaining()).toBe(1000);
  });

  it('is not charged to anybody for an unknown credential', async () => {
    const client = world.as(`sktsec_${'x'.repeat(43)}_api`);
    expect(await world.recordedTypes(() => client.call('list'))).toEqual([]);
  });

  it('is charged again for each repeat of a read, whatever idempotency key it carries', async () => {
    const { client } = await world.token({ scopes: ['api-tokens:list'] });
    for (let time = 0; time < 3; time += 1) {
      await client.call('list', { headers: { 'idempotency-key': 'the-same-key' } });
    }
    expect(await client.remaining()).toBe(970);
    const { status } = await client.call('quota', { headers: { 'idempotency-key': 'no key' } });
    expect(status).toBe(200);
  });
});

describe('the order of checks', () => {
  // Each request breaks all later rules as well, so the answer tells which comes first.
  it('is route, credential, organization, scope, limit, quota, body, token', async () => {
    await world.organization('foreign');
    const body = '{';
    const nobody = world.with(null);
    const weak = await world.token({ scopes: [], max_quota: 5 });
    const small = await world.token({ scopes: ['*'], max_quota: 5 });
    const spent = await world.token({ scopes: ['*'], max_quota: 10 });
    await spent.client.list();
    const able = await world.token({ scopes: ['*'] });
    const answers = [
      await nobody.send('/nowhere', { method: 'POST', body }),
      await nobody.call('create', { org: 'nowhere', body }),
      await weak.client.call('create', { org: 'nowhere', body }),
      await weak.client.call('create', { org: 'foreign', body }),
      await weak.client.call('create', { body }),
      await small.client.call('create', { body }),
      await spent.client.call('create', { body }),
      await able.client.call('create', { body }),
      await able.client.call('rotate', { body: { uuid: UNKNOWN_UUID } }),
    ];
    expect(
      answers.map(({ status, body: { error } }) => [status, (error as Error).message]),
    ).toEqual([
      [404, 'Not found'],
      [401, 'Unauthorized'],
      [404, 'Organization not found'],
      [403, 'Organization not allowed'],
      [403, 'Insufficient permissions for API method'],
      [403, 'Insufficient max quota for API method'],
      [429, 'Insufficient quota for API route'],
      [400, 'Bad request'],
      [404, 'API token not found'],
    ]);
  });
});

describe('the quota of a window', () => {
  it('K14: a limit below the cost forbids the call for good, and nothing else', async () => {
    const { client } = await world.token({ scopes: ['*'], max_quota: 5 });
    const { status, body } = await client.call('list');
    expect(status).toBe(403);
    expect(body).toMatchObject({ error: { message: 'Insufficient max quota for API method' } });
    expect((await client.call('quota')).status).toBe(200);
    expect((await client.call('organizations')).status).toBe(200);
    expect(await client.remaining()).toBe(4);
  });

  it('K15: is refused when it is spent, and whole again in the next window', async () => {
    world.service.clock.set('2026-03-27T10:30:58.250Z');
    const { client } = await world.token({ scopes: ['*'], max_quota: 20 });
    expect([(await client.call('list')).status, (await client.call('list')).status]).toEqual([
      200, 200,
    ]);
    const { status, headers, body } = await client.call('list');
    expect([status, body]).toEqual([429, EXHAUSTED]);
    const end = '2026-04-01T00:00:00.000Z';
    expect(headers.get('retry-after')).toBe(String(Math.ceil(secondsUntil(end))));
    expect((await client.call('quota')).body).toEqual({
      quota: 0,
      maxQuota: 20,
      nextWindowRefresh: end,
    });

    world.service.clock.set('2026-03-31T23:59:59.999Z');
    const last = await client.call('list');
    expect([last.status, last.headers.get('retry-after')]).toEqual([429, '1']);
    world.service.clock.set(end);
    expect((await client.call('list')).status).toBe(200);
    expect((await client.call('quota')).body).toEqual({
      quota: 10,
      maxQuota: 20,
      nextWindowRefresh: '2026-05-01T00:00:00.000Z',
    });
  });

  it('K16: 25 parallel calls spend a quota of 100 in exactly ten', async () => {
    const { client } = await world.token({ scopes: ['*'], max_quota: 100 });
    const answers = await Promise.all(Array.from({ length: 25 }, () => client.call('list')));
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(10);
    expect(statuses.filter((status) => status === 429)).toHaveLength(15);
    expect(await client.remaining()).toBe(0);
  });

  it('is never overdrawn by parallel calls of different cost', async () => {
    const { client } = await world.token({ scopes: ['*'], max_quota: 57 });
    const operations = Array.from({ length: 40 }, (_, index) => (index % 2 ? 'list' : 'auditLog'));
    const answers = await Promise.all(operations.map((each) => client.call(each as Operation)));
    const spent = answers.reduce((sum, { status }, index) => {
      return sum + (status === 200 ? (index % 2 ? 10 : 1) : 0);
    }, 0);
    expect(spent).toBeLessThanOrEqual(57);
    expect(await client.remaining()).toBe(57 - spent);
  });

  it('is lowered and raised at once, in the middle of a window', async () => {
    const { client, group_uuid: uuid } = await world.token({ scopes: ['*'], max_quota: 100 });
    const limit = async (max_quota: number) => {
      const body = { ...tokenBody({ max_quota, scopes: ['*'] }), uuid };
      expect((await world.root.client.call('update', { body })).status).toBe(200);
      return (await client.call('quota')).body['quota'];
    };
    await Promise.all([client.list(), client.list(), client.list()]);
    expect(await limit(40)).toBe(10);
    expect(await limit(20)).toBe(0);
    expect((await client.call('auditLog')).status).toBe(429);
    expect(await limit(50)).toBe(20);
    expect((await client.call('list')).status).toBe(200);
  });

  it('has no end for a token without any quota', async () => {
    const { client } = await world.token({ max_quota: 0 });
    expect((await client.call('quota')).body).toEqual({
      quota: 0,
      maxQuota: 0,
      nextWindowRefresh: null,
    });
    expect((await client.call('organizations')).status).toBe(403);
  });

  it('is 1000 units for a user, whichever of their organizations they call', async () => {
    const { client } = await world.user('admin');
    await client.list();
    await client.call('organizations');
    expect((await client.call('quota')).body).toMatchObject({ quota: 989, maxQuota: 1000 });
  });
});

describe.each([
  ['hour', '2026-03-27T11:00:00.000Z'],
  ['day', '2026-03-28T00:00:00.000Z'],
  ['month', '2026-04-01T00:00:00.000Z'],
] as const)('a window of one %s', (windowLength, end) => {
  it('ends with it, in UTC', async () => {
    const other = await SocketWorld.start({ windowLength });
    const { client } = await other.token({ scopes: ['*'], max_quota: 10 });
    await client.list();
    const { body } = await client.call('quota');
    expect(body).toEqual({ quota: 0, maxQuota: 10, nextWindowRefresh: end });
    other.service.clock.set(end);
    expect(await client.remaining()).toBe(10);
    await other.close();
  });
});
