import { gzipSync } from 'node:zlib';
import { grantedMs } from '../support/granted-time.js';
import type { SocketRequest } from '../support/socket-client.js';
import type { Operation } from '../support/socket-contract.js';
import { SocketWorld, tokenBody } from '../support/socket-world.js';

let world: SocketWorld;

beforeAll(async () => {
  world = await SocketWorld.start();
});
afterAll(() => world.close());

const WRITES: readonly Operation[] = ['create', 'update', 'rotate', 'revoke'];
const JSON_TYPE = { 'content-type': 'application/json' };

const valid = JSON.stringify(tokenBody());
/** A body that is right but for one member, written as it is to be sent. */
const withMember = (member: string) => `${valid.slice(0, -1)},${member}}`;
const named = (name: string) => withMember(`"name":${name}`);
const bytes = (...parts: (string | readonly number[])[]) =>
  Buffer.concat(parts.map((part) => Buffer.from(part as string)));

describe('a hostile body', () => {
  const bodies: readonly [string, string | Uint8Array][] = [
    ['nothing but a brace', '{'],
    ['text', 'max_quota=10&scopes=repo'],
    ['two values', `${valid}${valid}`],
    ['a comma too many', withMember('')],
    ['a comment', `/* */${valid}`],
    ['a name without quotes', withMember('name:"x"')],
    ['NaN', withMember('"name":NaN')],
    ['a byte order mark', `\ufeff${valid}`],
    ['UTF-16', Buffer.from(valid, 'utf16le')],
    ['invalid UTF-8', bytes(valid.slice(0, -1), ',"name":"', [0xc3, 0x28], '"}')],
    ['an overlong encoding', bytes(valid.slice(0, -1), ',"name":"', [0xc0, 0xaf], '"}')],
    ['a surrogate in UTF-8', bytes(valid.slice(0, -1), ',"name":"', [0xed, 0xa0, 0x80], '"}')],
    ['lists in lists, 5000 deep', `{"scopes":${'['.repeat(5000)}${']'.repeat(5000)}}`],
    ['objects in objects, 5000 deep', `${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`],
    ['5000 brackets that never close', '['.repeat(5000)],
    ['11 levels', `{"scopes":${'['.repeat(10)}${']'.repeat(10)}}`],
    ['a key twice', withMember('"max_quota":5')],
    ['a key twice, once escaped', withMember('"max\\u005fquota":5')],
    ['a key twice, deeper', withMember('"resources":[{"workspace":"a","workspace":"b"}]')],
    ['__proto__', withMember('"__proto__":{"admin":true}')],
    ['__proto__ escaped', withMember('"__pr\\u006fto__":{"admin":true}')],
    ['__proto__ in the committer', '{"committer":{"__proto__":{"email":"x"}}}'],
    ['constructor', withMember('"constructor":{"prototype":{"admin":true}}')],
    ['prototype', withMember('"prototype":1')],
    ['toString', withMember('"toString":1')],
    ['valueOf', withMember('"valueOf":"x"')],
    ['hasOwnProperty in the committer', '{"committer":{"hasOwnProperty":1}}'],
    ['__defineGetter__', withMember('"__defineGetter__":1')],
    ['101 keys', JSON.stringify(Object.fromEntries(Array.from({ length: 101 }, (_, i) => [i, 1])))],
    ['501 scopes', JSON.stringify(tokenBody({ scopes: Array(501).fill('repo') }))],
    ['20000 numbers', JSON.stringify({ scopes: Array(20_000).fill(1) })],
    ['max_quota 1e400', valid.replace('1000', '1e400')],
    ['max_quota -1e400', valid.replace('1000', '-1e400')],
    ['max_quota of 300 digits', valid.replace('1000', '9'.repeat(300))],
    ['max_quota 0.1', valid.replace('1000', '0.1')],
    ['max_quota 010', valid.replace('1000', '010')],
    ['max_quota {}', valid.replace('1000', '{}')],
    ['max_quota []', valid.replace('1000', '[]')],
    ['max_quota [1000]', valid.replace('1000', '[1000]')],
    ['max_quota {"valueOf": 1}', valid.replace('1000', '{"x":1}')],
    ['NUL in the name', named('"a\\u0000b"')],
    ['a raw NUL in the name', named('"a\u0000b"')],
    ['a line break in the name', named('"a\\nb"')],
    ['an escape sequence in the name', named('"\\u001b[31mred"')],
    ['a C1 control in the name', named('"a\\u0085b"')],
    ['a bidi override in the name', named('"a\\u202eb"')],
    ['a bidi isolate in the name', named('"a\\u2066b"')],
    ['half a surrogate pair in the name', named('"\\ud83d"')],
    ['a reversed surrogate pair in the name', named('"\\ude00\\ud83d"')],
    ['10000 variation selectors', named(`"a${'\\ufe0f'.repeat(10_000)}"`)],
    [
      'NUL in the e-mail',
      withMember('"committer":{"email":"a\\u0000b"}').replace('"committer":{},', ''),
    ],
    ['half a surrogate pair in the login', '{"committer":{"providerLoginName":"\\ud800"}}'],
    ['an e-mail of 256 characters', JSON.stringify({ committer: { email: 'x'.repeat(256) } })],
    [
      'NUL in a resource',
      withMember('"resources":[{"organizationSlug":"demo","repositorySlug":"\\u0000"}]'),
    ],
    ['60000 blanks in the name', named(`"${' '.repeat(60_000)}"`)],
    ['60000 letters in the name', named(`"${'x'.repeat(60_000)}"`)],
  ];

  it.each(bodies)('of %s is refused fast, and costs its charge alone', async (_name, body) => {
    const types = await world.recordedTypes(async () => {
      const startedAt = grantedMs();
      const { status } = await world.root.client.call('create', { body, headers: JSON_TYPE });
      expect(status).toBe(400);
      expect(grantedMs() - startedAt).toBeLessThan(1000);
    });
    expect(types).toEqual(['QuotaConsumed']);
  });

  it.each(WRITES)('is refused by %s too', async (operation) => {
    for (const [, body] of bodies.slice(0, 30)) {
      const { status } = await world.root.client.call(operation, { body, headers: JSON_TYPE });
      expect(status).toBe(400);
    }
  });

  it('changes nothing that later requests see', async () => {
    expect(({} as Record<string, unknown>)['admin']).toBeUndefined();
    const { status, body } = await world.root.client.call('create', { body: tokenBody() });
    expect([status, Object.keys(body)]).toEqual([
      200,
      ['created_by', 'group_uuid', 'token', 'hash'],
    ]);
  });

  it('is not told back word for word, save for the key at fault', async () => {
    const secret = `sktsec_${'s'.repeat(43)}_api`;
    const { text } = await world.root.client.call('create', {
      body: tokenBody({ name: [secret], visibility: secret, scopes: [secret] }),
    });
    expect(text).not.toContain(secret);
  });
});

