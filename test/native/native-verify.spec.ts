import type { NativeClient } from './support/native-client.js';
import { NativeWorld, UNKNOWN_ID, type TestToken } from './support/native-world.js';

let world: NativeWorld;
let gateway: TestToken;

beforeEach(async () => {
  world = await NativeWorld.start();
  gateway = await world.token({ name: 'gateway', scopes: ['ledger:tokens:verify'] });
});
afterEach(() => world.close());

async function verify(body: object, by: NativeClient = gateway.client) {
  const { status, body: verdict } = await by.post('/v1/verify', body);
  expect(status).toBe(200);
  return verdict;
}

describe('a verdict', () => {
  it('tells what the secret is good for', async () => {
    const attributes = { ownerId: 'team-7', metadata: { env: 'prod' }, maxQuota: 10 };
    const token = await world.token({ scopes: ['invoices'], name: 'a "quoted" ü', ...attributes });
    const { body: read } = await world.admin.get(token.path);
    const position = String(world.service.ledger.progress.position);
    const verdict = await verify({ token: token.secret, scopes: ['invoices:read'] });
    expect(verdict).toEqual({
      valid: true,
      code: 'VALID',
      tokenId: token.id,
      secretId: read.secrets[0].id,
      orgId: read.orgId,
      dialect: 'native',
      name: 'a "quoted" ü',
      scopes: ['invoices'],
      missingScopes: [],
      expiresAt: null,
      ownerId: 'team-7',
      metadata: { env: 'prod' },
      quota: { limit: 10, consumed: 0, remaining: 10, resetAt: '2026-04-01T00:00:00.000Z' },
      position,
    });
  });

  it('shows each change at once', async () => {
    const token = await world.token({ scopes: ['a'] });
    expect((await verify({ token: token.secret, scopes: ['b'] })).valid).toBe(false);
    await world.admin.patch(token.path, { scopes: ['a', 'b'], name: 'new' });
    expect(await verify({ token: token.secret, scopes: ['b'] })).toMatchObject({
      ...{ valid: true, name: 'new', scopes: ['a', 'b'] },
    });
  });

  it('of a secret in its grace is valid, and says which secret it was', async () => {
    const token = await world.token();
    const rotated = await world.admin.post(`${token.path}/rotate`, { graceSeconds: 60 });
    const [current, previous] = rotated.body.token.secrets;
    const of = async (secret: string) => (await verify({ token: secret })).secretId;
    expect(await of(token.secret)).toBe(previous.id);
    expect(await of(rotated.body.secret)).toBe(current.id);
    world.clock.advance(60_000);
    expect((await verify({ token: token.secret })).code).toBe('ROTATED');
  });

  it('ends with the grace of the secret, or with its token where that ends first', async () => {
    const inSeconds = (seconds: number): string =>
      new Date(Date.parse(world.clock.now()) + seconds * 1000).toISOString();
    const expiresAt = inSeconds(120);
    const token = await world.token({ expiresAt });
    const expiry = async (secret: string) => (await verify({ token: secret })).expiresAt;
    expect(await expiry(token.secret)).toBe(expiresAt);
    const rotated = await world.admin.post(`${token.path}/rotate`, { graceSeconds: 60 });
    expect(await expiry(token.secret)).toBe(inSeconds(60));
    expect(await expiry(rotated.body.secret)).toBe(expiresAt);
    // What the token is shown with stays its own.
    expect((await world.admin.get(token.path)).body.expiresAt).toBe(expiresAt);
    const form = { token: token.secret };
    const { exp } = (await gateway.client.form('/v1/introspect', form)).body;
    expect(exp).toBe(Date.parse(inSeconds(60)) / 1000);

    await world.admin.patch(token.path, { expiresAt: inSeconds(30) });
    expect(await expiry(token.secret)).toBe(inSeconds(30));
    await world.admin.patch(token.path, { expiresAt: null });
    expect(await expiry(token.secret)).toBe(inSeconds(60));
    expect(await expiry(rotated.body.secret)).toBeNull();
    const [, result] = (
      await gateway.client.post('/v1/verify/batch', {
        items: [{ token: rotated.body.secret }, { token: token.secret, cost: 1 }],
      })
    ).body.results;
    expect(result.expiresAt).toBe(inSeconds(60));
  });

  it('of a secret that never had a grace tells the expiry of its token', async () => {
    const token = await world.token();
    await world.admin.post(`${token.path}/rotate`);
    expect(await verify({ token: token.secret })).toMatchObject({
      ...{ code: 'ROTATED', expiresAt: null },
    });
  });

  it('is given for secrets of every dialect', async () => {
    const { secret } = await world.socketToken(['repo']);
    expect(await verify({ token: secret, scopes: ['repo:list'] })).toMatchObject({
      ...{ valid: true, dialect: 'socket' },
    });
  });

  it('tells nothing else about what is not found', async () => {
    const other = await world.organization('other');
    const foreign = await world.token({}, other.admin.client, 'other');
    const secrets = [
      ...['', 'x', 'tl_', UNKNOWN_ID, foreign.secret, world.service.admin],
      ...[`${gateway.secret.slice(0, -1)}_`, `tl_${'0'.repeat(30)}2C8GjS`, '\u{1f680}'],
      `${gateway.secret.slice(0, -1)}${gateway.secret.endsWith('x') ? 'y' : 'x'}`,
    ];
    for (const token of secrets) {
      const verdict = await verify({ token });
      expect(Object.keys(verdict)).toEqual(['valid', 'code', 'position']);
      expect(verdict).toMatchObject({ valid: false, code: 'NOT_FOUND' });
    }
  });
});

