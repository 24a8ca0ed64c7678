import { NativeWorld, UNKNOWN_ID, type TestToken } from './support/native-world.js';

let world: NativeWorld;
let gateway: TestToken;

beforeEach(async () => {
  world = await NativeWorld.start();
  gateway = await world.token({ name: 'gateway', scopes: ['ledger:tokens:verify'] });
});
afterEach(() => world.close());

const CONSUME = '/v1/quota/consume';

it('spends units durably, and tells where the token stands', async () => {
  const { id, path } = await world.token({ maxQuota: 10 });
  const answer = await gateway.client.post(CONSUME, { tokenId: id, units: 4, operation: 'scan' });
  expect(answer.status).toBe(200);
  expect(answer.body).toEqual({
    units: 4,
    quota: { limit: 10, consumed: 4, remaining: 6, resetAt: '2026-04-01T00:00:00.000Z' },
    position: String(await world.service.ledger.store.head()),
  });
  expect(answer.headers.get('ledger-position')).toBe(answer.body.position);
  expect(answer.headers.get('ratelimit')).toBe('"month";r=6;t=396000');
  expect((await world.admin.get(`${path}/quota`)).body).toMatchObject({
    ...{ consumed: 4, window: '2026-03', windows: [{ window: '2026-03', consumed: 4 }] },
  });
});

it('takes the token by its secret as well, and by its id in any case', async () => {
  const { id, secret } = await world.token();
  expect((await gateway.client.post(CONSUME, { token: secret, units: 1 })).status).toBe(200);
  const upper = { tokenId: id.toUpperCase(), units: 1 };
  expect((await gateway.client.post(CONSUME, upper)).body.quota.consumed).toBe(2);
});

it('is exact under 64 parallel calls', async () => {
  const { id, path } = await world.token({ maxQuota: 30 });
  const answers = await Promise.all(
    Array.from({ length: 64 }, () => gateway.client.post(CONSUME, { tokenId: id, units: 1 })),
  );
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(30);
  const refused = answers.filter(({ status }) => status === 429);
  expect(refused).toHaveLength(34);
  expect((await world.admin.get(`${path}/quota`)).body).toMatchObject({
    ...{ consumed: 30, remaining: 0 },
  });
});

it('refuses what the window has no room for, and says when it will', async () => {
  const { id } = await world.token({ maxQuota: 5 });
  await gateway.client.post(CONSUME, { tokenId: id, units: 3 });
  for (const units of [3, 6, 2 ** 31 - 1]) {
    const answer = await gateway.client.post(CONSUME, { tokenId: id, units });
    expect([answer.status, answer.body.code]).toEqual([429, 'QUOTA_EXCEEDED']);
    expect(answer.body.quota).toMatchObject({ limit: 5, consumed: 3, remaining: 2 });
    expect(answer.body['violated-policies']).toEqual(['month']);
    const [, left] = /t=(\d+)/.exec(answer.headers.get('ratelimit')!)!;
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(Number(left));
  }
});

it('spends a raised limit at once', async () => {
  const { id, path } = await world.token({ maxQuota: 1 });
  await gateway.client.post(CONSUME, { tokenId: id, units: 1 });
  expect((await gateway.client.post(CONSUME, { tokenId: id, units: 1 })).status).toBe(429);
  await world.admin.patch(path, { maxQuota: 2 });
  expect((await gateway.client.post(CONSUME, { tokenId: id, units: 1 })).status).toBe(200);
});

it('answers 409 for a token, or a secret, that is dead', async () => {
  const revoked = await world.token();
  await world.admin.post(`${revoked.path}/revoke`);
  const expired = await world.token({ expiresAt: '2026-03-27T10:01:00.000Z' });
  const rotated = await world.token();
  await world.admin.post(`${rotated.path}/rotate`);
  world.clock.advance(60_000);
  const codeFor = async (body: object): Promise<[number, string]> => {
    const { status, body: answer } = await gateway.client.post(CONSUME, { ...body, units: 1 });
    return [status, answer.code];
  };
  expect(await codeFor({ tokenId: revoked.id })).toEqual([409, 'TOKEN_REVOKED']);
  expect(await codeFor({ token: revoked.secret })).toEqual([409, 'TOKEN_REVOKED']);
  expect(await codeFor({ tokenId: expired.id })).toEqual([409, 'TOKEN_EXPIRED']);
  expect(await codeFor({ token: rotated.secret })).toEqual([409, 'TOKEN_EXPIRED']);
});

