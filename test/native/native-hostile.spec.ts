import { gzipSync } from 'node:zlib';
import { NativeWorld, TOKENS, type TestToken } from './support/native-world.js';

let world: NativeWorld;
let token: TestToken;

beforeAll(async () => {
  world = await NativeWorld.start();
  token = await world.token({ scopes: ['a'] });
});
afterAll(() => world.close());

const valid = '{"name":"ci"}';
const withMember = (member: string): string => `${valid.slice(0, -1)},${member}}`;
const bytes = (...parts: (string | readonly number[])[]): Buffer =>
  Buffer.concat(parts.map((part) => Buffer.from(part as string)));

/** Bodies that no route may take, each right but for one thing. */
const bodies: readonly [string, string | Uint8Array][] = [
  ['nothing but a brace', '{'],
  ['null', 'null'],
  ['a list', '[]'],
  ['a text', '"name"'],
  ['a number', '1'],
  ['two values', `${valid}${valid}`],
  ['a comma too many', withMember('')],
  ['an object in the place of a list', withMember('"resources":{"$ne":1}')],
  ['a comment', `/* */${valid}`],
  ['NaN', withMember('"maxQuota":NaN')],
  ['a byte order mark', `\ufeff${valid}`],
  ['UTF-16', Buffer.from(valid, 'utf16le')],
  ['invalid UTF-8', bytes('{"name":"', [0xc3, 0x28], '"}')],
  ['an overlong encoding', bytes('{"name":"', [0xc0, 0xaf], '"}')],
  ['a surrogate in UTF-8', bytes('{"name":"', [0xed, 0xa0, 0x80], '"}')],
  ['lists in lists, 5000 deep', `{"scopes":${'['.repeat(5000)}${']'.repeat(5000)}}`],
  ['objects in objects, 5000 deep', `${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`],
  ['11 levels', `{"scopes":${'['.repeat(10)}${']'.repeat(10)}}`],
  ['a key twice', withMember('"name":"b"')],
  ['a key twice, once escaped', withMember('"n\\u0061me":"b"')],
  ['a key twice, deeper', withMember('"metadata":{"a":"b","a":"c"}')],
  ['__proto__', withMember('"__proto__":{"admin":true}')],
  ['__proto__ escaped', withMember('"__pr\\u006fto__":{"admin":true}')],
  ['__proto__ in metadata', withMember('"metadata":{"__proto__":"a"}')],
  ['constructor', withMember('"constructor":{"prototype":{"admin":true}}')],
  ['toString', withMember('"toString":"a"')],
  ['hasOwnProperty', withMember('"hasOwnProperty":"a"')],
  ['__defineGetter__', withMember('"__defineGetter__":"a"')],
  ['101 keys', JSON.stringify(Object.fromEntries(Array.from({ length: 101 }, (_, n) => [n, 1])))],
  ['501 scopes', `{"name":"a","scopes":[${Array(501).fill('"a"').join(',')}]}`],
  ['an object for a list', withMember('"resources":{"$ne":1}')],
  ['1e400 units', withMember('"maxQuota":1e400')],
  ['units of 300 digits', withMember(`"maxQuota":${'9'.repeat(300)}`)],
];

describe.each(['POST', 'PATCH'])('by %s', (method) => {
  it.each(bodies)('%s is refused, quickly and with nothing done', async (_name, body) => {
    const path = method === 'POST' ? TOKENS : token.path;
    const types = await world.recordedTypes(async () => {
      const { status, body: answer } = await world.admin.call(method, path, { body });
      expect([status, answer.code]).toEqual([400, 'INVALID_REQUEST']);
    });
    expect(types).toEqual([]);
    expect(({} as { admin?: unknown }).admin).toBeUndefined();
  });
});

describe.each(['/v1/verify', '/v1/verify/batch', '/v1/quota/consume'])('on %s', (path) => {
  it.each(bodies)('%s is refused', async (_name, body) => {
    const { status, body: answer } = await world.admin.post(path, body);
    expect([status, answer.code]).toEqual([400, 'INVALID_REQUEST']);
  });

  it('a key twice is refused though the last one is good', async () => {
    const items = {
      '/v1/verify': '{"token":"x","token":"x"}',
      '/v1/verify/batch': '{"items":[{"token":"x","cost":0,"cost":0}]}',
      '/v1/quota/consume': '{"units":1,"token":"x","units":1}',
    };
    const answer = await world.admin.post(path, items[path as keyof typeof items]);
    expect([answer.status, answer.body.errors[0].message]).toEqual([
      400,
      expect.stringContaining('appears twice'),
    ]);
  });
});

const TYPES = [
  ...['text/plain', 'application/x-www-form-urlencoded', 'application/jsonp', 'application/json5'],
  ...['application/json,text/plain', 'application/json;', 'json', '*/*'],
  ...[
    'application/json; charset=latin1',
    'application/json; charset=utf-16',
    'multipart/form-data',
  ],
  ...['application/json; charset=utf-8; x=1', 'application/vnd.api+json', 'application/json x'],
];

