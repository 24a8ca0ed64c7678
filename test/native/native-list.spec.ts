import { NativeWorld, TOKENS } from './support/native-world.js';

let world: NativeWorld;

beforeEach(async () => {
  world = await NativeWorld.start();
});
afterEach(() => world.close());

type Query = Readonly<Record<string, string | number>>;

const DAY_MS = 86_400_000;

async function names(query: Query = {}, by = world.admin): Promise<string[]> {
  const { status, body } = await by.get(TOKENS, { query });
  expect(status).toBe(200);
  return body.items.map(({ name }: { name: string }) => name);
}

/** All pages, one after the other. `between` runs after each. */
async function walk(query: Query, between: () => Promise<unknown> = async () => undefined) {
  const found: string[] = [];
  for (let cursor: string | null = ''; cursor !== null;) {
    const page = await world.admin.get(TOKENS, {
      query: { ...query, ...(cursor === '' ? {} : { cursor }) },
    });
    found.push(...page.body.items.map(({ name }: { name: string }) => name));
    cursor = page.body.nextCursor;
    await between();
  }
  return found;
}

describe('sorting', () => {
  beforeEach(async () => {
    for (const name of ['b', 'C', 'a']) {
      const { secret } = await world.token({ name });
      world.clock.advance(60_000);
      if (name !== 'b') await world.admin.post('/v1/verify', { token: secret, cost: 1 });
    }
  });

  it.each([
    ['-createdAt', ['a', 'C', 'b']],
    ['createdAt', ['b', 'C', 'a']],
    ['name', ['a', 'b', 'C']],
    ['-name', ['C', 'b', 'a']],
    ['lastUsedAt', ['b', 'C', 'a']],
    ['-lastUsedAt', ['a', 'C', 'b']],
  ])('by %s', async (sort, expected) => {
    expect(await names({ sort })).toEqual(expected);
    expect(await walk({ sort, limit: 1 })).toEqual(expected);
  });

  it('shows the newest first, unless it is asked otherwise', async () => {
    expect(await names()).toEqual(['a', 'C', 'b']);
  });
});

describe('paging', () => {
  it('shows each item once, though others are added meanwhile', async () => {
    const made = Array.from({ length: 23 }, (_, n) => `t${String(n).padStart(2, '0')}`);
    for (const name of made) await world.token({ name });
    for (const sort of ['createdAt', '-createdAt', 'name', '-name', 'lastUsedAt']) {
      const found = await walk({ sort, limit: 5 }, () => world.token({ name: `new ${sort}` }));
      const old = found.filter((name) => name.startsWith('t'));
      expect([...old].sort()).toEqual(made);
    }
  });

  it('ends with a page that says so, also when it is full', async () => {
    for (const name of ['a', 'b']) await world.token({ name });
    expect((await world.admin.get(TOKENS, { query: { limit: 2 } })).body.nextCursor).toBeNull();
    expect((await world.admin.get(TOKENS, { query: { limit: 1 } })).body.nextCursor).not.toBeNull();
  });

  it('refuses a cursor of another list, or none at all', async () => {
    for (const name of ['a', 'b']) await world.token({ name });
    const { nextCursor: cursor } = (await world.admin.get(TOKENS, { query: { limit: 1 } })).body;
    for (const query of [
      { cursor, sort: 'name' },
      { cursor, q: 'a' },
      { cursor: 'x' },
      { cursor: Buffer.from('["a","b","c"]').toString('base64url') },
      { cursor: Buffer.from('{}').toString('base64url') },
    ]) {
      const { status, body } = await world.admin.get(TOKENS, { query });
      expect([status, body.errors[0].parameter]).toEqual([400, 'cursor']);
    }
  });

  it.each(['0', '201', '-1', '1.5', '1e2', ' 5', '', 'all', '99999999999999999999'])(
    'refuses a limit of %p',
    async (limit) => {
      const { status, body } = await world.admin.get(TOKENS, { query: { limit } });
      expect([status, body.errors[0].parameter]).toEqual([400, 'limit']);
    },
  );

  it.each(['limit=1&limit=2', 'limit[]=1', '__proto__[x]=1', 'page=1', 'status=active&status=x'])(
    'refuses ?%s',
    async (query) => {
      const { status, body } = await world.admin.get(`${TOKENS}?${query}`);
      expect([status, body.code]).toEqual([400, 'INVALID_REQUEST']);
    },
  );
});

