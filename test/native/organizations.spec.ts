import { randomUUID } from 'node:crypto';
import { LEDGER_SCOPES } from '../../apps/ledger-api/src/dialects/native/ledger-scopes.js';
import type { NativeAnswer, NativeClient } from './support/native-client.js';
import { NativeWorld, UNKNOWN_ID, type TestUser } from './support/native-world.js';

let world: NativeWorld;

beforeEach(async () => {
  world = await NativeWorld.start();
});
afterEach(() => world.close());

const ORGS = '/v1/orgs';

async function create(body: object, by = world.admin): Promise<NativeAnswer> {
  return by.post(ORGS, body);
}

function told({ status, body }: NativeAnswer): unknown {
  const { instance: _instance, ...rest } = body;
  return [status, rest];
}

describe('creating an organization', () => {
  it('makes the caller its first admin, or whom they name', async () => {
    const own = await create({ slug: 'acme', name: 'Acme' });
    expect(own.status).toBe(201);
    expect(own.headers.get('location')).toBe('/v1/orgs/acme');
    expect(own.body).toMatchObject({ slug: 'acme', name: 'Acme', plan: 'free', role: 'admin' });

    const { userId, client } = await world.person();
    const given = await create({ slug: 'other', plan: 'team', adminUserId: userId.toUpperCase() });
    expect(given.body).toMatchObject({ slug: 'other', name: null, plan: 'team', role: null });
    const seen = await client.get(`${ORGS}/other`);
    expect(seen.body).toEqual({ ...given.body, role: 'admin' });
  });

  it('tells the position that it was written at', async () => {
    const { headers } = await create({ slug: 'acme' });
    const head = await world.service.ledger.store.head();
    expect(headers.get('ledger-position')).toBe(String(head));
  });

  it('refuses a slug that is taken, and writes nothing', async () => {
    await create({ slug: 'acme' });
    const recorded = await world.recordedTypes(async () => {
      const again = await create({ slug: 'acme', name: 'Another' });
      expect([again.status, again.body.code]).toEqual([409, 'SLUG_TAKEN']);
    });
    expect(recorded).toEqual([]);
  });

  it('answers a repeat with its key alike, and another body with 409', async () => {
    const headers = { 'idempotency-key': 'k1' };
    const first = await world.admin.post(ORGS, { slug: 'acme', name: 'Acme' }, { headers });
    const again = await world.admin.post(ORGS, { slug: 'acme', name: 'Acme' }, { headers });
    expect([again.status, again.body]).toEqual([201, first.body]);
    for (const body of [
      { slug: 'acme', name: 'Other' },
      { slug: 'globex', name: 'Acme' },
    ]) {
      const other = await world.admin.post(ORGS, body, { headers });
      expect([other.status, other.body.code]).toEqual([409, 'IDEMPOTENCY_KEY_REUSED']);
    }
    expect((await world.admin.get(`${ORGS}/globex`)).status).toBe(404);
  });

  it('lets exactly one of many have a slug', async () => {
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, n) => create({ slug: 'acme', name: `n${n}` })),
    );
    const statuses = answers.map(({ status }) => status).sort();
    expect(statuses).toEqual([201, ...Array(9).fill(409)]);
  });

  it.each(['a', '0', 'a-b', 'a--b', 'x'.repeat(64), 'constructor', '1'.repeat(36)])(
    'takes the slug %s',
    async (slug) => {
      expect((await create({ slug })).status).toBe(201);
      expect((await world.admin.get(`${ORGS}/${slug}`)).body.slug).toBe(slug);
    },
  );

  it.each([
    ...['', '-', '-a', 'a-', 'A', 'a_b', 'a b', 'a.b', 'ä', 'a\n', 'x'.repeat(65), '../x', '%61'],
    ...['$all', 'a/b', randomUUID(), null, 1, ['a'], {}],
  ])('refuses the slug %j', async (slug) => {
    const { status, body } = await create({ slug });
    expect([status, body.errors[0].pointer]).toEqual([400, '/slug']);
  });

  it.each([
    ['/name', { name: '' }],
    ['/name', { name: ' ' }],
    ['/name', { name: 'x'.repeat(129) }],
    ['/name', { name: 'a\u202eb' }],
    ['/plan', { plan: null }],
    ['/plan', { plan: 'x'.repeat(65) }],
    ['/adminUserId', { adminUserId: 'root' }],
    ['/adminUserId', { adminUserId: UNKNOWN_ID }],
    ['/role', { role: 'admin' }],
  ])('names the fault at %s', async (pointer, members) => {
    const { status, body } = await create({ slug: 'acme', ...members });
    const pointers = body.errors.map((fault: { pointer: string }) => fault.pointer);
    expect([status, [...new Set(pointers)]]).toEqual([400, [pointer]]);
  });
});

