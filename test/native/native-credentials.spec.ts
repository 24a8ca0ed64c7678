import { request as httpRequest } from 'node:http';
import { digestOf } from '@ledger/commands';
import { NativeWorld, TOKENS, UNKNOWN_ID } from './support/native-world.js';

let world: NativeWorld;

beforeAll(async () => {
  world = await NativeWorld.start();
});
afterAll(() => world.close());

const NONE = 'Bearer realm="token-ledger", Basic realm="token-ledger"';
const BAD = 'Bearer realm="token-ledger", error="invalid_token"';

const ROUTES: readonly [string, string][] = [
  ['GET', '/v1/self'],
  ['POST', '/v1/self/revoke'],
  ['POST', TOKENS],
  ['GET', TOKENS],
  ['GET', `${TOKENS}/${UNKNOWN_ID}`],
  ['PATCH', `${TOKENS}/${UNKNOWN_ID}`],
  ['POST', `${TOKENS}/${UNKNOWN_ID}/rotate`],
  ['POST', `${TOKENS}/${UNKNOWN_ID}/revoke`],
  ['GET', `${TOKENS}/${UNKNOWN_ID}/quota`],
  ['GET', `${TOKENS}/${UNKNOWN_ID}/events`],
  ['POST', '/v1/introspect'],
  ['POST', '/v1/revoke'],
  ['POST', '/v1/verify'],
  ['POST', '/v1/verify/batch'],
  ['POST', '/v1/quota/consume'],
];

const basic = (user: string, password = ''): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;

it.each(ROUTES)('%s %s challenges who presents nothing, or nothing good', async (method, path) => {
  const anonymous = await world.with(null).call(method, path);
  expect([anonymous.status, anonymous.body.code]).toEqual([401, 'UNAUTHENTICATED']);
  expect(anonymous.headers.get('www-authenticate')).toBe(NONE);
  for (const authorization of ['Bearer x', 'Bearer', 'Digest x', basic(''), 'Basic %%%', 'x']) {
    const answer = await world.with(authorization).call(method, path);
    expect([authorization, answer.status]).toEqual([authorization, 401]);
    expect(answer.headers.get('www-authenticate')).toBe(BAD);
  }
  const folded = `Bearer ${world.service.admin}, Basic x`;
  const several = await world.with(folded).call(method, path);
  expect([several.status, several.body.code]).toEqual([400, 'INVALID_REQUEST']);
});

it('takes a secret as bearer, as token, and as the user of Basic', async () => {
  const token = await world.token();
  for (const secret of [token.secret, world.service.admin]) {
    const headers = [`Bearer ${secret}`, `bearer ${secret}`, `Token ${secret}`, `token ${secret}`];
    for (const authorization of [...headers, basic(secret), basic(secret, 'ignored')]) {
      expect((await world.with(authorization).get('/v1/self')).status).toBe(200);
    }
  }
});

it('does not tell one dead credential from another (S8)', async () => {
  const revoked = await world.token();
  await world.admin.post(`${revoked.path}/revoke`);
  const expired = await world.token({ expiresAt: '2026-03-27T10:00:00.001Z' });
  const rotated = await world.token();
  await world.admin.post(`${rotated.path}/rotate`);
  world.clock.advance(1);
  const person = await world.person();
  await person.client.post('/v1/self/revoke');
  const secrets = [
    ...[revoked.secret, expired.secret, rotated.secret, person.personalToken],
    ...['x', UNKNOWN_ID, `tl_${'0'.repeat(30)}2C8GjS`, `${revoked.secret.slice(0, -1)}_`],
  ];
  const seen = new Set<string>();
  for (const secret of secrets) {
    const { status, headers, body } = await world.as(secret).get('/v1/self');
    const { instance: _instance, ...rest } = body;
    const shown = [...headers].filter(([name]) => !['date', 'x-request-id'].includes(name));
    seen.add(JSON.stringify([status, shown, rest]));
  }
  expect(seen.size).toBe(1);
});

it('takes no digest, id or preview for a secret (S6)', async () => {
  const token = await world.token();
  const { secrets } = (await world.admin.get(token.path)).body;
  const names = [digestOf(token.secret), token.id, secrets[0].id, secrets[0].preview];
  for (const name of names) {
    for (const authorization of [`Bearer ${name}`, `token ${name}`, basic(name)]) {
      expect((await world.with(authorization).get('/v1/self')).status).toBe(401);
    }
  }
});

