import type { NativeAnswer, NativeClient } from './support/native-client.js';
import { NativeWorld, UNKNOWN_ID, type TestToken } from './support/native-world.js';

let world: NativeWorld;
let gateway: TestToken;
let token: TestToken;

beforeEach(async () => {
  world = await NativeWorld.start();
  gateway = await world.token({ name: 'gateway', scopes: ['ledger:tokens:verify'] });
  token = await world.token({ maxQuota: 100 });
});
afterEach(() => world.close());

const LEASES = '/v1/quota/leases';
const END = '2026-04-01T00:00:00.000Z';

const lease = (body: object, by: NativeClient = gateway.client, call = {}): Promise<NativeAnswer> =>
  by.post(LEASES, { tokenId: token.id, ...body }, call);
const giveBack = (leaseId: string, body: object, by: NativeClient = gateway.client, call = {}) =>
  by.post(`${LEASES}/${leaseId}/return`, { tokenId: token.id, ...body }, call);
const consumed = async (): Promise<number> =>
  (await world.admin.get(`${token.path}/quota`)).body.consumed;

describe('a lease', () => {
  it('grants units that count as consumed from then on', async () => {
    const { status, body, headers } = await lease({ units: 40 });
    expect(status).toBe(200);
    expect(body).toEqual({
      leaseId: expect.stringMatching(/^2026-03\.1\.[0-9a-f-]{36}$/),
      units: 40,
      quota: { limit: 100, consumed: 40, remaining: 60, resetAt: END },
      expiresAt: END,
      position: String(await world.service.ledger.store.head()),
    });
    expect(headers.get('ledger-position')).toBe(body.position);
    expect(headers.get('ratelimit')).toMatch(/;r=60;/);
    expect(await consumed()).toBe(40);
    const verdict = await gateway.client.post('/v1/verify', { token: token.secret, cost: 61 });
    expect(verdict.body.code).toBe('QUOTA_EXCEEDED');
  });

  it('grants fewer where fewer are left, and is refused where none are', async () => {
    await lease({ units: 90 });
    expect((await lease({ units: 90 })).body).toMatchObject({ units: 10, quota: { remaining: 0 } });
    const { status, body, headers } = await lease({ units: 1 });
    expect([status, body.code, body.quota.remaining]).toEqual([429, 'QUOTA_EXCEEDED', 0]);
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
  });

  it('is of the token that a secret belongs to, and records which secret it was', async () => {
    const [fact] = await world.recorded(() =>
      gateway.client.post(LEASES, { token: token.secret, units: 5, operation: 'GET /x' }),
    );
    const { body } = await world.admin.get(token.path);
    expect(fact).toMatchObject({
      ...{ type: 'QuotaConsumed', subjectId: token.id, cost: 5, operation: 'GET /x' },
      secretId: body.secrets[0].id,
    });
  });

  it('is given again to a repeat under the same key', async () => {
    const call = { headers: { 'idempotency-key': 'k' } };
    const first = await lease({ units: 40 }, gateway.client, call);
    expect((await lease({ units: 40 }, gateway.client, call)).body).toEqual(first.body);
    expect((await lease({ units: 4 }, gateway.client, call)).body.code).toBe(
      'IDEMPOTENCY_KEY_REUSED',
    );
    expect(await consumed()).toBe(40);
  });

  it.each([
    ['units of 0', { units: 0 }, '/units'],
    ['no units', {}, '/units'],
    ['a part of a unit', { units: 1.5 }, '/units'],
    ['two names', { units: 1, token: 'x' }, ''],
    ['no name', { units: 1, tokenId: undefined }, ''],
    ['no id', { units: 1, tokenId: 'x' }, '/tokenId'],
    ['more', { units: 1, more: 1 }, '/more'],
  ])('with %s is refused', async (_what, body, pointer) => {
    const answer = await lease(body);
    expect(answer.status).toBe(400);
    const pointers = answer.body.errors.map((fault: { pointer: string }) => fault.pointer);
    expect(new Set(pointers)).toEqual(new Set([pointer]));
  });

  it('is not given to what is dead', async () => {
    const rotated = await world.admin.post(`${token.path}/rotate`);
    const bySecret = (secret: string) => gateway.client.post(LEASES, { token: secret, units: 1 });
    expect((await bySecret(token.secret)).body.code).toBe('TOKEN_EXPIRED');
    expect((await bySecret(rotated.body.secret)).status).toBe(200);
    await world.admin.post(`${token.path}/revoke`);
    expect((await bySecret(rotated.body.secret)).body.code).toBe('TOKEN_REVOKED');
    expect((await lease({ units: 1 })).body.code).toBe('TOKEN_REVOKED');
  });
});

