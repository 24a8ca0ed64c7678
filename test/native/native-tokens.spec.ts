import type { NativeAnswer } from './support/native-client.js';
import { NativeWorld, TOKENS, UNKNOWN_ID } from './support/native-world.js';

let world: NativeWorld;

beforeAll(async () => {
  world = await NativeWorld.start();
});
afterAll(() => world.close());

const codeOf = ({ status, body }: NativeAnswer): [number, string | undefined] => [
  status,
  body?.code,
];
/** Where the faults are, once each: one member may break several rules. */
const pointersOf = ({ body }: NativeAnswer): string[] => {
  const pointers = body.errors.map(({ pointer }: { pointer: string }) => pointer);
  return [...new Set<string>(pointers)].sort();
};

describe('creating a token', () => {
  it('answers the token, its secret once, and where it is', async () => {
    const body = {
      name: 'ci',
      description: 'Builds',
      scopes: ['invoices', 'repo:list', 'invoices'],
      resources: [{ organization: 'demo', repository: 'api' }],
      maxQuota: 1000,
      visibility: 'admin',
      expiresAt: '2026-04-27T12:00:00+02:00',
      ownerId: 'team-7',
      metadata: { env: 'prod' },
    };
    const { status, headers, body: made } = await world.admin.post(TOKENS, body);
    expect(status).toBe(201);
    expect(made.secret).toMatch(/^tl_[0-9A-Za-z]{36}$/);
    expect(made.token).toMatchObject({
      ...body,
      scopes: ['invoices', 'repo:list'],
      resources: [{ organization: 'demo', repository: 'api', workspace: '' }],
      expiresAt: '2026-04-27T10:00:00.000Z',
      dialect: 'native',
      status: 'active',
      lastUsedAt: null,
      revokedAt: null,
      revision: 1,
      secrets: [{ preview: `tl_****${made.secret.slice(-4)}`, validUntil: null }],
    });
    expect(headers.get('location')).toBe(`${TOKENS}/${made.token.id}`);
    // An answer that bears a secret has no tag that a cache could keep it under (S11).
    expect(headers.has('etag')).toBe(false);
    const read = await world.admin.get(headers.get('location')!);
    expect(read.body).toEqual(made.token);
  });

  it('fills in what may be left out', async () => {
    const { path } = await world.token();
    expect((await world.admin.get(path)).body).toMatchObject({
      description: '',
      scopes: [],
      resources: [],
      maxQuota: null,
      visibility: 'organization',
      expiresAt: null,
      ownerId: null,
      metadata: {},
    });
  });

  it('composes names, so that those that look the same are the same (H6)', async () => {
    const { path } = await world.token({ name: 'cafe\u0301' });
    expect((await world.admin.get(path)).body.name).toBe('caf\u00e9');
  });

  it('names the token, and the user behind it, as the creator of a child', async () => {
    const scopes = ['ledger:tokens:create', 'ledger:tokens:read', 'a'];
    const parent = await world.token({ scopes });
    const child = await world.token({ scopes: ['a:b'] }, parent.client);
    const { createdBy } = (await world.admin.get(child.path)).body;
    expect(createdBy).toEqual({ kind: 'org_token', id: parent.id });
  });

  it('names every fault at once', async () => {
    const answer = await world.admin.post(
      TOKENS,
      {
        name: '',
        scopes: ['Bad', 3],
        maxQuota: '5',
        visibility: 'all',
        expiresAt: '2026-02-30T00:00:00Z',
        resources: [{ organization: 'elsewhere' }, { repository: 'x' }, 4, { organisation: 'x' }],
        metadata: { a: 1 },
        extra: true,
      },
      { query: { dry: 'yes' }, headers: { 'idempotency-key': 'a b' } },
    );
    expect(codeOf(answer)).toEqual([400, 'INVALID_REQUEST']);
    const places = answer.body.errors.map(
      (fault: Record<string, string>) => fault['pointer'] ?? fault['parameter'] ?? fault['header'],
    );
    expect(new Set(places)).toEqual(
      new Set([
        ...['/name', '/scopes', '/maxQuota', '/visibility', '/expiresAt', '/metadata', '/extra'],
        ...['/resources/0/organization', '/resources/1/organization', '/resources'],
        '/resources/2',
        ...['/resources/3/organization', '/resources/3/organisation', 'dry', 'Idempotency-Key'],
      ]),
    );
  });

  const refused: readonly [string, object, string][] = [
    ['no name', { name: undefined }, '/name'],
    ['a blank name', { name: '  ' }, '/name'],
    ['a name of 129 characters', { name: 'x'.repeat(129) }, '/name'],
    ['a name with a line break', { name: 'a\nb' }, '/name'],
    ['a name with a NUL', { name: 'a\u0000b' }, '/name'],
    ['a name with a bidi override', { name: 'a\u202eb' }, '/name'],
    ['a name with half a surrogate pair', { name: 'a\ud800b' }, '/name'],
    ['10000 variation selectors', { name: '\ufe0f'.repeat(10_000) }, '/name'],
    ['a description that is no text', { description: null }, '/description'],
    ['scopes that are no list', { scopes: 'a' }, '/scopes'],
    ['a scope of 65 characters', { scopes: ['a'.repeat(65)] }, '/scopes'],
    ['a scope in upper case', { scopes: ['A'] }, '/scopes'],
    ['a scope with an empty word', { scopes: ['a::b'] }, '/scopes'],
    ['an unknown ledger scope', { scopes: ['ledger:tokens:delete'] }, '/scopes'],
    ['the parent of ledger scopes', { scopes: ['ledger:tokens'] }, '/scopes'],
    ['the root of ledger scopes', { scopes: ['ledger'] }, '/scopes'],
    ['101 scopes', { scopes: Array.from({ length: 101 }, (_, n) => `s${n}`) }, '/scopes'],
    ['a negative quota', { maxQuota: -1 }, '/maxQuota'],
    ['a quota above 2^31-1', { maxQuota: 2 ** 31 }, '/maxQuota'],
    ['half a unit', { maxQuota: 0.5 }, '/maxQuota'],
    ['a quota that is true', { maxQuota: true }, '/maxQuota'],
    ['an expiry now', { expiresAt: '2026-03-27T10:00:00.000Z' }, '/expiresAt'],
    ['an expiry that is a number', { expiresAt: 1_800_000_000 }, '/expiresAt'],
    ['hour 24', { expiresAt: '2027-01-01T24:00:00Z' }, '/expiresAt'],
    ['a leap second', { expiresAt: '2027-06-30T23:59:60Z' }, '/expiresAt'],
    ['an offset beyond a day', { expiresAt: '2027-01-01T00:00:00+99:99' }, '/expiresAt'],
    ['no offset', { expiresAt: '2027-01-01T00:00:00' }, '/expiresAt'],
    ['an empty owner', { ownerId: '' }, '/ownerId'],
    ['17 pairs of metadata', { metadata: pairs(17) }, '/metadata'],
    ['metadata that is a list', { metadata: ['a'] }, '/metadata'],
    ['a null in metadata', { metadata: { a: null } }, '/metadata'],
    ['an empty key in metadata', { metadata: { '': 'a' } }, '/metadata'],
    ['an id of its own', { id: UNKNOWN_ID }, '/id'],
    ['an organization of its own', { orgId: UNKNOWN_ID }, '/orgId'],
    ['a creator of its own', { createdBy: { kind: 'system', id: 'x' } }, '/createdBy'],
    ['a committer', { committer: {} }, '/committer'],
  ];
  it.each(refused)('refuses %s', async (_name, attributes, pointer) => {
    const answer = await world.admin.post(TOKENS, { name: 'ci', ...attributes });
    expect(codeOf(answer)).toEqual([400, 'INVALID_REQUEST']);
    expect(pointersOf(answer)).toEqual([pointer]);
  });

  it.each([
    ['the longest name', { name: '🚀'.repeat(128) }],
    ['the longest scope', { scopes: [`${'a'.repeat(60)}:b.c`] }],
    ['the largest quota', { maxQuota: 2 ** 31 - 1 }],
    ['a quota of nothing', { maxQuota: 0 }],
    ['16 pairs of metadata', { metadata: pairs(16) }],
    ['every scope there is', { scopes: ['*', 'ledger:tokens:verify', 'ledgers', 'ledger-x:a'] }],
    ['an expiry a millisecond away', { expiresAt: '2026-03-27T10:00:00.001Z' }],
  ])('takes %s', async (_name, attributes) => {
    const { path } = await world.token(attributes);
    expect((await world.admin.get(path)).body).toMatchObject(attributes);
  });
});