describe('filtering', () => {
  it('by status, where active includes expiring', async () => {
    const inDays = (days: number): string =>
      new Date(Date.parse(world.clock.now()) + days * DAY_MS).toISOString();
    await world.token({ name: 'forever' });
    await world.token({ name: 'month', expiresAt: inDays(31) });
    await world.token({ name: 'week', expiresAt: inDays(8) });
    await world.token({ name: 'hour', expiresAt: inDays(1.04) });
    const { path } = await world.token({ name: 'gone' });
    await world.admin.post(`${path}/revoke`);
    world.clock.advance(DAY_MS);
    const byStatus = async (status: string) => (await names({ status })).sort();
    expect(await byStatus('active')).toEqual(['forever', 'hour', 'month', 'week']);
    expect(await byStatus('expiring')).toEqual(['hour', 'week']);
    expect(await byStatus('expired')).toEqual([]);
    expect(await byStatus('revoked')).toEqual(['gone']);
    world.clock.advance(DAY_MS);
    expect(await byStatus('expired')).toEqual(['hour']);
    expect((await names()).sort()).toEqual(['forever', 'gone', 'hour', 'month', 'week']);
  });

  it('by a part of the name or of the preview, in any case', async () => {
    const { secret } = await world.token({ name: 'Deploy 100%_ok' });
    await world.token({ name: 'other' });
    for (const q of ['deploy', 'OY 1', '%_', secret.slice(-4).toUpperCase()]) {
      expect(await names({ q })).toContain('Deploy 100%_ok');
    }
    expect(await names({ q: '%' })).toEqual(['Deploy 100%_ok']);
    expect(await names({ q: 'nothing like it' })).toEqual([]);
    expect(await names({ q: "' OR 1=1 --" })).toEqual([]);
  });

  it('by a scope that is granted, by closure', async () => {
    await world.token({ name: 'all', scopes: ['*'] });
    await world.token({ name: 'parent', scopes: ['invoices'] });
    await world.token({ name: 'child', scopes: ['invoices:read'] });
    await world.token({ name: 'sibling', scopes: ['invoices-draft'] });
    await world.token({ name: 'reader', scopes: ['ledger:tokens:read'] });
    const byScope = async (scope: string) => (await names({ scope })).sort();
    expect(await byScope('invoices:read')).toEqual(['all', 'child', 'parent']);
    expect(await byScope('invoices')).toEqual(['all', 'parent']);
    expect(await byScope('*')).toEqual(['all']);
    expect(await byScope('ledger:tokens:read')).toEqual(['reader']);
  });

  it('by owner, dialect and idleness', async () => {
    const { secret } = await world.token({ name: 'used', ownerId: 'team-7' });
    await world.token({ name: 'idle' });
    await world.socketToken();
    const before = world.clock.now();
    world.clock.advance(DAY_MS);
    await world.admin.post('/v1/verify', { token: secret, cost: 1 });
    await world.token({ name: 'young' });
    expect(await names({ ownerId: 'team-7' })).toEqual(['used']);
    expect(await names({ dialect: 'socket' })).toEqual(['api token']);
    const idle = await names({ unusedSince: world.clock.now(), dialect: 'native' });
    expect(idle).toEqual(['idle']);
    expect(await names({ unusedSince: before })).toEqual([]);
    expect(await names({ status: 'active', dialect: 'native', q: 'u', ownerId: 'team-7' })).toEqual(
      ['used'],
    );
  });

  it.each([
    ['status', 'living'],
    ['q', ''],
    ['scope', 'A'],
    ['scope', 'ledger:tokens'],
    ['ownerId', ''],
    ['dialect', 'snyk'],
    ['unusedSince', '2026-02-30T00:00:00Z'],
    ['unusedSince', 'yesterday'],
    ['sort', 'age'],
    ['sort', '--name'],
  ])('refuses %s=%s', async (parameter, value) => {
    const { status, body } = await world.admin.get(TOKENS, { query: { [parameter]: value } });
    expect([status, body.errors[0].parameter]).toEqual([400, parameter]);
  });
});

describe('what a caller sees', () => {
  it('is all for admins and tokens, and for members what is visible or theirs', async () => {
    const other = await world.user('admin');
    await world.token({ name: 'open' });
    await world.token({ name: 'admins only', visibility: 'admin' });
    const reader = await world.token({ name: 'reader', scopes: ['ledger:tokens:read'] });
    const maker = await world.user('admin');
    await world.token({ name: 'theirs', visibility: 'admin' }, maker.client);
    await world.setMember(maker.userId, 'member');
    const all = ['admins only', 'open', 'reader', 'theirs'];
    expect((await names({}, other.client)).sort()).toEqual(all);
    expect((await names({}, reader.client)).sort()).toEqual(all);
    expect((await names({}, maker.client)).sort()).toEqual(['open', 'reader', 'theirs']);
  });
});