describe.each([TOKENS, '/v1/verify', '/v1/quota/consume', '/v1/self/revoke'])(
  'the media type of %s',
  (path) => {
    it.each(TYPES)('%p is not read', async (type) => {
      const { client } = await world.user('admin');
      const answer = await client.post(path, valid, { headers: { 'content-type': type } });
      expect([answer.status, answer.body.code]).toEqual([415, 'UNSUPPORTED_MEDIA_TYPE']);
      expect((await client.get('/v1/self')).status).toBe(200);
    });
  },
);

it.each(['application/json', 'Application/JSON', 'application/json; charset=utf-8'])(
  '%s is read',
  async (type) => {
    const headers = { 'content-type': type };
    expect((await world.admin.post(TOKENS, valid, { headers })).status).toBe(201);
    const verify = await world.admin.post('/v1/verify', '{"token":"x"}', { headers });
    expect(verify.status).toBe(200);
  },
);

it.each([TOKENS, '/v1/verify', '/v1/verify/batch', '/v1/quota/consume', '/v1/introspect'])(
  'bodies above 64 KiB, and compressed ones, are refused on %s',
  async (path) => {
    const large = `{"name":"${'x'.repeat(65_536)}"}`;
    const tooLarge = await world.admin.post(path, large);
    expect([tooLarge.status, tooLarge.body.code]).toEqual([413, 'PAYLOAD_TOO_LARGE']);
    const headers = { 'content-encoding': 'gzip' };
    const zipped = await world.admin.post(path, gzipSync(valid), { headers });
    expect([zipped.status, zipped.body.code]).toEqual([415, 'UNSUPPORTED_MEDIA_TYPE']);
  },
);

it('a body that is missing is named, and one that is not wanted too', async () => {
  for (const path of [TOKENS, '/v1/verify', '/v1/verify/batch', '/v1/quota/consume']) {
    const { status, body } = await world.admin.post(path);
    expect([path, status, body.errors[0].pointer]).toEqual([path, 400, '']);
  }
});

it.each([
  ['token of a number', { token: 1 }, '/token'],
  ['token of null', { token: null }, '/token'],
  ['no token', {}, '/token'],
  ['scopes as text', { token: 'x', scopes: 'a' }, '/scopes'],
  ['a scope in upper case', { token: 'x', scopes: ['A'] }, '/scopes/0'],
  ['a scope of a number', { token: 'x', scopes: [1] }, '/scopes/0'],
  ['101 scopes', { token: 'x', scopes: Array(101).fill('a') }, '/scopes'],
  ['a resource as text', { token: 'x', resource: 'demo' }, '/resource'],
  ['a resource of nobody', { token: 'x', resource: {} }, '/resource/organization'],
  ['an unknown part', { token: 'x', resource: { organization: 'a', org: 'b' } }, '/resource/org'],
  ['a negative cost', { token: 'x', cost: -1 }, '/cost'],
  ['half a unit', { token: 'x', cost: 0.5 }, '/cost'],
  ['a cost of 2^31', { token: 'x', cost: 2 ** 31 }, '/cost'],
  ['a cost as text', { token: 'x', cost: '1' }, '/cost'],
  ['a cost of null', { token: 'x', cost: null }, '/cost'],
  ['an empty operation', { token: 'x', operation: '' }, '/operation'],
  ['an unknown member', { token: 'x', units: 1 }, '/units'],
])('verify refuses %s', async (_name, item, pointer) => {
  const single = await world.admin.post('/v1/verify', item);
  expect(single.status).toBe(400);
  const pointersOf = (errors: { pointer: string }[]) => [...new Set(errors.map((e) => e.pointer))];
  expect(pointersOf(single.body.errors)).toEqual([pointer]);
  const batch = await world.admin.post('/v1/verify/batch', { items: [{ token: 'x' }, item] });
  expect(pointersOf(batch.body.errors)).toEqual([`/items/1${pointer}`]);
});

it('never shows what is inside', async () => {
  const paths = [
    '/v1/orgs/%00/tokens',
    '/v1/orgs/%ff/tokens',
    `/v1/orgs/${'x'.repeat(5000)}/tokens`,
  ];
  for (const path of [...paths, "/v1/orgs/'%20OR%201=1/tokens", '/v1/orgs/__proto__/tokens']) {
    const { status, text } = await world.admin.get(path);
    expect(status).toBeGreaterThanOrEqual(400);
    expect(status).toBeLessThan(500);
    expect(text).not.toMatch(/at \w+|node_modules|SQLITE|Error:|dist\//);
  }
});

it('takes a request id that is harmless, and makes one of its own for others', async () => {
  const idOf = async (id: string) => {
    const { headers } = await world.admin.get('/v1/self', { headers: { 'x-request-id': id } });
    return headers.get('x-request-id');
  };
  expect(await idOf('gateway-0042')).toBe('gateway-0042');
  for (const id of ['short', 'x'.repeat(65), 'with space', 'semi;colon', '<script>']) {
    expect(await idOf(id)).toMatch(/^[0-9a-f-]{36}$/);
  }
});
