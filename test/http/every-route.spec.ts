import { checkErrorShape, ServedRoutes, type Answered, type ServedRoute } from './served-routes.js';

let served: ServedRoutes;
beforeAll(async () => {
  served = await ServedRoutes.start();
});
afterAll(() => served.service.close());

/** What needs no credential, each because it tells nothing of anyone. */
const OPEN = [
  ...['/health/live', '/health/startup', '/health/ready', '/metrics'],
  ...['/openapi.json', '/docs', '/docs/:asset', '/problems/:code'],
];
const guarded = (): readonly ServedRoute[] => served.all.filter(({ url }) => !OPEN.includes(url));

/** Sends one request to every guarded route; each must be refused in its dialect's shape, and leave nothing. */
async function refusedEverywhere(
  ask: (route: ServedRoute) => Promise<Answered>,
  statuses: readonly number[],
  shapeOf: (route: ServedRoute) => string | null = ({ path }) => path,
): Promise<void> {
  const types = await served.recorded(async () => {
    for (const route of guarded()) {
      const answer = await ask(route);
      if (!statuses.includes(answer.status)) {
        throw new Error(`${route.method} ${route.url} answered ${answer.text.slice(0, 300)}`);
      }
      if (route.method !== 'HEAD') checkErrorShape(shapeOf(route), answer);
    }
  });
  expect(types).toEqual([]);
}

const basic = (text: string): string => Buffer.from(text, 'latin1').toString('base64');
const UNKNOWN = `tl_${'0'.repeat(30)}2C8GjS`;

/** Credentials that are none, in every form that a client, a proxy or an attacker may give them. */
const CREDENTIALS: readonly [string, readonly string[]][] = [
  ['nothing', []],
  ['an empty header', ['Authorization: ']],
  ['a scheme alone', ['Authorization: Bearer']],
  ['a scheme and blanks', ['Authorization: Bearer    ']],
  ['no scheme', [`Authorization: ${UNKNOWN}`]],
  ['an unknown scheme', ['Authorization: Digest username="x"']],
  ['Negotiate', ['Authorization: Negotiate YII=']],
  ['a word', ['Authorization: Bearer x']],
  ['null', ['Authorization: Bearer null']],
  ['undefined', ['Authorization: Bearer undefined']],
  ['__proto__', ['Authorization: Bearer __proto__']],
  ['constructor', ['Authorization: Bearer constructor']],
  ['a JSON object', ['Authorization: Bearer {"alg":"none"}']],
  ['an unsigned JWT', ['Authorization: Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9.']],
  ['a good form of an unknown secret', [`Authorization: Bearer ${UNKNOWN}`]],
  ['a wrong checksum', [`Authorization: Bearer ${UNKNOWN.slice(0, -1)}T`]],
  ['a secret and a comma', [`Authorization: Bearer ${UNKNOWN},`]],
  ['a secret with a tail', [`Authorization: Bearer ${UNKNOWN} x`]],
  ['a tab before it', [`Authorization: Bearer\t${UNKNOWN}`]],
  ['8,000 characters', [`Authorization: Bearer ${'x'.repeat(8_000)}`]],
  ['letters beyond ASCII', ['Authorization: Bearer \u00fc\u00ff\u0080']],
  ['Basic of nothing', ['Authorization: Basic ']],
  ['Basic that is no base64', ['Authorization: Basic %%%']],
  ['Basic of a colon', [`Authorization: Basic ${basic(':')}`]],
  ['Basic with the secret as password', [`Authorization: Basic ${basic(`x:${UNKNOWN}`)}`]],
  ['Basic of zero bytes', [`Authorization: Basic ${basic('\0\0')}`]],
  ['Basic of bytes beyond UTF-8', [`Authorization: Basic ${basic('\u00c3\u0028:')}`]],
  ['Basic with a broken escape', [`Authorization: Basic ${basic('%zz:')}`]],
  ['two lines', [`Authorization: Bearer ${UNKNOWN}`, 'Authorization: Basic eDo=']],
  ['a cookie', [`Cookie: token=${UNKNOWN}; session=${UNKNOWN}`]],
  ['an unknown key', ['X-Api-Key: sk_live_unknown']],
  ['an empty key', ['X-Api-Key: ']],
  ['a key of hostile words', ["X-Api-Key: ' OR 1=1 --"]],
  ['headers of a trusting proxy', ['X-Forwarded-User: admin', 'X-Remote-User: admin']],
  ['an overriding method', ['X-HTTP-Method-Override: GET', 'X-Original-URL: /health/live']],
];

