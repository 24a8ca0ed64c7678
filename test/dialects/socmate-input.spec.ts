import { gzipSync } from 'node:zlib';
import { ADMIN_KEYS, type SocmateRequest } from '../support/socmate-client.js';
import { SocmateWorld } from '../support/socmate-world.js';

let world: SocmateWorld;
let rotatePath: string;

beforeAll(async () => {
  world = await SocmateWorld.start();
  const { key_id: keyId } = await world.admin.create();
  rotatePath = `${ADMIN_KEYS}/${keyId}/rotate`;
});
afterAll(() => world.close());

const valid = { name: 'n', scopes: ['incidents:read'] };
const PERMITTED =
  "unexpected value; permitted: 'investigations:read', 'investigations:write', 'incidents:read', " +
  "'search:read', 'graph:read'";
const MISSING = ['field required', 'value_error.missing'];
const NO_INTEGER = ['value is not a valid integer', 'type_error.integer'];
const NO_TEXT = ['str type expected', 'type_error.str'];
const NULL = ['none is not an allowed value', 'type_error.none.not_allowed'];
const NO_SCOPE = [PERMITTED, 'value_error.const'];
const CONTROLS = ['control characters are not allowed', 'value_error.str.regex'];
const least = (bound: number) => [
  `ensure this value is greater than or equal to ${bound}`,
  'value_error.number.not_ge',
];
const most = (bound: number) => [
  `ensure this value is less than or equal to ${bound}`,
  'value_error.number.not_le',
];
const tooLong = (bound: number) => [
  `ensure this value has at most ${bound} characters`,
  'value_error.any_str.max_length',
];
const BLANK = ['ensure this value has at least 1 characters', 'value_error.any_str.min_length'];

/** Refused with 422 for this one reason, and nothing recorded. */
async function expectFault(
  method: string,
  path: string,
  request: SocmateRequest,
  loc: readonly unknown[],
  [msg, type]: readonly string[],
): Promise<void> {
  const types = await world.recordedTypes(async () => {
    const { status, body } = await world.admin.send(method, path, request);
    expect([status, body]).toEqual([422, { detail: [{ loc, msg, type }] }]);
  });
  expect(types).toEqual([]);
}

describe('creating a key', () => {
  it.each<[string, object, readonly string[]]>([
    ['name', { name: undefined }, MISSING],
    ['name', { name: null }, NULL],
    ['name', { name: 5 }, NO_TEXT],
    ['name', { name: ['n'] }, NO_TEXT],
    ['name', { name: {} }, NO_TEXT],
    ['name', { name: '' }, BLANK],
    ['name', { name: ' \t\u00a0 ' }, BLANK],
    ['name', { name: 'n'.repeat(101) }, tooLong(100)],
    ['name', { name: 'a\u0000b' }, CONTROLS],
    ['name', { name: 'a\nb' }, CONTROLS],
    ['name', { name: 'a\u202eb' }, CONTROLS],
    ['name', { name: 'a\ud83d' }, CONTROLS],
    ['description', { description: 5 }, NO_TEXT],
    ['description', { description: 'd'.repeat(501) }, tooLong(500)],
    ['description', { description: 'a\u0000b' }, CONTROLS],
    ['scopes', { scopes: undefined }, MISSING],
    ['scopes', { scopes: null }, NULL],
    ['scopes', { scopes: 'incidents:read' }, ['value is not a valid list', 'type_error.list']],
    ['scopes', { scopes: {} }, ['value is not a valid list', 'type_error.list']],
    [
      'scopes',
      { scopes: [] },
      ['ensure this value has at least 1 items', 'value_error.list.min_items'],
    ],
    ['scopes', { scopes: ['incidents:write'] }, NO_SCOPE],
    ['scopes', { scopes: ['incidents'] }, NO_SCOPE],
    ['scopes', { scopes: ['*'] }, NO_SCOPE],
    ['scopes', { scopes: ['incidents:read', 5] }, NO_SCOPE],
    ['scopes', { scopes: [['incidents:read']] }, NO_SCOPE],
    ['expires_in_days', { expires_in_days: 0 }, least(1)],
    ['expires_in_days', { expires_in_days: -1 }, least(1)],
    ['expires_in_days', { expires_in_days: 3651 }, most(3650)],
    ['expires_in_days', { expires_in_days: 1.5 }, NO_INTEGER],
    ['expires_in_days', { expires_in_days: '365' }, NO_INTEGER],
    ['expires_in_days', { expires_in_days: true }, NO_INTEGER],
    ['expires_in_days', { expires_in_days: [1] }, NO_INTEGER],
  ])('M11, M13: refuses %s of %j', async (field, change, fault) => {
    const body = { ...valid, ...change };
    await expectFault('POST', ADMIN_KEYS, { body }, ['body', field], fault);
  });

  it('tells everything that is wrong at once, one fault a member', async () => {
    const body = { name: '', description: 1, scopes: [], expires_in_days: 0 };
    const { body: told } = await world.admin.send('POST', ADMIN_KEYS, { body });
    const places = told.detail.map(({ loc }: { loc: string[] }) => loc.join('.'));
    expect(places).toEqual([
      'body.name',
      'body.description',
      'body.scopes',
      'body.expires_in_days',
    ]);
  });

  it.each([
    ['100 characters and blanks around', { name: ` ${'n'.repeat(100)} ` }],
    ['100 characters beyond the basic plane', { name: '😀'.repeat(100) }],
    ['lines in the description', { description: 'a\n\tb\r\n' }],
    ['no description', { description: null }],
    ['3650 days', { expires_in_days: 3650 }],
    ['a whole number written with a fraction', { expires_in_days: 1.0 }],
  ])('takes %s', async (_name, change) => {
    expect(
      (await world.admin.send('POST', ADMIN_KEYS, { body: { ...valid, ...change } })).status,
    ).toBe(201);
  });

  it('composes what can be written in two ways', async () => {
    expect((await world.admin.create({ name: 'u\u0308' })).name).toBe('\u00fc');
  });
});

