import { createHash } from 'node:crypto';
import { QUOTA_MAX, SocketWorld, tokenBody } from '../support/socket-world.js';

let world: SocketWorld;

beforeAll(async () => {
  world = await SocketWorld.start();
});
afterAll(() => world.close());

const REFUSED = { error: { message: 'Bad request', details: { errors: expect.any(Array) } } };

describe('creating a token', () => {
  it('answers exactly its creator, id, secret and hash', async () => {
    const created = await world.admin.create(tokenBody());
    expect(Object.keys(created).sort()).toEqual(['created_by', 'group_uuid', 'hash', 'token']);
    expect(created.token).toMatch(/^sktsec_[A-Za-z0-9_-]{43}_api$/);
    const digest = createHash('sha512').update(created.token).digest('base64');
    expect(created.hash).toBe(`sha512-${digest}`);
  });

  it('names the user who calls, or who created the calling token, as the creator', async () => {
    const admin = await world.user('admin');
    const parent = await world.token({ scopes: ['*'] }, admin.client);
    const child = await world.token({}, parent.client);
    expect([parent.created_by, child.created_by]).toEqual([admin.userId, admin.userId]);
  });

  it('keeps what was asked for, scopes once each in the order of first appearance', async () => {
    const committer = { email: 'not an e-mail', provider: 'github', providerLoginName: 'octo' };
    const { group_uuid: uuid } = await world.token({
      max_quota: QUOTA_MAX,
      scopes: ['repo:list', 'alerts', 'repo:list'],
      visibility: 'organization',
      committer,
      name: '  deploy 🚀 ',
    });
    expect(await world.root.client.listed(uuid)).toMatchObject({
      max_quota: QUOTA_MAX,
      scopes: ['repo:list', 'alerts'],
      visibility: 'organization',
      committers: [{ ...committer, providerUserId: '' }],
      name: 'deploy 🚀',
    });
  });

  it('fills in what may be left out', async () => {
    const { group_uuid: uuid } = await world.token({ committer: {} });
    expect(await world.root.client.listed(uuid)).toMatchObject({
      name: 'api token',
      committers: [{ email: '', provider: 'api', providerLoginName: '', providerUserId: '' }],
    });
  });

  it('composes a name, so that names that look the same are the same (H6)', async () => {
    const { group_uuid: uuid } = await world.token({ name: 'cafe\u0301' });
    expect((await world.root.client.listed(uuid))!.name).toBe('caf\u00e9');
  });

  it('makes another token each time it is asked', async () => {
    const [first, second] = [await world.token(), await world.token()];
    expect(first.group_uuid).not.toBe(second.group_uuid);
    expect(first.token).not.toBe(second.token);
  });

  it('records one charge and one creation', async () => {
    expect(await world.recordedTypes(() => world.token())).toEqual([
      'QuotaConsumed',
      'TokenCreated',
    ]);
  });

  const accepted: readonly [string, object][] = [
    ['no scopes at all', { scopes: [] }],
    ['a quota of nothing', { max_quota: 0 }],
    ['a quota written with an exponent', { max_quota: 1e2 }],
    ['as many repeated scopes as a list may hold', { scopes: Array(500).fill('repo') }],
    ['a name of one character', { name: 'x' }],
    ['a name of 255 characters', { name: 'x'.repeat(255) }],
    ['a name of 255 characters between blanks', { name: ` ${'x'.repeat(255)} ` }],
    ['a name of 255 emoji', { name: '🦖'.repeat(255) }],
    ['a name in a script that runs from right to left', { name: 'מפתח' }],
    ['no resources', { resources: [] }],
    ['a resource', { resources: [{ organizationSlug: 'demo', repositorySlug: 'api' }] }],
    ['an empty repository', { resources: [{ organizationSlug: 'demo', repositorySlug: '' }] }],
  ];

  it.each(accepted)('accepts %s', async (_name, attributes) => {
    const { status } = await world.root.client.call('create', { body: tokenBody(attributes) });
    expect(status).toBe(200);
  });

  const refused: readonly [string, object, string][] = [
    ['K11: max_quota "10"', { max_quota: '10' }, '/max_quota'],
    ['K11: max_quota 1.5', { max_quota: 1.5 }, '/max_quota'],
    ['K11: max_quota -1', { max_quota: -1 }, '/max_quota'],
    ['K11: max_quota null', { max_quota: null }, '/max_quota'],
    ['K11: scopes "repo"', { scopes: 'repo' }, '/scopes'],
    ['K11: visibility "all"', { visibility: 'all' }, '/visibility'],
    ['K11: committer []', { committer: [] }, '/committer'],
    ['K20: an unknown key', { description: 'x' }, '/description'],
    ['K20: an unknown key of the committer', { committer: { name: 'x' } }, '/committer/name'],
    [
      'K20: an unknown key of a resource',
      { resources: [{ organizationSlug: 'demo', repositorySlug: 'a', branch: 'b' }] },
      '/resources/0/branch',
    ],
    ['K20: an identifier, which only update takes', { uuid: 'x' }, '/uuid'],
    ['K22: name null', { name: null }, '/name'],
    ['K22: name ""', { name: '' }, '/name'],
    ['K22: name of 256 characters', { name: 'x'.repeat(256) }, '/name'],
    ['a blank name', { name: '  \t ' }, '/name'],
    ['a name of 256 emoji', { name: '🦖'.repeat(256) }, '/name'],
    ['a name swollen with variation selectors', { name: 'x\ufe0f'.repeat(255) }, '/name'],
    ['a name that is a number', { name: 5 }, '/name'],
    ['max_quota true', { max_quota: true }, '/max_quota'],
    ['max_quota beyond 32 bits', { max_quota: QUOTA_MAX + 1 }, '/max_quota'],
    ['scopes null', { scopes: null }, '/scopes'],
    ['scopes with null', { scopes: [null] }, '/scopes/0'],
    ['scopes in a list of their own', { scopes: [['repo']] }, '/scopes/0'],
    ['an unknown scope', { scopes: ['repo', 'repo:push'] }, '/scopes/1'],
    ['a scope in capitals', { scopes: ['REPO'] }, '/scopes/0'],
    ['a scope that a later version added', { scopes: ['threat-campaigns:list'] }, '/scopes/0'],
    ['visibility null', { visibility: null }, '/visibility'],
    ['committer null', { committer: null }, '/committer'],
    ['committer "me"', { committer: 'me' }, '/committer'],
    ['an unknown provider', { committer: { provider: 'svn' } }, '/committer/provider'],
    ['an e-mail that is null', { committer: { email: null } }, '/committer/email'],
    ['resources null', { resources: null }, '/resources'],
    ['resources that are no list', { resources: {} }, '/resources'],
    ['a resource that is null', { resources: [null] }, '/resources'],
    ['a resource that is a list', { resources: [['demo']] }, '/resources'],
    [
      'a resource without a repository',
      { resources: [{ organizationSlug: 'demo' }] },
      '/resources/0/repositorySlug',
    ],
    [
      'a resource of an unknown organization',
      { resources: [{ organizationSlug: 'nowhere', repositorySlug: 'a' }] },
      '/resources/0/organizationSlug',
    ],
  ];

  it.each(refused)('refuses %s', async (_name, attributes, path) => {
    let paths: readonly string[] = [];
    const types = await world.recordedTypes(async () => {
      const { status, body } = await world.root.client.call('create', {
        body: tokenBody(attributes),
      });
      expect(status).toBe(400);
      expect(body).toEqual(REFUSED);
      const { errors } = (body as { error: { details: { errors: { path: string }[] } } }).error
        .details;
      paths = errors.map((fault) => fault.path);
    });
    expect(paths).toContain(path);
    expect(types).toEqual(['QuotaConsumed']);
  });

  it.each(['max_quota', 'scopes', 'visibility', 'committer'])('demands %s', async (field) => {
    const body = tokenBody();
    delete body[field];
    const answer = await world.root.client.call('create', { body });
    expect(answer.status).toBe(400);
    expect(answer.text).toContain(`"/${field}"`);
  });

  it('names every fault at once', async () => {
    const { body } = await world.root.client.call('create', { body: { scopes: ['x'], y: 1 } });
    expect(JSON.stringify(body)).toMatch(/(?=.*max_quota)(?=.*scopes\/0)(?=.*visibility)(?=.*\/y)/);
  });

  it.each([
    ['nothing', undefined],
    ['a list', '[]'],
    ['null', 'null'],
    ['text', '"repo"'],
    ['a number', '1'],
    ['blanks', '  '],
  ])('refuses a body that is %s', async (_name, body) => {
    const answer = await world.root.client.call('create', body === undefined ? {} : { body });
    expect(answer.status).toBe(400);
    expect(answer.body).toEqual(REFUSED);
  });
});