describe('changing a token', () => {
  it('records one event for each attribute that changed, in one append', async () => {
    const { path } = await world.token({ scopes: ['a'] });
    const change = { name: 'deploy', scopes: ['a', 'b'], maxQuota: 5, visibility: 'organization' };
    const types = await world.recordedTypes(async () => {
      const { status, body, headers } = await world.admin.patch(path, change);
      expect([status, body.revision, headers.get('etag')]).toEqual([200, 4, '"4"']);
      expect(body).toMatchObject(change);
    });
    expect(types).toEqual(['TokenRenamed', 'TokenScopesChanged', 'TokenMaxQuotaChanged']);
  });

  it('keeps what is absent, and clears what is null', async () => {
    const set = { maxQuota: 5, ownerId: 'x', metadata: { a: 'b' }, description: 'd' };
    const expiresAt = '2027-01-01T00:00:00.000Z';
    const { path } = await world.token({ ...set, expiresAt });
    expect((await world.admin.patch(path, {})).body).toMatchObject({ ...set, revision: 1 });
    const nothing = { maxQuota: null, ownerId: null, metadata: null, description: null };
    const cleared = await world.admin.patch(path, { ...nothing, expiresAt: null });
    expect(cleared.body).toMatchObject({
      ...{ maxQuota: null, ownerId: null, metadata: {}, description: '', expiresAt: null },
    });
  });

  it('merges metadata by key (RFC 7396)', async () => {
    const { path } = await world.token({ metadata: { a: '1', b: '2' } });
    const { body } = await world.admin.patch(path, { metadata: { a: null, c: '3', d: null } });
    expect(body.metadata).toEqual({ b: '2', c: '3' });
    const full = await world.admin.patch(path, { metadata: pairs(15) });
    expect(codeOf(full)).toEqual([400, 'INVALID_REQUEST']);
  });

  it('loses no key when many merge at once', async () => {
    const { path } = await world.token();
    const merges = Array.from({ length: 8 }, (_, n) => ({ [`k${n}`]: 'x' }));
    const answers = await Promise.all(
      merges.map((metadata) => world.admin.patch(path, { metadata })),
    );
    const done = answers.filter(({ status }) => status === 200).length;
    const { metadata } = (await world.admin.get(path)).body;
    expect(Object.keys(metadata)).toHaveLength(done);
    expect(answers.every(({ status }) => status === 200 || status === 503)).toBe(true);
  });

  it.each([
    ['a name of null', { name: null }, '/name'],
    ['scopes of null', { scopes: null }, '/scopes'],
    ['resources of null', { resources: null }, '/resources'],
    ['a visibility of null', { visibility: null }, '/visibility'],
    ['an expiry in the past', { expiresAt: '2026-03-01T00:00:00Z' }, '/expiresAt'],
    ['an unknown member', { dialect: 'socket' }, '/dialect'],
  ])('refuses %s', async (_name, change, pointer) => {
    const { path } = await world.token();
    const answer = await world.admin.patch(path, change);
    expect(codeOf(answer)).toEqual([400, 'INVALID_REQUEST']);
    expect(pointersOf(answer)).toEqual([pointer]);
  });

  it('takes a merge patch by its own media type, and no other', async () => {
    const { path } = await world.token();
    const typed = (type: string) =>
      world.admin.patch(path, { name: 'x' }, { headers: { 'content-type': type } });
    expect((await typed('application/merge-patch+json')).status).toBe(200);
    expect(codeOf(await typed('application/json-patch+json'))).toEqual([
      415,
      'UNSUPPORTED_MEDIA_TYPE',
    ]);
  });

  it('holds a Socket token to the scopes of its dialect', async () => {
    const { path } = await world.socketToken(['repo']);
    expect(pointersOf(await world.admin.patch(path, { scopes: ['invoices'] }))).toEqual([
      '/scopes',
    ]);
    expect(pointersOf(await world.admin.patch(path, { maxQuota: null }))).toEqual(['/maxQuota']);
    expect((await world.admin.patch(path, { scopes: ['repo:list'] })).status).toBe(200);
  });

  it('changes no token that is revoked', async () => {
    const { path } = await world.token();
    await world.admin.post(`${path}/revoke`);
    const answer = await world.admin.patch(path, { name: 'x' });
    expect(codeOf(answer)).toEqual([409, 'TOKEN_REVOKED']);
    expect(answer.body.revokedAt).toBe(world.clock.now());
  });
});

