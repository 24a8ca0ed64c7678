import { NativeWorld, UNKNOWN_ID } from './support/native-world.js';

let world: NativeWorld;

beforeEach(async () => {
  world = await NativeWorld.start();
});
afterEach(() => world.close());

const HOUR_MS = 3_600_000;

async function livedThrough() {
  const token = await world.token({ name: 'first', expiresAt: '2026-03-27T14:30:00.000Z' });
  const at: string[] = [world.clock.now()];
  const positions: string[] = [String(await world.service.ledger.store.head())];
  const step = async (work: () => Promise<unknown>): Promise<void> => {
    world.clock.advance(HOUR_MS);
    await work();
    at.push(world.clock.now());
    positions.push(String(await world.service.ledger.store.head()));
  };
  await step(() => world.admin.patch(token.path, { name: 'second', maxQuota: 7 }));
  await step(() => world.admin.post(`${token.path}/rotate`, { graceSeconds: 1800 }));
  await step(() => world.admin.post(`${token.path}/revoke`, { reason: 'unused' }));
  return { token, at, positions };
}

it('reads a token as it was at an instant, and at a position', async () => {
  const { token, at, positions } = await livedThrough();
  const expected = [
    { name: 'first', maxQuota: null, revision: 1, status: 'active' },
    { name: 'second', maxQuota: 7, revision: 3, status: 'active' },
    { name: 'second', revision: 4, status: 'active' },
    { name: 'second', revision: 5, status: 'revoked', revokedReason: 'unused' },
  ];
  for (const [index, state] of expected.entries()) {
    const byTime = await world.admin.get(token.path, { query: { at: at[index]! } });
    const byPosition = await world.admin.get(token.path, {
      query: { atPosition: positions[index]! },
    });
    expect(byTime.body).toMatchObject(state);
    expect(byPosition.body).toMatchObject(state);
    expect(byTime.headers.has('etag')).toBe(false);
  }
});

it('judges expiry and grace by the time that is looked at', async () => {
  const { token, at } = await livedThrough();
  const later = (text: string, ms: number): string => new Date(Date.parse(text) + ms).toISOString();
  const secretsAt = async (instant: string): Promise<number> => {
    return (await world.admin.get(token.path, { query: { at: instant } })).body.secrets.length;
  };
  expect(await secretsAt(later(at[2]!, HOUR_MS / 2 - 1))).toBe(2);
  expect(await secretsAt(later(at[2]!, HOUR_MS / 2))).toBe(1);
  const other = await world.token({ expiresAt: later(world.clock.now(), HOUR_MS) });
  world.clock.advance(2 * HOUR_MS);
  const statusAt = async (instant: string): Promise<string> => {
    return (await world.admin.get(other.path, { query: { at: instant } })).body.status;
  };
  expect(await statusAt(later(world.clock.now(), -HOUR_MS))).toBe('expired');
  expect(await statusAt(later(world.clock.now(), -HOUR_MS - 1))).toBe('active');
});

it('knows no token before it was made, and no future', async () => {
  const { path } = await world.token();
  const before = new Date(Date.parse(world.clock.now()) - 1).toISOString();
  const after = new Date(Date.parse(world.clock.now()) + 1).toISOString();
  const statusOf = async (query: Record<string, string>): Promise<number> => {
    return (await world.admin.get(path, { query })).status;
  };
  expect(await statusOf({ at: before })).toBe(404);
  expect(await statusOf({ atPosition: '1' })).toBe(404);
  expect(await statusOf({ at: after })).toBe(400);
  expect(await statusOf({ atPosition: '9223372036854775807' })).toBe(400);
  expect(await statusOf({ at: world.clock.now(), atPosition: '1' })).toBe(400);
  for (const at of ['2026-02-30T00:00:00Z', '2026-01-01', '1', '2026-01-01T24:00:00Z']) {
    expect([at, await statusOf({ at })]).toEqual([at, 400]);
  }
  for (const atPosition of ['-1', '01', '1.0', 'x']) {
    expect([atPosition, await statusOf({ atPosition })]).toEqual([atPosition, 400]);
  }
});

it('shows the history, oldest first, page by page, and no secret of it', async () => {
  const { token } = await livedThrough();
  const { body } = await world.admin.get(`${token.path}/events`);
  expect(body.nextCursor).toBeNull();
  expect(body.items.map(({ type }: { type: string }) => type)).toEqual([
    ...['TokenCreated', 'TokenRenamed', 'TokenMaxQuotaChanged', 'TokenRotated', 'TokenRevoked'],
  ]);
  expect(body.items[1]).toMatchObject({
    ...{ revision: 2, dialect: 'native', actor: { kind: 'user' } },
    data: { from: 'first', to: 'second' },
  });
  expect(JSON.stringify(body)).not.toContain('sha512-');
  const paged: unknown[] = [];
  for (let cursor: string | null = ''; cursor !== null;) {
    const query = { limit: 2, ...(cursor === '' ? {} : { cursor }) };
    const page = await world.admin.get(`${token.path}/events`, { query });
    paged.push(...page.body.items);
    cursor = page.body.nextCursor;
  }
  expect(paged).toEqual(body.items);
  const other = await world.token();
  const { nextCursor } = (await world.admin.get(`${token.path}/events`, { query: { limit: 1 } }))
    .body;
  const foreign = await world.admin.get(`${other.path}/events`, { query: { cursor: nextCursor } });
  expect(foreign.status).toBe(400);
});

it('shows the last twelve windows, newest first', async () => {
  const { path, secret, id } = await world.token({ maxQuota: 100 });
  for (let month = 0; month < 14; month += 1) {
    world.clock.set(new Date(Date.UTC(2026, 2 + month, 15)).toISOString());
    await world.admin.post('/v1/verify', { token: secret, cost: month + 1 });
  }
  const { body } = await world.admin.get(`${path}/quota`);
  expect(body).toMatchObject({
    ...{ limit: 100, consumed: 14, remaining: 86, window: '2027-04' },
    resetAt: '2027-05-01T00:00:00.000Z',
  });
  expect(body.windows).toHaveLength(12);
  expect(body.windows[0]).toEqual({
    ...{ window: '2027-04', limit: 100, consumed: 14, endsAt: '2027-05-01T00:00:00.000Z' },
  });
  expect(body.windows.at(-1).window).toBe('2026-05');
  world.clock.set('2027-06-01T00:00:00.000Z');
  expect((await world.admin.get(`${path}/quota`)).body).toMatchObject({
    ...{ consumed: 0, window: '2027-06' },
  });
  expect(id).not.toBe(UNKNOWN_ID);
});
