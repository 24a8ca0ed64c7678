import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { ALL_SCOPES, SocmateWorld } from '../support/socmate-world.js';
import type { SocmateClient } from '../support/socmate-client.js';

interface Received {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

type Handler = (response: ServerResponse) => void;

let upstream: Server;
let received: Received[];
let answer: Handler;
let upstreamUrl: string;
let world: SocmateWorld;
let client: SocmateClient;
let secret: string;

const ok: Handler = (response) => response.end('{"items":[1],"total":1}');

beforeAll(async () => {
  upstream = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      received.push({ method, url, headers, body: Buffer.concat(chunks).toString('utf8') });
      answer(response);
    });
  });
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  const { port } = upstream.address() as AddressInfo;
  upstreamUrl = `http://127.0.0.1:${port}`;
  world = await SocmateWorld.start({ settings: { upstreamUrl } });
  ({ api_key: secret } = await world.admin.create({ scopes: ALL_SCOPES }));
  client = world.key(secret);
});
beforeEach(() => {
  received = [];
  answer = ok;
});
afterAll(async () => {
  await world.close();
  upstream.closeAllConnections();
  upstream.close();
});

describe('a call that may pass', () => {
  it('reaches the upstream with its method, path, query and body', async () => {
    const body = '{"text":"Grüße","n":1.50}';
    const headers = { 'content-type': 'application/json', 'x-trace': 'a, b' };
    await client.send('POST', '/api/v1/sessions/s%20ü/message?x=1&y=%20&x=2', { body, headers });
    expect(received).toMatchObject([
      { method: 'POST', url: '/api/v1/sessions/s%20%C3%BC/message?x=1&y=%20&x=2', body },
    ]);
    expect(received[0]!.headers).toMatchObject({
      ...headers,
      'content-length': String(Buffer.byteLength(body)),
    });
    await client.send('GET', '/api/v1/search?q=ransomware');
    await client.send('HEAD', '/api/v1/search?q=ransomware');
    await client.send('POST', '/api/v1/investigations/start');
    expect(received.slice(1).map(({ method, url, body: sent }) => [method, url, sent])).toEqual([
      ['GET', '/api/v1/search?q=ransomware', ''],
      ['HEAD', '/api/v1/search?q=ransomware', ''],
      ['POST', '/api/v1/investigations/start', ''],
    ]);
  });

  it('takes no credential along, of a key or of a user', async () => {
    await client.send('GET', '/api/v1/incidents', {
      headers: { authorization: `Bearer ${world.service.admin}`, 'proxy-authorization': secret },
    });
    await world.admin.send('GET', '/api/v1/incidents');
    expect(received).toHaveLength(2);
    expect(JSON.stringify(received)).not.toContain(secret.slice(-40));
    expect(JSON.stringify(received)).not.toContain(world.service.admin);
    for (const { headers } of received) {
      expect(headers).not.toHaveProperty('x-api-key');
      expect(headers).not.toHaveProperty('authorization');
      expect(headers).not.toHaveProperty('proxy-authorization');
    }
  });

  it('carries the id of the request, so that both logs can be read together', async () => {
    const headers = { 'x-request-id': 'request-0815' };
    const { headers: told } = await client.send('GET', '/api/v1/incidents', { headers });
    expect([received[0]!.headers['x-request-id'], told.get('x-request-id')]).toEqual([
      'request-0815',
      'request-0815',
    ]);
  });

  it('is answered with the status, the headers and the body of the upstream', async () => {
    answer = (response) => {
      response.writeHead(207, {
        'content-type': 'application/problem+json',
        'x-own': 'own',
        'x-of-this-hop': 'hop',
        connection: 'x-of-this-hop',
        'cache-control': 'public, max-age=3600',
        'x-request-id': 'of-the-upstream',
        'set-cookie': ['a=1', 'b=2'],
      });
      response.end('{"detail":"as it is"}');
    };
    const { status, headers, text } = await client.send('GET', '/api/v1/incidents');
    expect([status, text]).toEqual([207, '{"detail":"as it is"}']);
    expect(headers.get('content-type')).toBe('application/problem+json');
    expect(headers.get('x-own')).toBe('own');
    expect(headers.getSetCookie()).toEqual(['a=1', 'b=2']);
    expect(headers.has('x-of-this-hop')).toBe(false);
    // What an answer to a credential may be kept by is not for the upstream to loosen (S11).
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('x-request-id')).not.toBe('of-the-upstream');
  });

  it.each([200, 204, 302, 304, 404, 422, 500])('is answered with status %i', async (status) => {
    answer = (response) => {
      response.writeHead(status, { location: '/elsewhere' });
      response.end(status === 422 ? '{"detail":[{"loc":["body"],"msg":"m","type":"t"}]}' : '');
    };
    const response = await fetch(`${world.service.url}/api/v1/incidents`, {
      headers: { 'x-api-key': secret },
      redirect: 'manual',
    });
    expect([response.status, response.headers.get('location')]).toEqual([status, '/elsewhere']);
    expect(received).toHaveLength(1);
  });

  it('is answered readably when the upstream compresses', async () => {
    answer = (response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' });
      response.end(gzipSync('{"zipped":true}'));
    };
    const { body } = await client.send('GET', '/api/v1/incidents');
    expect(body).toEqual({ zipped: true });
  });

  it('is answered with all bytes of a large body', async () => {
    const large = Buffer.alloc(3_000_000, 'x').toString();
    answer = (response) => response.end(large);
    expect((await client.send('GET', '/api/v1/incidents')).text).toBe(large);
  });
});