describe('rotating a token', () => {
  it('gives a new secret, and ends the old one at once', async () => {
    const token = await world.token();
    const { status, body, headers } = await world.admin.post(`${token.path}/rotate`);
    expect(status).toBe(200);
    expect(headers.has('etag')).toBe(false);
    expect(body.secret).not.toBe(token.secret);
    expect(body.token).toMatchObject({ id: token.id, revision: 2 });
    expect((await token.client.get('/v1/self')).status).toBe(401);
    expect((await world.as(body.secret).get('/v1/self')).status).toBe(200);
  });

  it('keeps the old secret for a grace, and one grace at a time', async () => {
    const token = await world.token();
    const first = await world.admin.post(`${token.path}/rotate`, { graceSeconds: 60 });
    expect(first.body.token.secrets).toHaveLength(2);
    const again = await world.admin.post(`${token.path}/rotate`, { graceSeconds: 60 });
    expect(codeOf(again)).toEqual([409, 'GRACE_OPEN']);
    expect(again.body.validUntil).toBe(first.body.token.secrets[1].validUntil);
    expect((await token.client.get('/v1/self')).status).toBe(200);
    const forced = await world.admin.post(`${token.path}/rotate`, { closePrevious: true });
    expect(forced.body.token.secrets).toHaveLength(1);
    expect((await token.client.get('/v1/self')).status).toBe(401);
  });

  it('sets, keeps and clears the expiry', async () => {
    const { path } = await world.token({ expiresAt: '2027-01-01T00:00:00.000Z' });
    const rotate = async (body: object): Promise<unknown> => {
      return (await world.admin.post(`${path}/rotate`, body)).body.token.expiresAt;
    };
    expect(await rotate({})).toBe('2027-01-01T00:00:00.000Z');
    expect(await rotate({ expiresAt: '2028-01-01T00:00:00Z' })).toBe('2028-01-01T00:00:00.000Z');
    expect(await rotate({ expiresAt: null })).toBeNull();
  });

  it('rotates no token that is expired or revoked', async () => {
    const { path } = await world.token({ expiresAt: '2026-03-27T11:00:00.000Z' });
    world.clock.advance(3_600_000);
    expect(codeOf(await world.admin.post(`${path}/rotate`))).toEqual([409, 'TOKEN_EXPIRED']);
    await world.admin.post(`${path}/revoke`);
    expect(codeOf(await world.admin.post(`${path}/rotate`))).toEqual([409, 'TOKEN_REVOKED']);
  });

  it('rotates a Socket token by its own policy and in its own format', async () => {
    const { path } = await world.socketToken();
    const { body } = await world.admin.post(`${path}/rotate`, {});
    expect(body.secret).toMatch(/^sktsec_[A-Za-z0-9_-]{43}_api$/);
    const graceful = await world.admin.post(`${path}/rotate`, { graceSeconds: 1 });
    expect(pointersOf(graceful)).toEqual(['/graceSeconds']);
  });

  it.each([-1, 2_592_001, 1.5, '60', null])('refuses a grace of %p seconds', async (value) => {
    const { path } = await world.token();
    const answer = await world.admin.post(`${path}/rotate`, { graceSeconds: value });
    expect(pointersOf(answer)).toEqual(['/graceSeconds']);
  });
});

