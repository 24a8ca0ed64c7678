import { rawRequest } from '../support/raw-request.js';
import { EchoService } from './support/echo-service.js';
import { freePort } from '../support/free-ports.js';
import { askedAgain, bearer, GatewayStack, until } from './support/gateway-stack.js';
import { missingNginx, Nginx } from './support/nginx.js';

const missing = missingNginx();
if (missing !== undefined) it.skip(`nginx in front of the gateway: ${missing}`, () => undefined);

(missing === undefined ? describe : describe.skip)('nginx in front of the gateway', () => {
  let stack: GatewayStack;
  let service: EchoService;
  let nginx: Nginx;

  beforeAll(async () => {
    [stack, service] = await Promise.all([GatewayStack.start(), EchoService.start()]);
    nginx = await Nginx.start(stack.url, service.url);
  });
  afterAll(async () => {
    await nginx?.stop();
    await stack?.close();
    await service?.close();
  });

  const get = (path: string, headers: Record<string, string> = {}): Promise<Response> => {
    return askedAgain(() => fetch(nginx.url + path, { headers }));
  };

  it('lets a token through with who it is, and refuses it once it is revoked', async () => {
    const token = await stack.create({ name: 'café ☕', ownerId: 'ann' });
    const answer = await get('/invoices/7?page=2', bearer(token));
    expect(answer.status).toBe(200);
    const { url, headers } = (await answer.json()) as { url: string; headers: object };
    expect(url).toBe('/invoices/7?page=2');
    expect(headers).toMatchObject({
      'x-token-id': token.id,
      'x-token-name': 'caf%C3%A9%20%E2%98%95',
      'x-token-scopes': 'invoices:read',
      'x-token-owner': 'ann',
    });
    expect(JSON.stringify(headers)).not.toContain(token.secret);

    const { revocationId } = await stack.revoke(token);
    await until(async () => (await get('/invoices/7', bearer(token))).status === 401);
    const path = `/v1/revocations/${revocationId as string}/propagation`;
    await until(async () => {
      const { effective } = await stack.call('GET', path);
      return effective === 1;
    });
    expect(await stack.call('GET', path)).toMatchObject({
      ...{ effective: 1, of: 1, gateways: [{ id: 'test' }] },
    });
  });

  it('refuses an old secret when its grace ends, without being told again', async () => {
    const token = await stack.create();
    expect((await get('/invoices', bearer(token))).status).toBe(200);
    const rotatedAt = performance.now();
    stack.service.clock.set(new Date().toISOString());
    const { secret } = await stack.call('POST', `/v1/orgs/demo/tokens/${token.id}/rotate`, {
      // Longer than a busy machine stands still between two of the calls below.
      graceSeconds: 10,
    });
    expect((await get('/invoices', bearer(token))).status).toBe(200);
    expect((await get('/invoices', { authorization: `Bearer ${String(secret)}` })).status).toBe(
      200,
    );
    // From now on only the gateway's own memory can tell: what it has not learnt, it must ask for.
    stack.service.clock.set(new Date(Date.now() + 60_000).toISOString());
    await until(async () => (await get('/invoices', bearer(token))).status === 401);
    expect(performance.now() - rotatedAt).toBeGreaterThan(5_000);
    expect((await get('/invoices', { authorization: `Bearer ${String(secret)}` })).status).toBe(
      200,
    );
  });

  it('removes identity headers that a client made up, also where nobody is asked who it is', async () => {
    const made = { 'x-token-id': 'me', 'x-token-scopes': 'everything', 'x-token-owner': 'root' };
    const anonymous = (await (await get('/status', made)).json()) as { headers: object };
    const names = Object.keys(anonymous.headers);
    expect(names.filter((name) => name.startsWith('x-token'))).toEqual([]);
    const token = await stack.create();
    const answer = await get('/invoices', { ...bearer(token), ...made });
    const { headers } = (await answer.json()) as { headers: Record<string, string> };
    expect(headers).toMatchObject({ 'x-token-id': token.id, 'x-token-scopes': 'invoices:read' });
    expect(headers).not.toHaveProperty('x-token-owner');
  });

  it('challenges as RFC 6750 says', async () => {
    const nothing = await get('/invoices');
    expect(nothing.status).toBe(401);
    expect(nothing.headers.get('www-authenticate')).toBe('Bearer realm="demo"');
    const unknown = await get('/invoices', { authorization: 'Bearer tl_nobody_has_this_one' });
    expect(unknown.status).toBe(401);
    const challenge = 'Bearer realm="demo", error="invalid_token"';
    expect(unknown.headers.get('www-authenticate')).toBe(challenge);
    const token = await stack.create();
    const headers = bearer(token);
    const forbidden = await fetch(`${nginx.url}/invoices`, { method: 'POST', headers });
    expect(forbidden.status).toBe(403);
    expect(forbidden.headers.get('www-authenticate')).toBe(
      'Bearer realm="demo", error="insufficient_scope", scope="invoices:write"',
    );
  });

  it('refuses what no route allows', async () => {
    expect((await get('/elsewhere', bearer(await stack.create()))).status).toBe(403);
  });

  it('says 429 and when to come back', async () => {
    const token = await stack.create({ maxQuota: 3 });
    expect((await get('/exact/a', bearer(token))).status).toBe(200);
    const spent = await get('/exact/a', bearer(token));
    expect(spent.status).toBe(429);
    expect(Number(spent.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(spent.headers.get('ratelimit-policy')).toBe('"quota";q=3');
    expect(spent.headers.get('ratelimit')).toMatch(/^"quota";r=\d+;t=\d+$/);
  });

  it('says 400 to paths that can be read in two ways, and to two credentials', async () => {
    const { secret } = await stack.create();
    const ask = (target: string, more = ''): Promise<string> =>
      rawRequest(
        nginx.url,
        `GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: Bearer ${secret}\r\n${more}\r\n`,
      );
    for (const target of [
      '/any/%2e%2e/x',
      '/any/..%2Fstatus',
      '/any//x',
      '/any/x;y',
      '/any/%5cx',
    ]) {
      expect(await ask(target)).toMatch(/^HTTP\/1.1 400/);
    }
    expect(await ask('/any/x', 'X-API-Key: tl_something_else\r\n')).toMatch(/^HTTP\/1.1 400/);
    expect(await ask('/any/x')).toMatch(/^HTTP\/1.1 200/);
  });

  it.each([403, 429, 500, 503])("leaves the service's own %p alone", async (status) => {
    const answer = await get(`/any/answer-${status}`, bearer(await stack.create()));
    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toBe('application/json');
  });

  it('says 503 when there is no gateway, and lets nobody in', async () => {
    const alone = await Nginx.start(`http://127.0.0.1:${await freePort()}`, service.url);
    const answer = await fetch(`${alone.url}/status`);
    expect(answer.status).toBe(503);
    await alone.stop();
  });

  it('says 503 when the ledger is gone, except to whom the gateway remembers', async () => {
    const own = await GatewayStack.start({ GATEWAY_ID: 'own' });
    const front = await Nginx.start(own.url, service.url);
    const [known, unknown] = [await own.create(), await own.create()];
    const ask = (headers: Record<string, string>) => fetch(`${front.url}/invoices`, { headers });
    expect((await askedAgain(() => ask(bearer(known)))).status).toBe(200);
    await own.service.close();
    expect((await ask(bearer(known))).status).toBe(200);
    const refused = await ask(bearer(unknown));
    expect(refused.status).toBe(503);
    expect(refused.headers.get('retry-after')).toBe('1');
    await front.stop();
    await own.gateway.stop();
  });
});
