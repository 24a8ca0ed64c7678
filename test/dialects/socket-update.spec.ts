import { SocketWorld, tokenBody, UNKNOWN_UUID, type TestToken } from '../support/socket-world.js';

let world: SocketWorld;
let token: TestToken;

beforeAll(async () => {
  world = await SocketWorld.start();
});
beforeEach(async () => {
  token = await world.token({ name: 'before' });
});
afterAll(() => world.close());

const update = (body: object) => world.root.client.call('update', { body });

describe('updating a token', () => {
  it('answers exactly the hash, which stays as it was', async () => {
    const { status, body } = await update({
      ...tokenBody({ max_quota: 5 }),
      uuid: token.group_uuid,
    });
    expect(status).toBe(200);
    expect(body).toStrictEqual({ hash: token.hash });
  });

  const named: readonly [string, (id: string) => object][] = [
    ['uuid', () => ({ uuid: token.group_uuid })],
    ['uuid in capitals', () => ({ uuid: token.group_uuid.toUpperCase() })],
    ['id', (id) => ({ id })],
    ['token', () => ({ token: token.token })],
    ['hash', () => ({ hash: token.hash })],
    ['uuid and hash', () => ({ uuid: token.group_uuid, hash: token.hash })],
    [
      'uuid, with the others empty',
      () => ({ uuid: token.group_uuid, id: '', token: '', hash: '' }),
    ],
    ['hash, with an empty uuid', () => ({ uuid: '', hash: token.hash })],
    [
      'all four, which agree',
      (id) => ({ uuid: token.group_uuid, id, token: token.token, hash: token.hash }),
    ],
  ];

  it.each(named)('finds the token by %s', async (_name, identifiers) => {
    const { id } = (await world.root.client.listed(token.group_uuid))!;
    const { status } = await update({ ...tokenBody({ name: 'after' }), ...identifiers(id) });
    expect(status).toBe(200);
    expect((await world.root.client.listed(token.group_uuid))!.name).toBe('after');
  });

  it('replaces scopes, quota, visibility and committer, and keeps a name that is not given', async () => {
    const changed = tokenBody({
      max_quota: 7,
      scopes: ['repo', 'alerts', 'repo'],
      visibility: 'organization',
      committer: { email: 'a@b.c' },
    });
    await update({ ...changed, uuid: token.group_uuid });
    expect(await world.root.client.listed(token.group_uuid)).toMatchObject({
      name: 'before',
      max_quota: 7,
      scopes: ['repo', 'alerts'],
      visibility: 'organization',
      committers: [{ email: 'a@b.c', provider: 'api', providerLoginName: '', providerUserId: '' }],
    });
  });

  it('records one fact for each attribute that changed, in one append', async () => {
    const everything = tokenBody({
      name: 'after',
      max_quota: 7,
      scopes: ['repo'],
      visibility: 'organization',
      committer: { provider: 'gitlab' },
    });
    const all = { ...everything, uuid: token.group_uuid };
    expect((await world.recordedTypes(() => update(all))).toSorted()).toEqual([
      'QuotaConsumed',
      'TokenCommitterChanged',
      'TokenMaxQuotaChanged',
      'TokenRenamed',
      'TokenScopesChanged',
      'TokenVisibilityChanged',
    ]);
    const one = { ...all, max_quota: 8 };
    expect(await world.recorded(() => update(one))).toMatchObject([
      { type: 'QuotaConsumed', cost: 10 },
      { type: 'TokenMaxQuotaChanged', from: 7, to: 8 },
    ]);
  });

  it('records nothing but the charge when nothing changes', async () => {
    const same = { ...tokenBody({ name: ' before ' }), uuid: token.group_uuid };
    const types = await world.recordedTypes(async () => {
      expect((await update(same)).body).toEqual({ hash: token.hash });
    });
    expect(types).toEqual(['QuotaConsumed']);
  });

  it('applies to the very next call of the token: scopes and quota', async () => {
    expect((await token.client.call('list')).status).toBe(403);
    await update({ ...tokenBody({ scopes: ['api-tokens:list'] }), uuid: token.group_uuid });
    expect((await token.client.call('list')).status).toBe(200);
    await update({ ...tokenBody({ scopes: [], max_quota: 0 }), uuid: token.group_uuid });
    expect((await token.client.call('list')).status).toBe(403);
    expect(await token.client.remaining()).toBe(0);
  });

  it.each([
    ['no identifier', () => ({}), 400],
    ['only empty identifiers', () => ({ uuid: '', id: '', token: '', hash: '' }), 400],
    ['a malformed uuid', () => ({ uuid: 'x' }), 400],
    ['a uuid that is null', () => ({ uuid: null }), 400],
    ['an id that is a number', () => ({ id: 7 }), 400],
    ['an identifier of 513 characters', () => ({ hash: 'x'.repeat(513) }), 400],
    ['K20: resources', () => ({ uuid: token.group_uuid, resources: [] }), 400],
    ['K20: an unknown key', () => ({ uuid: token.group_uuid, group_uuid: token.group_uuid }), 400],
    ['K22: name null', () => ({ uuid: token.group_uuid, name: null }), 400],
    ['K22: name ""', () => ({ uuid: token.group_uuid, name: '' }), 400],
    ['K22: name of 256 characters', () => ({ uuid: token.group_uuid, name: 'x'.repeat(256) }), 400],
    ['K11: max_quota "10"', () => ({ uuid: token.group_uuid, max_quota: '10' }), 400],
    [
      'two identifiers that name two tokens',
      () => ({ uuid: token.group_uuid, token: world.root.token }),
      400,
    ],
    [
      'two identifiers of which one is unknown',
      () => ({ uuid: token.group_uuid, id: UNKNOWN_UUID }),
      400,
    ],
    [
      'K4: a uuid with the hash of another token',
      () => ({ uuid: token.group_uuid, hash: world.root.hash }),
      404,
    ],
    ['K4: a uuid with an unknown hash', () => ({ uuid: token.group_uuid, hash: 'sha512-x' }), 404],
    ['K5: an unknown uuid', () => ({ uuid: UNKNOWN_UUID }), 404],
    ['K5: a uuid of no version', () => ({ uuid: '12345678-1234-f234-0234-123456789abc' }), 404],
    ['K5: an unknown id', () => ({ id: 'nothing' }), 404],
    ['K5: a hash in the place of the token', () => ({ token: token.hash }), 404],
    ['K5: the redacted token', () => ({ token: 'sktsec_****abcd_api' }), 404],
    ['a personal token, which is no API token', () => ({ token: world.service.admin }), 404],
  ])('refuses %s, charged once and changing nothing', async (_name, identifiers, expected) => {
    const types = await world.recordedTypes(async () => {
      const { status, body } = await update({ ...tokenBody({ name: 'after' }), ...identifiers() });
      expect(status).toBe(expected);
      if (status === 404) {
        expect(body).toEqual({ error: { message: 'API token not found', details: null } });
      }
    });
    expect(types).toEqual(['QuotaConsumed']);
  });

  it.each(['max_quota', 'scopes', 'visibility', 'committer'])('demands %s', async (field) => {
    const body: Record<string, unknown> = { ...tokenBody(), uuid: token.group_uuid };
    delete body[field];
    expect((await update(body)).status).toBe(400);
  });

  // Everything a caller might hope to change beside what the operation offers (A8).
  it.each(
    'org orgId org_id organization organization_id org_slug group_uuid groupUuid tokenId token_id created_by createdBy created_by_user createdByUserId created_at createdAt last_used_at lastUsedAt digest secret secrets secretId status revoked revocation expiresAt expires_at ownerId owner_id metadata description dialect revision maxQuota committers isAdmin role admin operator permissions resources plan toString valueOf hasOwnProperty'.split(
      ' ',
    ),
  )('refuses the key %s', async (key) => {
    const body = { ...tokenBody(), uuid: token.group_uuid, [key]: '*' };
    expect((await update(body)).status).toBe(400);
  });

  it('demands api-tokens:create; api-tokens:update alone does not do', async () => {
    const body = { ...tokenBody(), uuid: token.group_uuid };
    const updater = await world.token({ scopes: ['api-tokens:update'] });
    const creator = await world.token({ scopes: ['api-tokens:create'] });
    expect((await updater.client.call('update', { body })).status).toBe(403);
    expect((await creator.client.call('update', { body })).status).toBe(200);
  });
});
