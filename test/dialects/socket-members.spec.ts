import { SocketWorld, tokenBody, type TestUser } from '../support/socket-world.js';

let world: SocketWorld;
let member: TestUser;

beforeAll(async () => {
  world = await SocketWorld.start();
  member = await world.user('member');
});
afterAll(() => world.close());

describe('a member who is no admin', () => {
  it('K17: sees only the tokens that are visible to the organization', async () => {
    const hidden = await world.token({ visibility: 'admin' });
    const shown = await world.token({ visibility: 'organization' });
    const { tokens, nextPage } = await member.client.list({ token_values: 'include' });
    expect(tokens.map(({ group_uuid: id }) => id)).toEqual([shown.group_uuid]);
    expect(nextPage).toBeNull();
    expect(tokens[0]!.token).toMatch(/^sktsec_\*{4}.{4}_api$/);
    const { tokens: all } = await world.admin.list();
    expect(all.map(({ group_uuid: id }) => id)).toEqual(
      expect.arrayContaining([hidden.group_uuid, shown.group_uuid]),
    );
  });

  it('K17: creates nothing, and changes no token, not even one that is shown to them', async () => {
    const { group_uuid: uuid } = await world.token({ visibility: 'organization' });
    const types = await world.recordedTypes(async () => {
      const answers = [
        await member.client.call('create', { body: tokenBody() }),
        await member.client.call('update', { body: { ...tokenBody(), uuid } }),
        await member.client.call('rotate', { body: { uuid } }),
        await member.client.call('revoke', { body: { uuid } }),
        await member.client.call('auditLog'),
      ];
      expect(answers.map(({ status }) => status)).toEqual([403, 403, 403, 403, 403]);
      for (const { text } of answers) {
        expect(text).toContain('Insufficient permissions for API method');
      }
    });
    expect(types).toEqual([]);
  });

  it('K18: sees a token no more once it was hidden, before and after its rotation', async () => {
    const { group_uuid: uuid } = await world.token({ visibility: 'organization' });
    expect(await member.client.listed(uuid)).toBeDefined();
    const body = { ...tokenBody({ visibility: 'admin' }), uuid };
    expect((await world.admin.call('update', { body })).status).toBe(200);
    expect(await member.client.listed(uuid)).toBeUndefined();
    await world.admin.rotate({ uuid });
    expect(await member.client.listed(uuid)).toBeUndefined();
  });

  it('sees pages as full as those of who sees everything', async () => {
    const { admin } = await world.organization('mixed');
    const viewer = await world.user('member', 'mixed');
    for (let index = 0; index < 12; index += 1) {
      const visibility = index % 2 ? 'organization' : 'admin';
      await world.token({ visibility }, admin.client, 'mixed');
    }
    const first = await viewer.client.list({ per_page: 4 });
    const second = await viewer.client.list({ per_page: 4, page: 2 });
    expect([first.tokens.length, first.nextPage]).toEqual([4, 2]);
    expect([second.tokens.length, second.nextPage]).toEqual([2, null]);
  });

  it('becomes an admin, and an admin a member, from the next call on', async () => {
    const user = await world.user('member');
    expect((await user.client.call('create', { body: tokenBody() })).status).toBe(403);
    await world.setMember(user.userId, 'admin');
    const created = await user.client.create(tokenBody());
    await world.setMember(user.userId, 'member');
    const { status } = await user.client.call('revoke', { body: { uuid: created.group_uuid } });
    expect(status).toBe(403);
    // What they made stays alive: it belongs to the organization.
    expect((await world.as(created.token).call('quota')).status).toBe(200);
  });
});

describe('the organizations of a caller', () => {
  it('are a map by id: of a token its one', async () => {
    const { orgId } = world.service.ledger.directory.organization('demo')!;
    const { client } = await world.token();
    const { status, body } = await client.call('organizations');
    expect(status).toBe(200);
    expect(body).toStrictEqual({
      organizations: {
        [orgId]: { id: orgId, name: 'Demo', image: null, plan: 'enterprise', slug: 'demo' },
      },
    });
  });

  it('are of a user every one they belong to, whatever their role', async () => {
    const { orgId } = await world.organization('second');
    const user = await world.user('member', 'second');
    await world.setMember(user.userId, 'admin', 'demo');
    const { body } = await user.client.call('organizations');
    const organizations = Object.values(body['organizations'] as Record<string, object>);
    expect(organizations).toHaveLength(2);
    expect(organizations).toContainEqual({
      ...{ id: orgId, name: null, image: null, plan: 'free', slug: 'second' },
    });
  });

  it('are none for a person who belongs to none', async () => {
    const { client } = await world.person();
    expect((await client.call('organizations')).body).toStrictEqual({ organizations: {} });
    expect((await client.call('quota')).body).toMatchObject({ quota: 999, maxQuota: 1000 });
    expect((await client.call('list')).status).toBe(403);
  });

  it('take in those that its resources name', async () => {
    const admin = await world.user('admin');
    const { orgId } = await world.organization('third');
    await world.setMember(admin.userId, 'member', 'third');
    const resources = [
      { organizationSlug: 'third', repositorySlug: 'a' },
      { organizationSlug: 'third', repositorySlug: 'b', workspace: 'w' },
      { organizationSlug: 'demo', repositorySlug: '' },
    ];
    const { client } = await world.token({ resources }, admin.client);
    const { body } = await client.call('organizations');
    const ids = Object.keys(body['organizations'] as object);
    expect(ids).toHaveLength(2);
    expect(ids).toContain(orgId);
  });

  it('bound the resources that a token may be limited to', async () => {
    await world.organization('fourth');
    const body = tokenBody({ resources: [{ organizationSlug: 'fourth', repositorySlug: 'a' }] });
    expect((await world.admin.call('create', { body })).status).toBe(400);
    expect((await world.root.client.call('create', { body })).status).toBe(400);
  });
});