describe('precedence', () => {
  const RESOURCE = { organization: 'demo', repository: 'api' };
  const asked = { scopes: ['b'], resource: { organization: 'demo', repository: 'web' }, cost: 9 };

  /** A token that everything is wrong with, and which things are mended. */
  async function codeWith(...mended: string[]): Promise<string> {
    const isMended = (fault: string): boolean => mended.includes(fault);
    const token = await world.token({
      scopes: [isMended('scope') ? 'b' : 'a'],
      resources: [isMended('resource') ? { organization: 'demo' } : RESOURCE],
      maxQuota: isMended('quota') ? 9 : 8,
      expiresAt: new Date(Date.parse(world.clock.now()) + 60_000).toISOString(),
    });
    let { secret } = token;
    const rotated = await world.admin.post(`${token.path}/rotate`);
    if (isMended('rotated')) ({ secret } = rotated.body);
    if (!isMended('expired')) world.clock.advance(60_000);
    if (!isMended('revoked')) await world.admin.post(`${token.path}/revoke`);
    return (await verify({ token: secret, ...asked })).code;
  }

  it('names the first fault of several', async () => {
    const faults = ['revoked', 'expired', 'rotated', 'resource', 'scope', 'quota'];
    const codes = [];
    for (let count = 0; count <= faults.length; count += 1) {
      codes.push(await codeWith(...faults.slice(0, count)));
    }
    expect(codes).toEqual([
      ...['REVOKED', 'EXPIRED', 'ROTATED', 'RESOURCE_NOT_ALLOWED'],
      ...['INSUFFICIENT_SCOPE', 'QUOTA_EXCEEDED', 'VALID'],
    ]);
  });

  it('names the scopes that are missing, in the order they were asked for', async () => {
    const { secret } = await world.token({ scopes: ['a'] });
    const verdict = await verify({ token: secret, scopes: ['z', 'a:b', 'c'] });
    expect(verdict).toMatchObject({ code: 'INSUFFICIENT_SCOPE', missingScopes: ['z', 'c'] });
  });

  it.each([
    ['an unlimited token at its own organization', [], { organization: 'demo' }, 'VALID'],
    ['an unlimited token elsewhere', [], { organization: 'other' }, 'RESOURCE_NOT_ALLOWED'],
    ['a limited token and no resource', [RESOURCE], undefined, 'RESOURCE_NOT_ALLOWED'],
    ['a limited token at its resource', [RESOURCE], RESOURCE, 'VALID'],
    [
      'a limited token at its whole organization',
      [RESOURCE],
      { organization: 'demo' },
      'RESOURCE_NOT_ALLOWED',
    ],
  ])('judges %s', async (_name, resources, resource, code) => {
    const { secret } = await world.token({ resources });
    expect((await verify({ token: secret, ...(resource ? { resource } : {}) })).code).toBe(code);
  });
});