describe('every route of every dialect', () => {
  it('is known here', () => {
    const prefixes = ['/v1/', '/v0/', '/api/admin/api-keys', '/api/v1/', '/internal/', '/health/'];
    for (const prefix of prefixes) {
      expect(served.all.some(({ url }) => url.startsWith(prefix))).toBe(true);
    }
    expect(served.all.length).toBeGreaterThan(60);
  });

  it('asks for a credential, unless it is one of the few that are open (A1)', async () => {
    for (const route of guarded().filter(({ url }) => url !== '/api/v1/*')) {
      const { status } = await served.send(route);
      expect([route.method, route.url, status]).toEqual([route.method, route.url, 401]);
    }
  });

  // The gate of the data routes knows 404 and 405 before it asks who calls.
  it.each(CREDENTIALS)('refuses %s', async (_name, headers) => {
    await refusedEverywhere(
      (route) => served.send(route, { headers }),
      headers.length > 1 ? [400, 401, 405] : [401, 405],
    );
  });

  it('takes no credential from the query (S12)', async () => {
    const { admin } = served.service;
    for (const name of ['access_token', 'token', 'api_key', 'authorization']) {
      await refusedEverywhere(
        ({ method, path }) => served.send({ method, path: `${path}?${name}=${admin}` }),
        [401, 405],
      );
    }
  });

  it.each(SPELLINGS())(
    'is not reached by another spelling of its path: %s (A2)',
    async (_name, spell) => {
      await refusedEverywhere(
        ({ method, path }) => served.send({ method, path: spell(path) }),
        [400, 401, 403, 404, 405, 422],
        // Whose words are used for a path that is nobody's is not promised.
        () => null,
      );
    },
  );
});

/** Ways in which a proxy, a router or a file system might take one path for another. */
function SPELLINGS(): readonly [string, (path: string) => string][] {
  const last = (path: string) => path.lastIndexOf('/') + 1;
  const insert = (path: string, at: number, text: string) =>
    path.slice(0, at) + text + path.slice(at);
  const hex = (text: string) => `%${text.charCodeAt(0).toString(16)}`;
  return [
    ['two slashes first', (path) => `/${path}`],
    ['two slashes inside', (path) => insert(path, last(path), '/')],
    ['a slash at the end', (path) => `${path}/`],
    ['two slashes at the end', (path) => `${path}//`],
    ['capital letters', (path) => path.toUpperCase()],
    ['a capital letter', (path) => path[0] + path[1]!.toUpperCase() + path.slice(2)],
    ['an escaped letter', (path) => `/${hex(path[1]!)}${path.slice(2)}`],
    ['an escaped last letter', (path) => path.slice(0, -1) + hex(path.at(-1)!)],
    ['an escaped slash', (path) => insert(path, last(path), '').replace(/\/([^/]*)$/, '%2f$1')],
    ['a slash escaped twice', (path) => path.replace(/\/([^/]*)$/, '%252f$1')],
    ['a backslash', (path) => path.replace(/\/([^/]*)$/, '\\$1')],
    ['an escaped backslash', (path) => path.replace(/\/([^/]*)$/, '%5c$1')],
    ['a parameter', (path) => `${path};x`],
    ['a parameter inside', (path) => insert(path, last(path) - 1, ';x')],
    ['a session', (path) => `${path};jsessionid=1`],
    ['a dot', (path) => insert(path, last(path), './')],
    ['an escaped dot', (path) => insert(path, last(path), '%2e/')],
    ['up and down again', (path) => insert(path, last(path), 'x/../')],
    ['up and down, escaped', (path) => insert(path, last(path), 'x/%2e%2e/')],
    ['up from what is open', (path) => `/health/live/..${path}`],
    ['up from what is open, twice', (path) => `/health/live/../..${path}`],
    ['up from what is open, escaped', (path) => `/docs/%2e%2e${path}`],
    ['up from what is open, as one part', (path) => `/docs/..%2f${path.slice(1)}`],
    ['a dot at the end', (path) => `${path}.`],
    ['an ending', (path) => `${path}.json`],
    ['an ending of a picture', (path) => `${path}.css`],
    ['a zero byte', (path) => `${path}%00`],
    ['a zero byte and an ending', (path) => `${path}%00.css`],
    ['a blank', (path) => `${path}%20`],
    ['a line end', (path) => `${path}%0d%0a`],
    ['a tab', (path) => `${path}%09`],
    ['a question mark, escaped', (path) => `${path}%3fx`],
    ['a hash', (path) => `${path}%23x`],
    ['overlong UTF-8', (path) => path.replace(/\/([^/]*)$/, '%c0%af$1')],
    ['full width letters', (path) => `${path}%ef%bc%8f`],
    ['a broken escape', (path) => `${path}%`],
    ['another broken escape', (path) => `${path}%zz`],
    ['the absolute form', (path) => `http://x${path}`],
    ['the absolute form of another host', (path) => `http://localhost:1${path}`],
    ['the absolute form with a user', (path) => `http://admin:admin@x${path}`],
    ['an open path first', (path) => `/openapi.json${path}`],
  ];
}

