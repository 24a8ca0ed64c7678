import type { AuditItem } from '../support/socket-client.js';
import { SocketWorld, tokenBody, type TestUser } from '../support/socket-world.js';

let world: SocketWorld;
let admin: TestUser;

beforeAll(async () => {
  world = await SocketWorld.start();
  admin = await world.user('admin');
});
afterAll(() => world.close());

/** The entries that a piece of work adds, newest first. */
async function added(work: () => Promise<unknown>): Promise<readonly AuditItem[]> {
  const before = new Set((await allOf({})).map(({ event_id: id }) => id));
  await work();
  return (await allOf({})).filter(({ event_id: id }) => !before.has(id));
}

async function allOf(query: Record<string, string | number>): Promise<readonly AuditItem[]> {
  const found: AuditItem[] = [];
  for (let page: string | null = '1'; page !== null;) {
    const answer = await world.root.client.auditLog({ per_page: 100, ...query, page });
    found.push(...answer.results);
    page = answer.nextPage;
  }
  return found;
}

describe('the audit log', () => {
  it('has one entry for each fact about a token, with who did it and from where', async () => {
    const { orgId } = world.service.ledger.directory.organization('demo')!;
    const entries = await added(() =>
      admin.client.call('create', {
        body: tokenBody({ name: 'audited' }),
        headers: { 'user-agent': 'curl/8' },
      }),
    );
    const [created] = (await world.root.client.list({ per_page: 1 })).tokens;
    expect(entries).toStrictEqual([
      {
        event_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        created_at: '2026-03-27T10:00:00.000Z',
        updated_at: '2026-03-27T10:00:00.000Z',
        country_code: null,
        organization_id: orgId,
        ip_address: '127.0.0.1',
        payload: {
          group_uuid: created!.group_uuid,
          id: created!.id,
          name: 'audited',
          hash: created!.hash,
          dialect: 'socket',
        },
        status_code: 200,
        type: 'CreateApiToken',
        user_agent: 'curl/8',
        user_id: admin.userId,
        user_email: expect.stringMatching(/@people\.invalid$/),
        user_image: '',
        organization_name: 'Demo',
      },
    ]);
  });

  it('names no user where a token acted', async () => {
    const [entry] = await added(() => world.token());
    expect(entry).toMatchObject({ type: 'CreateApiToken', user_id: null, user_email: '' });
  });

  it('has an entry of its own for each change, rotation and revocation', async () => {
    const { group_uuid: uuid } = await world.token({ name: 'a' });
    const changed = tokenBody({
      ...{ name: 'b', max_quota: 5, scopes: ['repo'], visibility: 'organization' },
      committer: { email: 'a@b.c' },
    });
    const changes = await added(() =>
      world.root.client.call('update', { body: { ...changed, uuid } }),
    );
    const byType = Object.fromEntries(changes.map((each) => [each.type, each.payload['changes']]));
    expect(byType).toMatchObject({
      UpdateApiTokenName: { name: { from: 'a', to: 'b' } },
      UpdateApiTokenMaxQuota: { max_quota: { from: 1000, to: 5 } },
      UpdateApiTokenScopes: { scopes: { from: [], to: ['repo'] } },
      UpdateApiTokenVisibility: { visibility: { from: 'admin', to: 'organization' } },
      UpdateApiTokenCommitter: { committer: { to: { email: 'a@b.c' } } },
    });
    expect(changes).toHaveLength(5);

    const [rotated] = await added(() => world.root.client.rotate({ uuid }));
    const { id, hash } = (await world.root.client.listed(uuid))!;
    expect(rotated).toMatchObject({
      type: 'RotateApiToken',
      payload: { group_uuid: uuid, id, hash },
    });

    const revoked = await added(async () => {
      await world.root.client.call('revoke', { body: { uuid } });
      await world.root.client.call('revoke', { body: { uuid } });
    });
    expect(revoked).toMatchObject([{ type: 'RevokeApiToken', payload: { group_uuid: uuid } }]);
  });

  it('has entries for who joins and whose role changes', async () => {
    const entries = await added(async () => {
      const { userId } = await world.user('member');
      await world.setMember(userId, 'admin');
    });
    expect(entries.map(({ type }) => type)).toEqual(['MemberRoleChanged', 'MemberAdded']);
  });

  it('has none for reading, for what was refused, and for changes of nothing', async () => {
    const { client, group_uuid: uuid } = await world.token({ scopes: ['*'] });
    const entries = await added(async () => {
      await client.list();
      await client.call('organizations');
      await client.call('quota');
      await client.call('create', { body: {} });
      await client.call('update', { body: { ...tokenBody({ scopes: ['*'] }), uuid } });
    });
    expect(entries).toEqual([]);
  });

  it('is newest first, and whole in pages of any size', async () => {
    const whole = await allOf({});
    for (const perPage of [1, 5, 99]) expect(await allOf({ per_page: perPage })).toEqual(whole);
    const { results, nextPage } = await world.root.client.auditLog({ per_page: 1 });
    expect([results, nextPage]).toEqual([[whole[0]], '2']);
    const times = whole.map(({ created_at: at }) => at);
    expect(times).toEqual(times.toSorted().toReversed());
  });

  it.each([
    ['page 0, which the published CLI sends', 'page=0'],
    ['page 1', 'page=1'],
    ['no type', ''],
    ['unknown parameters', 'outputJson=true&outputMarkdown=false&orgSlug=demo'],
  ])('begins with its first page for %s', async (_name, query) => {
    const { results } = await world.root.client.auditLog();
    expect((await world.root.client.auditLog(query)).results).toEqual(results);
  });

  it('is empty beyond the end, and of types that nothing here has', async () => {
    const none = { results: [], nextPage: null };
    expect(await world.root.client.auditLog({ page: 999 })).toEqual(none);
    expect(await world.root.client.auditLog({ type: 'CreateWebhook' })).toEqual(none);
  });

  it('shows one type alone when asked to', async () => {
    const created = await allOf({ type: 'CreateApiToken' });
    expect(created.length).toBeGreaterThan(2);
    expect(new Set(created.map(({ type }) => type))).toEqual(new Set(['CreateApiToken']));
  });

  it('shows what happened at an instant or after it', async () => {
    world.service.clock.advance(10_000);
    const entries = await added(() => world.token());
    const seconds = Date.parse(world.service.clock.now()) / 1000;
    expect(await allOf({ from: seconds })).toEqual(entries);
    expect(await allOf({ from: seconds + 1 })).toEqual([]);
    expect(await allOf({ from: seconds - 1 })).toEqual(entries);
    expect(await allOf({ from: 0 })).toEqual(await allOf({}));
  });

  it.each(['253402300800', '1774605600000', '9'.repeat(20), '9'.repeat(400)])(
    'has nothing at or after a distant instant: %s',
    async (from) => {
      expect(await allOf({ from })).toEqual([]);
    },
  );

  it.each([
    ['type=createApiToken'],
    ['type=TokenCreated'],
    ['type=CreateAlertPolicy'],
    ['type=CreateApiToken&type=RotateApiToken'],
    ['per_page=0'],
    ['per_page=101'],
    ['per_page=x'],
    ['page=-1'],
    ['page=abc'],
    ['page=1.0'],
    ['page=2147483648'],
    ['from=yesterday'],
    ['from=-1'],
    ['from=1.5'],
    ['from=2026-03-27'],
    ['from='],
    ['from=1&from=2'],
  ])('refuses %s, charged once', async (query) => {
    const types = await world.recordedTypes(async () => {
      expect((await world.root.client.call('auditLog', { query })).status).toBe(400);
    });
    expect(types).toEqual(['QuotaConsumed']);
  });

  it('never holds a secret', async () => {
    const secrets = [];
    for (let round = 0; round < 5; round += 1) {
      const created = await world.token();
      secrets.push(created.token, (await world.root.client.rotate({ hash: created.hash })).token);
    }
    const text = JSON.stringify(await allOf({}));
    for (const secret of secrets) expect(text).not.toContain(secret.slice(7, -4));
    expect(text).not.toMatch(/sktsec_[A-Za-z0-9_-]{43}_api/);
  });
});