describe('charging', () => {
  it('is not done, and nothing is written, at a cost of 0', async () => {
    const { secret } = await world.token({ maxQuota: 0 });
    const { store } = world.service.ledger;
    await world.admin.post('/v1/verify', { token: secret });
    const head = await store.head();
    for (const cost of [{}, { cost: 0 }]) {
      const { headers, body } = await world.admin.post('/v1/verify', { token: secret, ...cost });
      expect(body.valid).toBe(true);
      expect(headers.get('ledger-position')).toBe(body.position);
    }
    expect(await store.head()).toBe(head);
  });

  it('is durable before the answer, which tells where it was written', async () => {
    const { id, secret } = await world.token({ maxQuota: 10 });
    const charges = await world.recorded(async () => {
      const answer = await gateway.client.post('/v1/verify', {
        ...{ token: secret, cost: 3, operation: 'GET /invoices' },
      });
      expect(answer.body.quota).toMatchObject({ consumed: 3, remaining: 7 });
      expect(answer.headers.get('ledger-position')).toBe(answer.body.position);
      expect(answer.headers.get('ratelimit')).toBe('"month";r=7;t=396000');
      expect(answer.headers.get('ratelimit-policy')).toBe('"month";q=10;w=2678400');
    });
    expect(charges).toMatchObject([
      { type: 'QuotaConsumed', subjectId: id, cost: 3, operation: 'GET /invoices' },
    ]);
  });

  it('is not done for a call that is refused', async () => {
    const { secret } = await world.token({ maxQuota: 10, scopes: ['a'] });
    const types = await world.recordedTypes(async () => {
      await verify({ token: secret, cost: 1, scopes: ['b'] });
      await verify({ token: secret, cost: 11 });
      await verify({ token: 'x', cost: 1 });
    });
    expect(types).toEqual([]);
    expect((await verify({ token: secret, cost: 10 })).code).toBe('VALID');
    expect(await verify({ token: secret, cost: 1 })).toMatchObject({
      ...{ valid: false, code: 'QUOTA_EXCEEDED', quota: { remaining: 0 } },
    });
  });

  it('is exact when many charge at once', async () => {
    const { secret } = await world.token({ maxQuota: 30 });
    const verdicts = await Promise.all(
      Array.from({ length: 64 }, () => verify({ token: secret, cost: 1 })),
    );
    const codes = verdicts.map(({ code }) => code);
    expect(codes.filter((code) => code === 'VALID')).toHaveLength(30);
    expect(codes.filter((code) => code === 'QUOTA_EXCEEDED')).toHaveLength(34);
  });

  it('counts for a token that is not limited, and tells no limit of it', async () => {
    const { secret } = await world.token({ maxQuota: null });
    const { headers, body } = await gateway.client.post('/v1/verify', { token: secret, cost: 5 });
    expect(body.quota).toMatchObject({ limit: null, consumed: 5, remaining: null });
    expect(headers.has('ratelimit')).toBe(false);
  });

  it('starts anew with the window', async () => {
    const { secret } = await world.token({ maxQuota: 1 });
    expect((await verify({ token: secret, cost: 1 })).valid).toBe(true);
    expect((await verify({ token: secret, cost: 1 })).valid).toBe(false);
    world.clock.set('2026-04-01T00:00:00.000Z');
    expect((await verify({ token: secret, cost: 1 })).quota).toMatchObject({
      ...{ consumed: 1, resetAt: '2026-05-01T00:00:00.000Z' },
    });
  });
});