describe('a call that may not pass', () => {
  it('never reaches the upstream', async () => {
    const { api_key: weak } = await world.admin.create({ scopes: ['graph:read'] });
    for (const [caller, path, status] of [
      [world.key(weak), '/api/v1/incidents', 403],
      [world.nobody, '/api/v1/incidents', 401],
      [client, '/api/v1/users', 404],
      [client, '/internal/authorize', 403],
    ] as const) {
      expect((await caller.send('GET', path)).status).toBe(status);
    }
    expect((await client.send('DELETE', '/api/v1/incidents')).status).toBe(405);
    const headers = { 'x-forwarded-uri': '/api/v1/incidents' };
    expect((await client.send('GET', '/internal/authorize', { headers })).status).toBe(204);
    expect(received).toEqual([]);
  });
});

describe('an upstream', () => {
  it('that takes too long is given up: 504', async () => {
    answer = () => undefined;
    const upstreamAnswerMsMax = 300;
    // A service of its own: all others give an upstream as long as a busy machine may need.
    const impatient = await SocmateWorld.start({ settings: { upstreamUrl, upstreamAnswerMsMax } });
    const key = await impatient.admin.create();
    const startedAt = performance.now();
    expect(await impatient.use(key.api_key)).toEqual({
      status: 504,
      body: { detail: 'Gateway Timeout' },
    });
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(upstreamAnswerMsMax - 50);
    await impatient.close();
  });

  it('that breaks off before it answers is a bad gateway: 502', async () => {
    answer = (response) => response.destroy();
    const { status, body } = await client.send('GET', '/api/v1/incidents');
    expect([status, body]).toEqual([502, { detail: 'Bad Gateway' }]);
  });

  it('that breaks off within its answer never looks like one that was whole', async () => {
    answer = (response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('{"items":[');
      setTimeout(() => response.destroy(), 20);
    };
    await expect(client.send('GET', '/api/v1/incidents')).rejects.toThrow();
    answer = ok;
    expect((await client.send('GET', '/api/v1/incidents')).status).toBe(200);
  });

  it('that is down is a bad gateway: 502', async () => {
    const down = await SocmateWorld.start({ settings: { upstreamUrl: 'http://127.0.0.1:1' } });
    const key = await down.admin.create();
    expect(await down.use(key.api_key)).toEqual({ status: 502, body: { detail: 'Bad Gateway' } });
    await down.close();
  });
});