describe('the size of a body', () => {
  const padded = (size: number) => valid.padEnd(size, ' ');

  it('is at most 64 KiB', async () => {
    const { status } = await world.root.client.call('create', { body: padded(65_536) });
    expect(status).toBe(200);
  });

  it.each<[string, SocketRequest]>([
    ['by its declared length', { body: padded(65_537) }],
    ['while it streams in', { body: streamOf(padded(65_537), 8192) }],
  ])(
    'is counted %s, and one byte more refused before it costs anything',
    async (_name, request) => {
      const types = await world.recordedTypes(async () => {
        const { status, body } = await world.root.client.call('create', request);
        expect(status).toBe(413);
        expect(body).toMatchObject({ error: { details: { limit_bytes: 65_536 } } });
      });
      expect(types).toEqual([]);
    },
  );

  it.each(['gzip', 'deflate', 'br', 'x'])('cannot be hidden by %s', async (encoding) => {
    const types = await world.recordedTypes(async () => {
      const { status } = await world.root.client.call('create', {
        body: gzipSync(valid),
        headers: { ...JSON_TYPE, 'content-encoding': encoding },
      });
      expect(status).toBe(415);
    });
    expect(types).toEqual([]);
  });
});

function streamOf(text: string, chunkSize: number): ReadableStream {
  const data = Buffer.from(text);
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= data.length) return controller.close();
      controller.enqueue(new Uint8Array(data.subarray(at, at + chunkSize)));
      at += chunkSize;
    },
  });
}

