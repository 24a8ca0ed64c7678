import { rawRequest } from '../support/raw-request.js';
import { bearer, GatewayStack, until, type IssuedToken } from './support/gateway-stack.js';

describe('forward-auth', () => {
  let stack: GatewayStack;
  let token: IssuedToken;

  beforeAll(async () => {
    stack = await GatewayStack.start();
    token = await stack.create({ name: 'line\u00adbreak, 100%', ownerId: 'ann@demo.invalid' });
  });
  afterAll(() => stack?.close());

  it.each([
    ['nginx', '/auth/nginx', { 'x-original-method': 'GET', 'x-original-uri': '/invoices/1' }],
    [
      ...(['Traefik', '/auth/traefik'] as const),
      { 'x-forwarded-method': 'GET', 'x-forwarded-uri': '/invoices/1?x=/../y' },
    ],
    ['Envoy', '/auth/envoy/invoices/1', {}],
  ])('answers %s', async (_proxy, path, headers) => {
    const answer = await fetch(stack.url + path, { headers: { ...headers, ...bearer(token) } });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('x-token-id')).toBe(token.id);
    expect(answer.headers.get('x-token-name')).toBe('line%C2%ADbreak,%20100%25');
    expect(answer.headers.get('x-token-owner')).toBe('ann@demo.invalid');
    expect(answer.headers.get('x-token-scopes')).toBe('invoices:read');
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(await answer.text()).toBe('');
  });

  it('answers a question that comes with a body as it would without', async () => {
    const headers = { 'x-original-method': 'GET', 'x-original-uri': '/invoices', ...bearer(token) };
    const url = `${stack.url}/auth/nginx`;
    const [plain, sent] = await Promise.all([
      fetch(url, { headers }),
      fetch(url, { method: 'POST', headers, body: '{"some":"body"}' }),
    ]);
    expect(sent.status).toBe(200);
    const tell = (answer: Response) => [...answer.headers].filter(([name]) => name !== 'date');
    expect(tell(sent)).toEqual(tell(plain));
    const tooMuch = { method: 'POST', headers, body: 'x'.repeat(100_000) };
    expect((await fetch(url, tooMuch)).status).toBe(413);
  });

  it('goes by the method that the proxy names, not by that of its own request', async () => {
    expect((await stack.ask('/invoices', bearer(token), 'POST')).status).toBe(403);
    const envoy = await fetch(`${stack.url}/auth/envoy/invoices`, {
      ...{ method: 'POST', headers: bearer(token), body: 'ignored' },
    });
    expect(envoy.status).toBe(403);
  });

  it.each([
    ['Bearer', ({ secret }: IssuedToken) => ({ authorization: `Bearer ${secret}` })],
    ['bearer and spaces', ({ secret }: IssuedToken) => ({ authorization: `bearer   ${secret} ` })],
    ['token', ({ secret }: IssuedToken) => ({ authorization: `token ${secret}` })],
    ['X-API-Key', ({ secret }: IssuedToken) => ({ 'x-api-key': secret })],
    [
      'Basic',
      ({ secret }: IssuedToken) => ({
        authorization: `Basic ${Buffer.from(`${secret}:`).toString('base64')}`,
      }),
    ],
  ])('takes a secret by %s', async (_form, headersOf) => {
    expect((await stack.ask('/invoices', headersOf(token))).status).toBe(200);
  });

  it.each([
    ['nothing', {}, 401, 'Bearer realm="demo"'],
    ['no secret', { authorization: 'Bearer' }, 401, 'Bearer realm="demo", error="invalid_token"'],
    [
      'a made-up secret',
      { 'x-api-key': 'tl_made_up' },
      401,
      'Bearer realm="demo", error="invalid_token"',
    ],
    [
      'another scheme',
      { authorization: 'Digest x' },
      401,
      'Bearer realm="demo", error="invalid_token"',
    ],
    [
      'bad Basic',
      { authorization: 'Basic %%%' },
      401,
      'Bearer realm="demo", error="invalid_token"',
    ],
    [
      ...([
        'two credentials',
        { authorization: 'Bearer aaaaaaaa', 'x-api-key': 'bbbbbbbb' },
      ] as const),
      ...([400, 'Bearer realm="demo", error="invalid_request"'] as const),
    ],
    [
      ...(['two in one line', { authorization: 'Bearer aaaaaaaa, Basic bbbbbbbb' }] as const),
      ...([400, 'Bearer realm="demo", error="invalid_request"'] as const),
    ],
  ])('says to %s: %p', async (_what, headers, status, challenge) => {
    const answer = await stack.ask('/invoices', headers);
    expect(answer.status).toBe(status);
    expect(answer.headers.get('www-authenticate')).toBe(challenge);
    expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  });

  it.each(['Authorization: Bearer aaaaaaaa', 'X-API-Key: aaaaaaaa', 'X-Original-URI: /status'])(
    'refuses a second %s',
    async (line) => {
      const answer = await rawRequest(
        stack.url,
        `GET /auth/nginx HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Original-Method: GET\r\n` +
          `X-Original-URI: /invoices\r\n${line}\r\n${line}\r\n\r\n`,
      );
      expect(answer).toMatch(/^HTTP\/1.1 400/);
    },
  );

  it.each([
    ...['/any/../x', '/any/./x', '/any/%2e%2e/x', '/any/a%2Fb', '/any/a%2fb', '/any//x', '//any/x'],
    ...['/any/a;b', '/any/a%3bb', '/any/a\\b', '/any/a%5Cb', '/any/%252e', '/any/%', '/any/%zz'],
    ...['/any/%00', '/any/%c3%28', '/any/a#b', 'http://other/any/x', 'any/x', '*', '/any/%2e'],
    ...['/any/a%3fb', '/any/%25', '/any/..', '/any/a%0d%0ab', '/any/a b', ''],
  ])('refuses the path %p rather than guess', async (path) => {
    const answer = await stack.ask(path, bearer(token));
    expect(answer.status).toBe(400);
  });

  it.each([
    '/any/a.b',
    '/any/%61',
    '/any/caf%C3%A9',
    '/any/a%20b',
    '/any/',
    '/any',
    '/any/...',
    '/any/x?/../y',
  ])('lets the path %p be judged', async (path) => {
    expect((await stack.ask(path, bearer(token))).status).toBe(200);
  });

  it('judges an encoded name as the service will read it', async () => {
    expect((await stack.ask('/%69nvoices', bearer(token), 'POST')).status).toBe(403);
    expect((await stack.ask('/%69nvoices', bearer(token))).status).toBe(200);
  });

  it('needs nothing for a public route, and a token for every other', async () => {
    expect((await stack.ask('/status')).status).toBe(200);
    expect((await stack.ask('/status/', bearer(token))).status).toBe(403);
    expect((await stack.ask('/nowhere', bearer(token))).status).toBe(403);
  });

  it('refuses a token for a resource that it is not good for', async () => {
    const answer = await stack.ask('/other/x', bearer(token));
    expect(answer.status).toBe(403);
    expect(await answer.json()).toMatchObject({ code: 'RESOURCE_NOT_ALLOWED' });
  });

  it('spends leased units, shows what is left, and never more than there are', async () => {
    const limited = await stack.create({ maxQuota: 25 });
    const statuses: number[] = [];
    for (let call = 0; call < 30; call += 1) {
      const answer = await stack.ask('/leased/x', bearer(limited));
      statuses.push(answer.status);
      if (call === 0) expect(answer.headers.get('x-token-quota-remaining')).toBe('24');
      if (answer.status === 429)
        expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    }
    expect(statuses.filter((status) => status === 200)).toHaveLength(25);
    expect(statuses.slice(25)).toEqual(Array(5).fill(429));
    const quota = await stack.call('GET', `/v1/orgs/demo/tokens/${limited.id}/quota`);
    expect(quota).toMatchObject({ consumed: 25 });
  });

  it('gives unused units back when it stops, and tells the ledger that it is gone', async () => {
    const own = await GatewayStack.start();
    const limited = await own.create({ maxQuota: 100 });
    expect((await own.ask('/leased/x', bearer(limited))).status).toBe(200);
    const path = `/v1/orgs/demo/tokens/${limited.id}/quota`;
    expect(Number((await own.call('GET', path))['consumed'])).toBeGreaterThan(1);
    await own.gateway.stop();
    expect(await own.call('GET', path)).toMatchObject({ consumed: 1 });
    await own.close();
  });

  it('refuses a token from the message on, within moments', async () => {
    const one = await stack.create();
    expect((await stack.ask('/invoices', bearer(one))).status).toBe(200);
    await stack.revoke(one);
    await until(async () => (await stack.ask('/invoices', bearer(one))).status === 401);
  });

  it('goes on through a restart of its feed, and misses nothing', async () => {
    const one = await stack.create();
    expect((await stack.ask('/invoices', bearer(one))).status).toBe(200);
    const { follower } = stack.gateway.gateway;
    const { losses } = follower.counts;
    stack.service.server.closeAllConnections();
    await until(() => follower.counts.losses > losses);
    await stack.revoke(one);
    await until(async () => (await stack.ask('/invoices', bearer(one))).status === 401);
    await until(() => follower.state === 'live');
  });

  it('tells its state, without naming a token or a path', async () => {
    await until(() => stack.gateway.gateway.follower.state === 'live');
    const ready = await fetch(`${stack.url}/health/ready`);
    expect(await ready.json()).toMatchObject({ status: 'ok', feed: 'live' });
    const metrics = await (await fetch(`${stack.url}/metrics`)).text();
    for (const name of [
      ...['decisions_total{outcome="allowed"}', 'cache_hits_total', 'cache_misses_total'],
      ...['feed_state{state="live"} 1', 'applied_position', 'cache_entries', 'held_units'],
    ]) {
      expect(metrics).toContain(`ledger_gateway_${name}`);
    }
    for (const text of [metrics, stack.captured.text]) {
      expect(text).not.toContain(token.secret);
      expect(text).not.toContain(stack.service.admin);
      expect(text).not.toContain('/invoices');
    }
    expect(stack.captured.written.length).toBeGreaterThan(1);
  });

  it('answers 404 to what is no endpoint', async () => {
    expect((await fetch(`${stack.url}/`)).status).toBe(404);
    expect((await fetch(`${stack.url}/auth/nginx/`)).status).toBe(404);
  });
});