it('does not tell a foreign token from one that does not exist', async () => {
  const other = await world.organization('other');
  const foreign = await world.token({}, other.admin.client, 'other');
  const bodies = [
    { tokenId: foreign.id },
    { tokenId: UNKNOWN_ID },
    { token: foreign.secret },
    { token: 'x' },
    { token: world.service.admin },
  ];
  for (const body of bodies) {
    const answer = await gateway.client.post(CONSUME, { ...body, units: 1 });
    expect([answer.status, answer.body.code]).toEqual([404, 'NOT_FOUND']);
    const { instance: _instance, ...rest } = answer.body;
    expect(rest).toEqual({
      ...{ type: '/problems/not-found', title: 'Not found', status: 404, detail: 'Not found' },
      code: 'NOT_FOUND',
    });
  }
});

it('charges a repeat with its key once', async () => {
  const { id } = await world.token({ maxQuota: 100 });
  const headers = { 'idempotency-key': 'charge-1' };
  const send = (units: number) => gateway.client.post(CONSUME, { tokenId: id, units }, { headers });
  const answers = await Promise.all(Array.from({ length: 20 }, () => send(5)));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  expect(new Set(answers.map(({ body }) => body.quota.consumed))).toEqual(new Set([5]));
  expect((await send(6)).body.code).toBe('IDEMPOTENCY_KEY_REUSED');
  const fresh = await gateway.client.post(CONSUME, { tokenId: id, units: 5 });
  expect(fresh.body.quota.consumed).toBe(10);
});

it.each([
  ['no units', { tokenId: UNKNOWN_ID }],
  ['no token', { units: 1 }],
  ['both names of a token', { tokenId: UNKNOWN_ID, token: 'x', units: 1 }],
  ['units of 0', { tokenId: UNKNOWN_ID, units: 0 }],
  ['negative units', { tokenId: UNKNOWN_ID, units: -1 }],
  ['units of 2^31', { tokenId: UNKNOWN_ID, units: 2 ** 31 }],
  ['units as text', { tokenId: UNKNOWN_ID, units: '1' }],
  ['units of null', { tokenId: UNKNOWN_ID, units: null }],
  ['units that are true', { tokenId: UNKNOWN_ID, units: true }],
  ['half a unit', { tokenId: UNKNOWN_ID, units: 1.5 }],
  ['an id that is none', { tokenId: 'x', units: 1 }],
  ['an operation with a line break', { tokenId: UNKNOWN_ID, units: 1, operation: 'a\nb' }],
  ['an operation of 129 characters', { tokenId: UNKNOWN_ID, units: 1, operation: 'x'.repeat(129) }],
  ['an unknown member', { tokenId: UNKNOWN_ID, units: 1, cost: 1 }],
])('refuses %s', async (_name, body) => {
  const answer = await gateway.client.post(CONSUME, body);
  expect([answer.status, answer.body.code]).toEqual([400, 'INVALID_REQUEST']);
});

it.each([
  ['hour', '3600', '2026-03-27T11:00:00.000Z'],
  ['day', '86400', '2026-03-28T00:00:00.000Z'],
] as const)('names the policy of a window of one %s', async (windowLength, seconds, resetAt) => {
  const hourly = await NativeWorld.start({ windowLength });
  try {
    const { id } = await hourly.token({ maxQuota: 5 });
    const answer = await hourly.admin.post(CONSUME, { tokenId: id, units: 1 });
    expect(answer.headers.get('ratelimit-policy')).toBe(`"${windowLength}";q=5;w=${seconds}`);
    expect(answer.body.quota.resetAt).toBe(resetAt);
  } finally {
    await hourly.close();
  }
});