describe('who may', () => {
  let callers: Record<string, NativeClient>;
  let member: TestUser;

  beforeEach(async () => {
    const operator = await world.person({ operator: true });
    const admin = await world.user('admin');
    member = await world.user('member');
    const foreign = await world.organization('foreign');
    const token = await world.token({ scopes: [...LEDGER_SCOPES, '*'] });
    const other = await world.token({ scopes: ['*'] }, foreign.admin.client, 'foreign');
    callers = {
      ...{ operator: operator.client, admin: admin.client, member: member.client },
      ...{ token: token.client, foreign: foreign.admin.client, foreignToken: other.client },
      ...{ nobody: world.with(null) },
    };
  });

  it.each([
    ['POST', ORGS, { slug: 'new' }, '201 403 403 403 403 403 401'],
    ['GET', ORGS, undefined, '200 200 200 403 200 403 401'],
    ['GET', `${ORGS}/demo`, undefined, '200 200 200 403 404 404 401'],
    ['PATCH', `${ORGS}/demo`, { name: 'N' }, '403 200 403 403 404 404 401'],
    ['GET', `${ORGS}/demo/members`, undefined, '200 200 200 403 404 404 401'],
    ['PUT', `${ORGS}/demo/members/:id`, { role: 'member' }, '403 200 403 403 404 404 401'],
    ['DELETE', `${ORGS}/demo/members/:id`, undefined, '403 204 403 403 404 404 401'],
  ])('%s %s', async (method, path, body, expected) => {
    // The target is another one than the caller, since an admin would remove the calling member.
    const { userId } = await world.user('member');
    const statuses: number[] = [];
    for (const client of Object.values(callers)) {
      const call = body === undefined ? {} : { body };
      const { status } = await client.call(method, path.replace(':id', userId), call);
      statuses.push(status);
    }
    expect(statuses.join(' ')).toBe(expected);
  });

  it('never tells a foreign organization from one that does not exist', async () => {
    for (const client of [callers['foreign']!, callers['foreignToken']!]) {
      for (const [method, rest, body] of [
        ['GET', '', undefined],
        ['PATCH', '', { name: 'x' }],
        ['PATCH', '', { nonsense: true }],
        ['GET', '/members', undefined],
        ['GET', '/members?cursor=bogus!', undefined],
        ['PUT', `/members/${member.userId}`, { role: 'admin' }],
        ['DELETE', `/members/${member.userId}`, undefined],
      ] as const) {
        const call = body === undefined ? {} : { body };
        const foreign = await client.call(method, `${ORGS}/demo${rest}`, call);
        const unknown = await client.call(method, `${ORGS}/${UNKNOWN_ID}${rest}`, call);
        expect(foreign.status).toBe(404);
        expect(told(foreign)).toEqual(told(unknown));
      }
    }
  });

  it('judges a role when the command takes effect', async () => {
    const { userId, client } = await world.user('admin');
    await world.admin.call('DELETE', `${ORGS}/demo/members/${userId}`);
    const { status } = await client.patch(`${ORGS}/demo`, { name: 'Mine' });
    expect(status).toBe(404);
  });
});

describe('reading organizations', () => {
  it('finds one by id, in any case, and by slug', async () => {
    const { body } = await world.admin.get(`${ORGS}/demo`);
    for (const name of [body.id, body.id.toUpperCase()]) {
      expect((await world.admin.get(`${ORGS}/${name}`)).body).toEqual(body);
    }
    for (const name of ['DEMO%20', '%00', '..%2f', 'x'.repeat(200), '__proto__']) {
      expect((await world.admin.get(`${ORGS}/${name}`)).status).toBe(404);
    }
  });

  it('lists what the caller belongs to, and everything to operators', async () => {
    const foreign = await world.organization('foreign');
    const slugs = async (client: NativeClient): Promise<string[]> =>
      (await client.get(ORGS)).body.items.map(({ slug }: { slug: string }) => slug).sort();
    expect(await slugs(foreign.admin.client)).toEqual(['foreign']);
    expect(await slugs((await world.person()).client)).toEqual([]);
    expect(await slugs(world.admin)).toEqual(['demo', 'foreign']);
  });

  it('shows each once on pages, in the order of creation, though others are added', async () => {
    const made = ['demo', ...Array.from({ length: 11 }, (_, n) => `o${10 + n}`)];
    for (const slug of made.slice(1)) {
      world.clock.advance(1);
      await create({ slug });
    }
    const found: string[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const query = { limit: 5, ...(cursor === '' ? {} : { cursor }) };
      const { body } = await world.admin.get(ORGS, { query });
      found.push(...body.items.map(({ slug }: { slug: string }) => slug));
      cursor = body.nextCursor;
      world.clock.advance(1);
      await create({ slug: `new${found.length}` });
    }
    expect(found.slice(0, made.length)).toEqual(made);
    expect(new Set(found).size).toBe(found.length);
  });

  it('refuses the cursor of another list, and whatever is none', async () => {
    await create({ slug: 'acme' });
    const { body } = await world.admin.get(ORGS, { query: { limit: 1 } });
    for (const cursor of [body.nextCursor, 'AAAA', 'bnVsbA']) {
      const { status } = await world.admin.get(`${ORGS}/demo/members`, { query: { cursor } });
      expect(status).toBe(400);
    }
    for (const query of ['limit=0', 'limit=201', 'limit=1&limit=2', 'page=1', '__proto__[x]=1']) {
      expect((await world.admin.get(`${ORGS}?${query}`)).status).toBe(400);
    }
  });
});

