import { rawRequest } from '../support/raw-request.js';
import { ALL_SCOPES, SocmateWorld } from '../support/socmate-world.js';
import type { SocmateClient } from '../support/socmate-client.js';

let world: SocmateWorld;
/** A client for each scope, whose key holds that scope alone. */
const clients = new Map<string, SocmateClient>();
let strong: SocmateClient;

beforeAll(async () => {
  world = await SocmateWorld.start();
  for (const scope of ALL_SCOPES) {
    clients.set(scope, world.key((await world.admin.create({ scopes: [scope] })).api_key));
  }
  strong = world.key((await world.admin.create({ scopes: ALL_SCOPES })).api_key);
});
afterAll(() => world.close());

const ROUTES: readonly [string, string, string][] = [
  ['GET', '/api/v1/sessions/s1', 'investigations:read'],
  ['GET', '/api/v1/sessions/s1/message', 'investigations:read'],
  ['GET', '/api/v1/investigations/i1', 'investigations:read'],
  ['GET', '/api/v1/investigations/i1/notes/2', 'investigations:read'],
  ['GET', '/api/v1/investigations/start', 'investigations:read'],
  ['HEAD', '/api/v1/investigations/i1', 'investigations:read'],
  ['POST', '/api/v1/investigations/start', 'investigations:write'],
  ['POST', '/api/v1/sessions/s1/message', 'investigations:write'],
  ['POST', '/api/v1/sessions/s1/part/message', 'investigations:write'],
  ['GET', '/api/v1/incidents', 'incidents:read'],
  ['GET', '/api/v1/incidents?status=open', 'incidents:read'],
  ['GET', '/api/v1/incidents/7', 'incidents:read'],
  ['GET', '/api/v1/search', 'search:read'],
  ['GET', '/api/v1/search?q=ransomware', 'search:read'],
  ['GET', '/api/v1/search/saved', 'search:read'],
  ['GET', '/api/v1/graph/node', 'graph:read'],
];

describe.each(ROUTES)('%s %s', (method, path, scope) => {
  it(`M14: opens to ${scope}, and to no other scope`, async () => {
    const { status, body } = await clients.get(scope)!.send(method, path);
    expect(status).toBe(200);
    if (method !== 'HEAD') expect(body).toEqual({ items: [], total: 0 });
    for (const other of ALL_SCOPES.filter((each) => each !== scope)) {
      const refused = await clients.get(other)!.send(method, path);
      expect(refused.status).toBe(403);
      if (method === 'HEAD') continue;
      const detail = `API key does not have the required scope: ${scope}`;
      expect(refused.text).toBe(JSON.stringify({ detail }));
    }
  });
});

describe('what the table does not name', () => {
  it.each([
    ['GET', '/api/v1/sessions', 404],
    ['GET', '/api/v1/sessions/', 404],
    ['GET', '/api/v1/incidents/', 404],
    ['GET', '/api/v1/incidents//7', 404],
    ['GET', '/api/v1/INCIDENTS', 404],
    ['GET', '/api/v1/incidentsx', 404],
    ['GET', '/api/v1/graph', 404],
    ['GET', '/api/v1/', 404],
    ['OPTIONS', '/api/v1/users', 404],
    ['GET', '/api/v2/incidents', 404],
    ['POST', '/api/v1/investigations/i1', 405],
    ['DELETE', '/api/v1/incidents/7', 405],
    ['POST', '/api/v1/search', 405],
    ['PUT', '/api/v1/sessions/s1/message', 405],
    ['OPTIONS', '/api/v1/incidents', 405],
  ])('is refused before anyone is asked who calls: %s %s', async (method, path, status) => {
    const detail = status === 404 ? 'Not Found' : 'Method Not Allowed';
    for (const client of [world.nobody, strong, world.admin]) {
      const answer = await client.send(method, path);
      expect([answer.status, answer.body]).toEqual([status, { detail }]);
    }
  });

  it('is told which methods a path has', async () => {
    const allowOf = async (path: string) =>
      (await strong.send('DELETE', path)).headers.get('allow');
    expect(await allowOf('/api/v1/sessions/s1/message')).toBe('GET, POST');
    expect(await allowOf('/api/v1/incidents')).toBe('GET');
  });
});

/** Paths that some proxy or server would take for another route than the one that opens them. */
const AMBIGUOUS = [
  ...['/api/v1/incidents/../graph/x', '/api/v1/incidents/%2e%2e/graph/x'],
  ...['/api/v1/incidents/.%2E/graph/x', '/api/v1/incidents/..%2fgraph%2fx'],
  ...['/api/v1/incidents/..\\graph\\x', '/api/v1/incidents/%5c..%5cgraph'],
  ...['/api/v1/incidents/..;/graph/x', '/api/v1/incidents/./7', '/api/v1/incidents/%00'],
  ...['/api/v1/incidents/a%2Fb', '/api/v1/incidents/7#/x', '/api/v1/incidents/%0d%0a'],
  ...['//api/v1/incidents', '/api/v1//incidents', '/api/v1/incidents/%zz'],
];

describe('a path that could mean another', () => {
  it.each(AMBIGUOUS)('passes for nobody: %s', async (path) => {
    const { api_key: secret } = await world.admin.create({ scopes: ALL_SCOPES });
    const answer = await rawRequest(
      world.service.url,
      `GET ${path} HTTP/1.1\r\nhost: x\r\nx-api-key: ${secret}\r\nconnection: close\r\n\r\n`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 (?:400|404|422) /);
    const asked = await world
      .key(secret)
      .send('GET', '/internal/authorize', { headers: { 'x-forwarded-uri': path } });
    expect(asked.status).toBe(403);
  });
});

describe('asking on behalf of a proxy', () => {
  const ask = (client: SocmateClient, method: string | null, uri: string | null) =>
    client.send('GET', '/internal/authorize', {
      headers: {
        ...(method === null ? {} : { 'x-forwarded-method': method }),
        ...(uri === null ? {} : { 'x-forwarded-uri': uri }),
      },
    });

  it.each(ROUTES)('answers for %s %s as the route itself would', async (method, path, scope) => {
    const allowed = await ask(clients.get(scope)!, method, path);
    expect([allowed.status, allowed.text]).toEqual([204, '']);
    const other = scope === 'graph:read' ? 'search:read' : 'graph:read';
    const { status, body } = await ask(clients.get(other)!, method.toLowerCase(), path);
    const detail = `API key does not have the required scope: ${scope}`;
    expect([status, body]).toEqual([403, { detail }]);
    expect((await ask(world.nobody, method, path)).status).toBe(401);
    expect((await ask(world.key('x'), method, path)).status).toBe(401);
    expect((await ask(world.admin, method, path)).status).toBe(204);
  });

  it('takes GET for the method where none is named', async () => {
    expect((await ask(strong, null, '/api/v1/incidents')).status).toBe(204);
  });

  it.each([
    ['GET', '/api/v1/users'],
    ['DELETE', '/api/v1/incidents'],
    ['GET', '/api/admin/api-keys'],
    ['GET', 'http://x/api/v1/incidents'],
    ['GET', ''],
    ['GET', null],
  ])('lets nothing pass that is in no table: %s %s', async (method, uri) => {
    for (const client of [strong, world.admin]) {
      expect((await ask(client, method, uri)).status).toBe(403);
    }
  });

  it('counts as a use of the key', async () => {
    const { api_key: secret, key_id: keyId } = await world.admin.create();
    await ask(world.key(secret), 'GET', '/api/v1/incidents');
    await world.settled();
    expect((await world.admin.listed(keyId)).last_used_at).not.toBeNull();
  });
});