describe('rotating a key', () => {
  it.each<[string, unknown, readonly string[]]>([
    ['grace_period_days', -1, least(0)],
    ['grace_period_days', 366, most(365)],
    ['grace_period_days', '7', NO_INTEGER],
    ['grace_period_days', 1.5, NO_INTEGER],
    ['grace_period_days', false, NO_INTEGER],
    ['expires_in_days', 0, least(1)],
    ['expires_in_days', 3651, most(3650)],
  ])('M11: refuses %s of %j', async (field, value, fault) => {
    await expectFault('POST', rotatePath, { body: { [field]: value } }, ['body', field], fault);
  });

  it('refuses what is wrong before it looks for the key', async () => {
    const path = `${ADMIN_KEYS}/k_unknown/rotate`;
    const body = { grace_period_days: -1 };
    await expectFault('POST', path, { body }, ['body', 'grace_period_days'], least(0));
  });
});

describe('the list', () => {
  it.each<[string, string, readonly string[]]>([
    ['limit', '0', least(1)],
    ['limit', '-1', least(1)],
    ['limit', '101', most(100)],
    ['limit', '', NO_INTEGER],
    ['limit', 'ten', NO_INTEGER],
    ['limit', '1.0', NO_INTEGER],
    ['limit', '1e1', NO_INTEGER],
    ['limit', '1&limit=2', NO_INTEGER],
    ['offset', '-1', least(0)],
    ['offset', '9'.repeat(16), NO_INTEGER],
    ['offset', 'x', NO_INTEGER],
    ['search', 'a&search=b', NO_TEXT],
    ['search', 'x'.repeat(501), tooLong(500)],
  ])('refuses %s=%s', async (name, value, fault) => {
    await expectFault('GET', `${ADMIN_KEYS}?${name}=${value}`, {}, ['query', name], fault);
  });

  it.each([
    'limit=1',
    'limit=100',
    'offset=0',
    'limit[]=1',
    '__proto__=1&constructor=2',
    'search=%00',
  ])('takes %s', async (query) => {
    expect((await world.admin.send('GET', `${ADMIN_KEYS}?${query}`)).status).toBe(200);
  });
});