it('takes no credential from query, cookie or body (S12)', async () => {
  const { secret } = await world.token();
  const anonymous = world.with(null);
  for (const name of ['access_token', 'token', 'authorization']) {
    const { status } = await anonymous.get('/v1/self', { query: { [name]: secret } });
    expect(status).toBe(401);
    const both = await world
      .as(secret)
      .get('/v1/self', { query: { [name]: secret }, repeats: true });
    expect([both.status, both.body.errors]).toEqual([
      400,
      [{ parameter: name, message: expect.any(String) }],
    ]);
  }
  const headers = { cookie: `token=${secret}; authorization=Bearer ${secret}` };
  expect((await anonymous.get('/v1/self', { headers })).status).toBe(401);
  expect((await anonymous.post('/v1/verify', { token: secret })).status).toBe(401);
  const form = await anonymous.form('/v1/introspect', { token: secret, client_secret: secret });
  expect(form.status).toBe(401);
});

it('refuses two Authorization lines, and does nothing (A4)', async () => {
  const { hostname, port } = new URL(world.service.url);
  const lines = [`Bearer ${world.service.admin}`, basic(world.service.admin)];
  const types = await world.recordedTypes(async () => {
    for (const path of [TOKENS, '/v1/verify']) {
      const status = await new Promise((resolve, reject) => {
        const headers = ['Authorization', lines[0]!, 'Authorization', lines[1]!];
        const all = [...headers, 'Host', hostname, 'Content-Type', 'application/json'];
        const sent = httpRequest(
          { hostname, port, path, method: 'POST', headers: all },
          (answer) => {
            answer.resume();
            resolve(answer.statusCode);
          },
        );
        sent.on('error', reject);
        sent.end('{"name":"x","token":"x"}');
      });
      expect(status).toBe(400);
    }
  });
  expect(types).toEqual([]);
});

it.each(ROUTES)('%s %s answers a Socket token by its ledger scopes: none', async (method, path) => {
  const socket = await world.socketToken(['*']);
  const { status } = await socket.client.call(method, path);
  const isSelf = path.startsWith('/v1/self');
  // Introspection and the like refuse the scope before they look at the body.
  expect(status).toBe(isSelf ? 200 : path === '/v1/revoke' ? 415 : 403);
});

it('guards every spelling of a path (A2)', async () => {
  const spellings = [
    ...['/v1//self', '//v1/self', '/v1/self/', '/V1/self', '/v1/SELF', '/v1/%73elf', '/v1/self;x'],
    ...['/v1/self.', '/v1/self%2f', '/v1/./self', '/v1/x/../self', '/v1%2fself', '/v1/self%00'],
    ...['/v1/orgs/demo/tokens/', '/v1/orgs//tokens', '/v1/orgs/%64emo/tokens', '/v1/orgs/demo/'],
  ];
  for (const path of spellings) {
    for (const method of ['GET', 'HEAD', 'POST']) {
      const { status } = await world.with(null).call(method, path);
      expect([path, method, status >= 400]).toEqual([path, method, true]);
    }
  }
});

it('runs the guard of GET for HEAD (H10)', async () => {
  expect((await world.with(null).call('HEAD', '/v1/self')).status).toBe(401);
  const head = await world.admin.call('HEAD', '/v1/self');
  expect([head.status, head.text]).toEqual([200, '']);
});

it.each([
  ['DELETE', '/v1/self', ['GET', 'HEAD']],
  ['GET', '/v1/verify', ['POST']],
  ['PUT', TOKENS, ['GET', 'HEAD', 'POST']],
  ['POST', `${TOKENS}/${UNKNOWN_ID}`, ['GET', 'HEAD', 'PATCH']],
])('%s %s is not allowed, and says what is', async (method, path, allowed) => {
  const { status, headers, body } = await world.admin.call(method, path);
  expect([status, body.code]).toEqual([405, 'METHOD_NOT_ALLOWED']);
  expect(headers.get('allow')!.split(', ').sort()).toEqual(allowed);
});

it('carries the quota of the calling token on every answer to it', async () => {
  const scopes = ['ledger:tokens:verify', 'ledger:tokens:read'];
  const { client } = await world.token({ maxQuota: 7, scopes });
  const answers = [
    await client.get('/v1/self'),
    await client.get(TOKENS),
    await client.get('/v1/self', { query: { x: 1 } }),
    await client.post(TOKENS, {}),
    await client.post('/v1/verify', {}),
    await client.post('/v1/verify', { token: 'x' }),
    await client.post('/v1/verify/batch', { items: [] }),
    await client.get(`${TOKENS}/${UNKNOWN_ID}`),
  ];
  for (const { headers } of answers) {
    expect(headers.get('ratelimit-policy')).toBe('"month";q=7;w=2678400');
    expect(headers.get('ratelimit')).toMatch(/^"month";r=7;t=\d+$/);
  }
  expect((await world.admin.get('/v1/self')).headers.has('ratelimit')).toBe(false);
});