describe('what published clients do', () => {
  it.each<[string, SocketRequest]>([
    ['no content type', { body: Buffer.from(valid) }],
    ['chunks', { body: streamOf(valid, 7) }],
    ['chunks without a content type', { body: streamOf(valid, 7), headers: {} }],
    [
      'application/json with a charset',
      { body: valid, headers: { 'content-type': 'application/json; charset=utf-8' } },
    ],
    ['text/plain', { body: valid, headers: { 'content-type': 'text/plain' } }],
    [
      'a form type',
      { body: valid, headers: { 'content-type': 'application/x-www-form-urlencoded' } },
    ],
    ['a type with a tab', { body: valid, headers: { 'content-type': 'application/json\t;a=b' } }],
    ['unknown query parameters', { body: valid, query: 'outputJson=true&orgSlug=x' }],
  ])('is tolerated: %s', async (_name, request) => {
    expect((await world.root.client.call('create', request)).status).toBe(200);
  });

  it.each([
    '',
    'text/plain',
    'application/json\t',
    'application/xml',
    'multipart/form-data',
    'json',
  ])('never gets an unchecked body past the rules: content type "%s" (H4)', async (type) => {
    const body = withMember('"admin":true');
    const headers = type === '' ? {} : { 'content-type': type };
    const { status } = await world.root.client.call('create', { body, headers });
    // A type that is no media type at all is refused as one.
    expect(status).toBe(type === 'json' ? 415 : 400);
  });
});

describe('a path that leads nowhere', () => {
  const NOT_FOUND = { error: { message: 'Not found', details: null } };

  it.each([
    ['GET', '/'],
    ['GET', '/nothing'],
    ['GET', '/orgs/demo'],
    ['GET', '/orgs/demo/api-tokens/rotate'],
    ['DELETE', '/orgs/demo/api-tokens'],
    ['PUT', '/orgs/demo/api-tokens/update'],
    ['PATCH', '/quota'],
    ['POST', '/quota'],
    ['OPTIONS', '/organizations'],
    ['POST', '/orgs//api-tokens'],
    ['POST', '/orgs/demo/tokens//rotate'],
    ['POST', '/orgs/demo/tokens/a/b/rotate'],
  ])('answers %s %s in the shape of the dialect', async (method, path) => {
    const { status, body } = await world.with(null).send(path, { method });
    expect([status, body]).toEqual([404, NOT_FOUND]);
  });

  it.each([
    ['a malformed escape', '/orgs/%E0%A4%A/api-tokens', 400],
    ['a lone percent sign', '/orgs/%/api-tokens', 400],
    ['an escaped NUL', '/orgs/%00/api-tokens', 401],
    ['a slug of 600 characters', `/orgs/${'x'.repeat(600)}/api-tokens`, 404],
    ['a path of 10000 characters', `/${'x'.repeat(10_000)}`, 404],
  ])('answers %s in the shape of the dialect', async (_name, path, expected) => {
    const { status, body, headers } = await world.with(null).send(path);
    expect(status).toBe(expected);
    expect(body).toEqual({
      error: { message: expect.any(String), details: expected === 400 ? expect.any(Object) : null },
    });
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('content-type')).toBe('application/json; charset=utf-8');
  });
});