describe('a return', () => {
  it('gives back what was not used, once', async () => {
    const { leaseId } = (await lease({ units: 40 })).body;
    const back = await giveBack(leaseId, { unusedUnits: 30 });
    expect([back.status, back.body]).toEqual([
      200,
      {
        quota: { limit: 100, consumed: 10, remaining: 90, resetAt: END },
        position: String(await world.service.ledger.store.head()),
      },
    ]);
    const types = await world.recordedTypes(async () => {
      expect((await giveBack(leaseId, { unusedUnits: 30 })).body).toEqual(back.body);
    });
    expect(types).toEqual([]);
    const { counters } = world.service.ledger;
    expect([counters.units, counters.unitsReturned]).toEqual([40, 30]);
    const other = await giveBack(leaseId, { unusedUnits: 29 });
    expect(other.body).toMatchObject({ status: 409, code: 'LEASE_RETURNED', returnedUnits: 30 });
    expect(await consumed()).toBe(10);
  });

  it('of more than was granted is refused, and says how much that was', async () => {
    await lease({ units: 95 });
    const { leaseId, units } = (await lease({ units: 40 })).body;
    const { status, body } = await giveBack(leaseId, { unusedUnits: 6 });
    expect([status, units, body.errors]).toEqual([
      ...[400, 5],
      [{ pointer: '/unusedUnits', message: expect.stringMatching(/at most 5/) }],
    ]);
  });

  it('changes nothing after the end of the window', async () => {
    const { leaseId } = (await lease({ units: 40 })).body;
    world.clock.advance(Date.parse(END) - Date.parse(world.clock.now()));
    const types = await world.recordedTypes(async () => {
      const { status, body } = await giveBack(leaseId, { unusedUnits: 30 });
      expect([status, body.quota.consumed]).toEqual([200, 0]);
    });
    expect(types).toEqual([]);
  });

  it.each(['x', '2026-03.00000000-0000-4000-8000-000000000000', '2099-01.x', '%00', '..%2f'])(
    'of the lease %s, which was never given, is refused',
    async (leaseId) => {
      const { status, body } = await giveBack(leaseId, { unusedUnits: 1 });
      expect([status, body.code]).toEqual([404, 'NOT_FOUND']);
    },
  );

  it('of another token does not touch this one', async () => {
    const other = await world.token();
    const { leaseId } = (await lease({ units: 40 })).body;
    const { status } = await giveBack(leaseId, { unusedUnits: 1, tokenId: other.id });
    expect(status).toBe(404);
    expect(await consumed()).toBe(40);
  });
});

describe('who may lease', () => {
  it('is who may verify, in the organization of the token', async () => {
    const stranger = await world.organization('other');
    const scopes = ['ledger:tokens:verify'];
    const foreign = await world.token({ scopes }, stranger.admin.client, 'other');
    const { leaseId } = (await lease({ units: 40 })).body;
    for (const client of [foreign.client, stranger.admin.client]) {
      expect((await lease({ units: 1 }, client)).status).toBe(404);
      expect((await giveBack(leaseId, { unusedUnits: 1 }, client)).status).toBe(404);
    }
    expect((await lease({ units: 1 }, token.client)).body.code).toBe('INSUFFICIENT_SCOPE');
    expect((await lease({ units: 1, tokenId: UNKNOWN_ID })).status).toBe(404);
    const operator = await world.person({ operator: true });
    expect((await lease({ units: 1 }, operator.client)).status).toBe(200);
    const back = await giveBack(leaseId, { unusedUnits: 1 }, operator.client);
    expect(back.status).toBe(200);
  });
});