describe('changing an organization', () => {
  it('records what changed, and nothing when nothing did', async () => {
    const path = `${ORGS}/demo`;
    const change = { name: 'New', plan: 'free' };
    expect(await world.recordedTypes(() => world.admin.patch(path, change))).toEqual([
      'OrganizationRenamed',
      'OrganizationPlanChanged',
    ]);
    expect(await world.recordedTypes(() => world.admin.patch(path, change))).toEqual([]);
    const cleared = await world.admin.patch(path, { name: null });
    expect(cleared.body).toMatchObject({ slug: 'demo', name: null, plan: 'free', role: 'admin' });
    expect((await world.admin.get(path)).body).toEqual(cleared.body);
  });

  it.each([{ slug: 'other' }, { id: UNKNOWN_ID }, { plan: null }, { members: [] }, { name: 1 }])(
    'refuses %j',
    async (body) => {
      const { status } = await world.admin.patch(`${ORGS}/demo`, body);
      expect(status).toBe(400);
    },
  );
});

describe('members', () => {
  const MEMBERS = `${ORGS}/demo/members`;
  const put = (userId: string, role: unknown): Promise<NativeAnswer> =>
    world.admin.call('PUT', `${MEMBERS}/${userId}`, { body: { role } });

  it('are added, change their role, and leave', async () => {
    const { userId, client } = await world.person();
    const recorded = await world.recordedTypes(async () => {
      expect((await put(userId, 'member')).body).toMatchObject({ userId, role: 'member' });
      expect((await client.get(`${ORGS}/demo`)).body.role).toBe('member');
      expect((await put(userId.toUpperCase(), 'admin')).body).toMatchObject({ role: 'admin' });
      expect((await put(userId, 'admin')).status).toBe(200);
      expect((await world.admin.call('DELETE', `${MEMBERS}/${userId}`)).status).toBe(204);
      expect((await world.admin.call('DELETE', `${MEMBERS}/${userId}`)).status).toBe(204);
    });
    expect(recorded).toEqual(['MemberAdded', 'MemberRoleChanged', 'MemberRemoved']);
    expect((await client.get(`${ORGS}/demo`)).status).toBe(404);
  });

  it('keep at least one admin', async () => {
    const [{ userId }] = (await world.admin.get(MEMBERS)).body.items;
    for (const answer of [
      await put(userId, 'member'),
      await world.admin.call('DELETE', `${MEMBERS}/${userId}`),
    ]) {
      expect([answer.status, answer.body.code]).toEqual([409, 'LAST_ADMIN']);
    }
    const other = await world.user('admin');
    expect((await put(userId, 'member')).status).toBe(200);
    expect((await other.client.get(MEMBERS)).body.items).toHaveLength(2);
  });

  it('are people who are registered', async () => {
    const token = await world.token();
    for (const id of [UNKNOWN_ID, token.id, 'demo', 'x', '%00']) {
      expect((await put(id, 'member')).status).toBe(404);
    }
    const { userId } = await world.person();
    for (const role of ['owner', null, 1, '', ['admin']]) {
      expect((await put(userId, role)).status).toBe(400);
    }
  });

  it('who are none are as good as nobody to whoever removes them (A11)', async () => {
    const { userId } = await world.person();
    const { admin } = await world.organization('foreign');
    const recorded = await world.recordedTypes(async () => {
      for (const id of [userId, admin.userId, UNKNOWN_ID, 'x', '%00']) {
        const { status } = await world.admin.call('DELETE', `${MEMBERS}/${id}`);
        expect([id, status]).toEqual([id, 204]);
      }
    });
    expect(recorded).toEqual([]);
    expect((await admin.client.get(`${ORGS}/foreign`)).body.role).toBe('admin');
  });

  it('are listed on pages, each once', async () => {
    const users = await Promise.all(Array.from({ length: 7 }, () => world.user('member')));
    const found: string[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const query = { limit: 3, ...(cursor === '' ? {} : { cursor }) };
      const { body } = await users[0]!.client.get(MEMBERS, { query });
      found.push(...body.items.map(({ userId }: { userId: string }) => userId));
      cursor = body.nextCursor;
    }
    expect(new Set(found).size).toBe(8);
    expect(found).toEqual([...found].sort());
  });
});
