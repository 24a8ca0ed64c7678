import { rawRequest } from '../support/raw-request.js';
import type { Credential } from '../support/socket-client.js';
import { OPERATIONS } from '../support/socket-contract.js';
import { SocketWorld, type TestToken } from '../support/socket-world.js';

let world: SocketWorld;
let token: TestToken;

beforeAll(async () => {
  world = await SocketWorld.start();
  token = await world.token({ scopes: ['*'] });
});
afterAll(() => world.close());

const UNAUTHORIZED = '{"error":{"message":"Unauthorized","details":null}}';
const base64 = (text: string) => Buffer.from(text).toString('base64');

const raw = (request: string) => rawRequest(world.service.url, request);

describe('a credential', () => {
  it('K19: means the same as Bearer and as Basic', async () => {
    const bearer = world.with({ scheme: 'bearer', secret: token.token });
    const basic = world.with({ scheme: 'basic', secret: token.token });
    for (const operation of ['list', 'organizations', 'auditLog'] as const) {
      const [first, second] = [await bearer.call(operation), await basic.call(operation)];
      expect(first.status).toBe(200);
      expect(second.text).toBe(first.text);
    }
  });

  it.each([
    ['bearer in small letters', () => `bearer ${token.token}`],
    ['BEARER in capitals', () => `BEARER ${token.token}`],
    ['several blanks', () => `Bearer   ${token.token}`],
    ['basic in small letters', () => `basic ${base64(`${token.token}:`)}`],
    ['Basic with a password, which is ignored', () => `Basic ${base64(`${token.token}:a:b`)}`],
    ['Basic without a colon', () => `Basic ${base64(token.token)}`],
    ['a personal token as Bearer', () => `Bearer ${world.service.admin}`],
    ['a personal token in capitals', () => `Bearer ${world.service.admin.toUpperCase()}`],
    ['a personal token as Basic', () => `Basic ${base64(`${world.service.admin}:`)}`],
  ])('is accepted as %s', async (_name, header) => {
    const { status } = await world.with({ header: header() }).call('organizations');
    expect(status).toBe(200);
  });

  const refused: readonly [string, () => string | Promise<string>][] = [
    ['an empty header', () => ''],
    ['a scheme without a value', () => 'Bearer'],
    ['a value without a scheme', () => token.token],
    ['an unknown scheme', () => `Token ${token.token}`],
    ['the scheme of another dialect', () => `token ${world.service.admin}`],
    ['two values', () => `Bearer ${token.token} ${token.token}`],
    ['two schemes', () => `Bearer Basic ${base64(`${token.token}:`)}`],
    ['a value in quotes', () => `Bearer "${token.token}"`],
    ['a token with something behind it', () => `Bearer ${token.token}x`],
    ['a token in capitals', () => `Bearer ${token.token.toUpperCase()}`],
    ['an unknown token', () => `Bearer sktsec_${'x'.repeat(43)}_api`],
    ['an unknown personal token', () => 'Bearer 00000000-0000-4000-8000-000000000000'],
    ['the redacted token', () => `Bearer sktsec_****${token.token.slice(-8, -4)}_api`],
    ['the hash of a token (S6)', () => `Bearer ${token.hash}`],
    ['the hash as Basic (S6)', () => `Basic ${base64(`${token.hash}:`)}`],
    ['the uuid of a token (S6)', () => `Bearer ${token.group_uuid}`],
    ['the uuid as Basic (S6)', () => `Basic ${base64(`${token.group_uuid}:`)}`],
    ['the id of a secret (S6)', async () => `Bearer ${await idOfSecret()}`],
    ['the id as Basic (S6)', async () => `Basic ${base64(`${await idOfSecret()}:`)}`],
    ['a token as the password of Basic', () => `Basic ${base64(`x:${token.token}`)}`],
    ['Basic without a user', () => `Basic ${base64(`:${token.token}`)}`],
    ['Basic that is no base64', () => `Basic ${token.token}`],
    ['Basic with nothing', () => 'Basic ='],
    ['a revoked token', async () => `Bearer ${await revoked()}`],
    ['a token that was rotated away', async () => `Bearer ${await rotatedAway()}`],
  ];

  const idOfSecret = async () => (await world.root.client.listed(token.group_uuid))!.id;
  const revoked = async () => {
    const { token: secret } = await world.token();
    await world.root.client.call('revoke', { body: { token: secret } });
    return secret;
  };
  const rotatedAway = async () => {
    const { token: secret } = await world.token();
    await world.root.client.rotate({ token: secret });
    return secret;
  };

  it.each(refused)('is refused, told apart from no other, as %s', async (_name, header) => {
    const client = world.with({ header: await header() });
    const { status, text, headers } = await client.call('list');
    expect([status, text]).toEqual([401, UNAUTHORIZED]);
    // Byte for byte the same, save for what differs between any two answers (S8).
    const own = ['date', 'x-request-id'];
    const rest = [...headers].filter(([name]) => !own.includes(name));
    expect(rest).toEqual([
      ['cache-control', 'no-store'],
      ['connection', 'keep-alive'],
      ['content-length', String(UNAUTHORIZED.length)],
      ['content-type', 'application/json; charset=utf-8'],
      ['keep-alive', 'timeout=72'],
      ['www-authenticate', 'Bearer'],
      ['x-content-type-options', 'nosniff'],
    ]);
  });

  it.each(OPERATIONS)('is demanded by %s', async (operation) => {
    const { status, text } = await world.with(null).call(operation);
    expect([status, text]).toEqual([401, UNAUTHORIZED]);
  });

  it('is refused when it is given twice', async () => {
    const line = `Authorization: Bearer ${token.token}\r\n`;
    const request = `GET /v0/quota HTTP/1.1\r\nHost: x\r\n${line}${line}Connection: close\r\n\r\n`;
    expect(await raw(request)).toMatch(/^HTTP\/1\.1 401 [\s\S]*"Unauthorized"/);
  });

  it.each([
    ['a query parameter', { query: () => ({ token: token.token, access_token: token.token }) }],
    ['a cookie', { headers: () => ({ cookie: `token=${token.token}` }) }],
    ['another header', { headers: () => ({ 'x-api-key': token.token, token: token.token }) }],
  ])('is not looked for in %s (S12)', async (_name, given: Record<string, () => object>) => {
    const request = Object.fromEntries(Object.entries(given).map(([name, of]) => [name, of()]));
    expect((await world.with(null).call('quota', request)).status).toBe(401);
  });

  it('is not looked for in a body (S12)', async () => {
    const { status } = await world.with(null).call('revoke', { body: { token: token.token } });
    expect(status).toBe(401);
  });

  it('lets nobody in by another writing of the path (A2)', async () => {
    const paths = [
      '//v0/quota',
      '/v0//quota',
      '/v0/quota/',
      '/V0/quota',
      '/v0/QUOTA',
      '/%76%30/quota',
      '/v0/quota;x',
      '/v0/quota.json',
      '/v0/./quota',
      '/v0/x/../quota',
      '/v0/quota%00',
      '/v0/quota%2f',
      '/v0/orgs/demo/api-tokens/',
      '/v0/orgs/demo/./api-tokens',
      'http://x/v0/quota',
    ];
    for (const path of paths) {
      for (const method of ['GET', 'HEAD', 'POST', 'OPTIONS', 'PUT', 'DELETE', 'PATCH']) {
        const head = `${method} ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`;
        const answer = await raw(head);
        expect([method, path, answer.slice(0, 12)]).toEqual([
          method,
          path,
          expect.stringMatching(/HTTP\/1\.1 4\d\d/),
        ]);
      }
    }
  });

  it('is judged anew on every call: a user loses what they lose', async () => {
    const { client, userId } = await world.user('admin');
    expect((await client.call('auditLog')).status).toBe(200);
    await world.setMember(userId, 'member');
    expect((await client.call('auditLog')).status).toBe(403);
  });

  it.each<[string, Credential]>([
    ['Bearer', { header: `Bearer ${'x'.repeat(8000)}` }],
    ['Basic', { header: `Basic ${base64('x'.repeat(5000))}` }],
  ])('of absurd length is refused like any other (%s)', async (_scheme, credential) => {
    expect((await world.with(credential).call('quota')).status).toBe(401);
  });
});