describe('a method that no route declares (H10)', () => {
  it.each(['TRACE', 'PROPFIND', 'LINK', 'SEARCH', 'MKCOL'])('%s meets none', async (method) => {
    await refusedEverywhere(
      ({ path }) => served.send({ method, path }),
      [400, 401, 404, 405, 422],
      () => null,
    );
  });

  it('runs the guard of GET for HEAD', async () => {
    const reads = guarded().filter(({ method }) => method === 'HEAD');
    expect(reads.length).toBeGreaterThan(15);
    for (const route of reads) expect((await served.send(route)).body).toBe('');
  });
});

describe('with a good credential', () => {
  // Calls of the Socket dialect cost quota: each test has a window of its own.
  beforeEach(() => served.service.clock.advance(32 * 24 * 3_600_000));

  const TYPES = [
    ...['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x'],
    ...['application/json\t', 'application/json; charset=latin1', 'application/json;'],
    ...['application/json,text/plain', 'application/jsonp', 'application/vnd.x+json', 'json'],
    ...['\u00e4', '*/*', 'application/json; charset=utf-8; x=1', 'application/json x', ''],
  ];
  const writes = (): readonly ServedRoute[] =>
    guarded().filter(
      ({ method, url }) => ['POST', 'PUT', 'PATCH'].includes(method) && url !== '/api/v1/*',
    );

  it.each(TYPES)(
    'a body of the type %j is refused, or read by the rules of its route (H4)',
    async (type) => {
      const headers = [`Authorization: Bearer ${served.service.admin}`, `Content-Type: ${type}`];
      for (const route of writes()) {
        const answer = await served.send(route, {
          headers,
          body: '{"scopes":["*"],"isAdmin":true}',
        });
        expect([route.url, answer.status]).toEqual([route.url, expect.any(Number)]);
        // Whoever reads it all the same finds it incomplete: no route takes this body.
        expect(NOTHING_DONE).toContain(answer.status);
        checkErrorShape(route.path, answer);
      }
    },
  );

  it.each([
    ['text', 'x'.repeat(100)],
    ['a body above 64 KiB', `{"name":"${'x'.repeat(70_000)}"}`],
    ['lists, 5000 deep', `${'['.repeat(5_000)}${']'.repeat(5_000)}`],
    ['objects, 5000 deep', `${'{"name":'.repeat(5_000)}1${'}'.repeat(5_000)}`],
    ['__proto__', '{"__proto__":{"isAdmin":true}}'],
    ['constructor', '{"constructor":{"prototype":{"isAdmin":true}}}'],
    ['null', 'null'],
    ['zero bytes', '{"name":"\0"}'],
    ['a byte order mark', '\ufeff{}'],
  ])('%s is no body of any route (H1-H3)', async (_name, body) => {
    const headers = [
      `Authorization: Bearer ${served.service.admin}`,
      'Content-Type: application/json',
    ];
    for (const route of writes()) {
      const answer = await served.send(route, { headers, body });
      expect([route.url, NOTHING_DONE.includes(answer.status)]).toEqual([route.url, true]);
      checkErrorShape(route.path, answer);
    }
    expect(({} as { isAdmin?: unknown }).isAdmin).toBeUndefined();
  });

  it('every answer is kept out of caches (S11)', async () => {
    const headers = [`Authorization: Bearer ${served.service.admin}`];
    const reads = served.all.filter(
      // What is followed never ends, and is tested with what follows it.
      ({ method, url }) =>
        method === 'GET' && !url.startsWith('/docs') && url !== '/v1/invalidations',
    );
    for (const route of reads) {
      // An answer that never ends says the same to HEAD.
      const method = route.url === '/v1/invalidations' ? 'HEAD' : 'GET';
      const answer = await served.send({ ...route, method }, { headers });
      expect([route.url, answer.headers.get('cache-control')]).toEqual([route.url, 'no-store']);
      expect(answer.status).toBeLessThan(500);
    }
  });
});

/** The statuses of a request that was refused. 404 where the thing in its path is not there. */
const NOTHING_DONE = [400, 401, 403, 404, 405, 409, 413, 415, 422];