describe('a body', () => {
  const text = JSON.stringify(valid);
  const withMember = (member: string) => `${text.slice(0, -1)},${member}}`;
  const bodies: readonly [string, string | Uint8Array][] = [
    ['that ends too soon', '{'],
    ['of form fields', 'name=n&scopes=incidents:read'],
    ['of two values', `${text}${text}`],
    ['with NaN', withMember('"expires_in_days":NaN')],
    ['after a byte order mark', `\ufeff${text}`],
    ['in UTF-16', Buffer.from(text, 'utf16le')],
    ['of invalid UTF-8', Buffer.from([...Buffer.from(text.slice(0, -1)), 0xc3, 0x28])],
    ['5000 lists deep', `{"a":${'['.repeat(5000)}${']'.repeat(5000)}}`],
    ['with a key twice', withMember('"name":"m"')],
    ['with a key twice, once escaped', withMember('"n\\u0061me":"m"')],
    ['with __proto__', withMember('"__proto__":{"admin":true}')],
    ['with constructor', withMember('"constructor":{"prototype":{"admin":true}}')],
    ['of 101 keys', `{${Array.from({ length: 101 }, (_, i) => `"k${i}":1`).join()}}`],
    ['of 501 scopes', JSON.stringify({ ...valid, scopes: Array(501).fill('incidents:read') })],
  ];

  it.each(bodies)('%s is no JSON to this service: 422, and fast', async (_name, body) => {
    for (const path of [ADMIN_KEYS, rotatePath]) {
      const types = await world.recordedTypes(async () => {
        const { status, body: told } = await world.admin.send('POST', path, { body });
        expect([status, told.detail]).toEqual([
          422,
          [{ loc: ['body'], msg: expect.any(String), type: 'value_error.jsondecode' }],
        ]);
      });
      expect(types).toEqual([]);
    }
  });

  it.each(['[]', '"text"', '5', 'true'])('of %s is no object', async (body) => {
    const fault = ['value is not a valid dict', 'type_error.dict'];
    for (const path of [ADMIN_KEYS, rotatePath]) {
      await expectFault('POST', path, { body }, ['body'], fault);
    }
  });

  it('is required where something must be said', async () => {
    await expectFault('POST', ADMIN_KEYS, {}, ['body'], MISSING);
    await expectFault('POST', ADMIN_KEYS, { body: '' }, ['body'], MISSING);
    const isNull = ['value is not a valid dict', 'type_error.dict'];
    await expectFault('POST', ADMIN_KEYS, { body: 'null' }, ['body'], isNull);
  });

  it.each(['', 'text/plain', 'application/json\t', 'application/xml', 'multipart/form-data'])(
    'is read as JSON whatever its type says, and by all rules: "%s"',
    async (type) => {
      const headers = type === '' ? {} : { 'content-type': type };
      const sent = { body: Buffer.from(text), headers };
      expect((await world.admin.send('POST', ADMIN_KEYS, sent)).status).toBe(201);
      const body = Buffer.from('{"name":5,"scopes":["*"]}');
      expect((await world.admin.send('POST', ADMIN_KEYS, { body, headers })).status).toBe(422);
    },
  );

  it('is at most 64 KiB, and never compressed', async () => {
    const large = await world.admin.send('POST', ADMIN_KEYS, { body: text.padEnd(65_537, ' ') });
    expect([large.status, large.body]).toEqual([413, { detail: 'Request body is too large' }]);
    const headers = { 'content-encoding': 'gzip' };
    const zipped = await world.admin.send('POST', ADMIN_KEYS, { body: gzipSync(text), headers });
    expect([zipped.status, typeof zipped.body.detail]).toEqual([415, 'string']);
  });

  it('changes nothing that later requests see', () => {
    expect(({} as Record<string, unknown>)['admin']).toBeUndefined();
  });
});

describe('a path', () => {
  it.each([
    ['GET', '/api', 404, null],
    ['GET', '/api/', 404, null],
    ['GET', '/api/admin', 404, null],
    ['GET', '/api/admin/api-keys/', 404, null],
    ['POST', '/api/admin/api-keys/k_abc123', 405, 'DELETE'],
    ['GET', '/api/admin/api-keys/k_abc123', 405, 'DELETE'],
    ['GET', '/api/admin/api-keys/k_abc123/rotate', 405, 'POST'],
    ['PUT', '/api/admin/api-keys', 405, 'POST, HEAD, GET'],
    ['DELETE', '/api/admin/api-keys', 405, 'POST, HEAD, GET'],
    ['OPTIONS', '/api/admin/api-keys', 405, 'POST, HEAD, GET'],
    ['POST', '/api/admin/api-keys/a/b/rotate', 404, null],
    ['POST', `/api/admin/api-keys/${'x'.repeat(600)}/rotate`, 404, null],
  ] as const)('%s %s answers in the shape of the dialect', async (method, path, status, allow) => {
    const answer = await world.nobody.send(method, path);
    const text = status === 404 ? 'Not Found' : 'Method Not Allowed';
    expect([answer.status, answer.body]).toEqual([status, { detail: text }]);
    const sorted = (list: string | null) => list?.split(', ').sort();
    expect(sorted(answer.headers.get('allow'))).toEqual(sorted(allow));
  });

  it('answers a malformed one in the shape of the dialect', async () => {
    const { status } = await world.nobody.send('GET', '/api/admin/%E0%A4%A');
    expect(status).toBe(422);
  });
});