describe('revoking a token', () => {
  it('ends it for good, and answers the same again', async () => {
    const token = await world.token();
    const cause = { reason: 'compromised', note: 'seen in a log' };
    const first = await world.admin.post(`${token.path}/revoke`, cause);
    expect(first.body.token).toMatchObject({ status: 'revoked', revokedReason: 'compromised' });
    const types = await world.recordedTypes(async () => {
      const again = await world.admin.post(`${token.path}/revoke`, { reason: 'other' });
      expect(again.body).toEqual(first.body);
    });
    expect(types).toEqual([]);
    expect((await token.client.get('/v1/self')).status).toBe(401);
  });

  it('records one event when many revoke at once', async () => {
    const { path } = await world.token();
    const types = await world.recordedTypes(async () => {
      const answers = await Promise.all(
        Array.from({ length: 50 }, () => world.admin.post(`${path}/revoke`)),
      );
      expect(new Set(answers.map(({ body }) => body.revocationId)).size).toBe(1);
    });
    expect(types).toEqual(['TokenRevoked']);
  });

  it('refuses a reason that is none', async () => {
    const { path } = await world.token();
    const answer = await world.admin.post(`${path}/revoke`, { reason: 'because' });
    expect(pointersOf(answer)).toEqual(['/reason']);
  });
});

it.each([
  ['GET', ''],
  ['PATCH', ''],
  ['POST', '/rotate'],
  ['POST', '/revoke'],
  ['GET', '/quota'],
  ['GET', '/events'],
])('%s of a token%s that does not exist is not found', async (method, suffix) => {
  for (const id of [UNKNOWN_ID, 'x', '%2e%2e', 'null']) {
    const call = method === 'PATCH' ? { body: {} } : {};
    const answer = await world.admin.call(method, `${TOKENS}/${id}${suffix}`, call);
    expect(codeOf(answer)).toEqual([404, 'NOT_FOUND']);
  }
});

function pairs(count: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, n) => [`key${n}`, `value ${n}`]));
}