describe('a batch', () => {
  it('is judged in order, and charged item by item', async () => {
    const { secret } = await world.token({ maxQuota: 2, scopes: ['a'] });
    const items = [
      { token: secret, cost: 1 },
      { token: 'unknown', cost: 1 },
      { token: secret, scopes: ['b'], cost: 1 },
      { token: secret, cost: 1 },
      { token: secret, cost: 1 },
      { token: secret },
    ];
    const { status, body, headers } = await gateway.client.post('/v1/verify/batch', { items });
    expect(status).toBe(200);
    expect(body.results.map(({ code }: { code: string }) => code)).toEqual([
      ...['VALID', 'NOT_FOUND', 'INSUFFICIENT_SCOPE', 'VALID', 'QUOTA_EXCEEDED', 'VALID'],
    ]);
    const positions = body.results.map(({ position }: { position: string }) => BigInt(position));
    for (const position of positions) {
      expect(BigInt(headers.get('ledger-position')!) >= position).toBe(true);
    }
  });

  it('takes up to 100 items', async () => {
    const batch = (length: number) =>
      gateway.client.post('/v1/verify/batch', { items: Array(length).fill({ token: 'x' }) });
    expect((await batch(0)).body).toEqual({ results: [] });
    expect((await batch(100)).body.results).toHaveLength(100);
    expect(await batch(101)).toMatchObject({ status: 400, body: { code: 'INVALID_REQUEST' } });
  });

  it('is charged once when it is repeated with its key', async () => {
    const { secret } = await world.token({ maxQuota: 10 });
    const items = [
      { token: secret, cost: 2 },
      { token: secret, cost: 2 },
    ];
    const headers = { 'idempotency-key': 'batch-1' };
    const send = () => gateway.client.post('/v1/verify/batch', { items }, { headers });
    const [first, again] = [await send(), await send()];
    expect(again.body.results.map(({ code }: { code: string }) => code)).toEqual([
      ...['VALID', 'VALID'],
    ]);
    expect(first.body.results[1].quota.consumed).toBe(4);
    expect((await verify({ token: secret })).quota.consumed).toBe(4);
  });
});

describe('who may verify', () => {
  it('operators across organizations, admins and tokens in their own', async () => {
    const other = await world.organization('other');
    const operator = await world.person({ operator: true });
    const { secret } = await world.token();
    const codeFor = async (client: NativeClient) => (await verify({ token: secret }, client)).code;
    expect(await codeFor(world.admin)).toBe('VALID');
    expect(await codeFor(operator.client)).toBe('VALID');
    expect(await codeFor(other.admin.client)).toBe('NOT_FOUND');
    const scopes = ['ledger:tokens:verify'];
    const stranger = await world.token({ scopes }, other.admin.client, 'other');
    expect(await codeFor(stranger.client)).toBe('NOT_FOUND');
  });

  it.each(['/v1/verify', '/v1/verify/batch', '/v1/quota/consume'])(
    'and nobody else on %s',
    async (path) => {
      const scopes = ['*', 'ledger:tokens:read', 'ledger:tokens:create'];
      const token = await world.token({ scopes });
      const body = { token: token.secret, ...(path.endsWith('consume') ? { units: 1 } : {}) };
      const asked = path.endsWith('batch') ? { items: [body] } : body;
      const lacking = await token.client.post(path, asked);
      expect(lacking).toMatchObject({ status: 403, body: { code: 'INSUFFICIENT_SCOPE' } });
      expect(lacking.body.missingScopes).toEqual(['ledger:tokens:verify']);
      expect(lacking.headers.get('www-authenticate')).toBe(
        'Bearer realm="token-ledger", error="insufficient_scope", scope="ledger:tokens:verify"',
      );
      const socket = await world.socketToken(['*']);
      expect((await socket.client.post(path, asked)).body.code).toBe('INSUFFICIENT_SCOPE');
      const member = await world.user('member');
      expect(await member.client.post(path, asked)).toMatchObject({
        ...{ status: 403, body: { code: 'FORBIDDEN' } },
      });
      expect((await world.with(null).post(path, asked)).status).toBe(401);
    },
  );
});
