import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { LineLog } from '../testing/index.js';
import { LedgerClient } from './ledger-client.js';

const TOKEN = 'tl_secret_of_the_gateway';
const SECRET = 'tl_secret_of_a_caller';
const QUESTION = { secret: SECRET, question: { scopes: ['jobs'] } };
const VALID = {
  ...{ valid: true, code: 'VALID', tokenId: 't', secretId: 's', orgId: 'o', ownerId: null },
  ...{ name: 'ci', scopes: ['jobs'], expiresAt: null, position: '12', somethingNew: 1 },
  quota: { limit: 5, consumed: 1, remaining: 4, resetAt: '2026-04-01T00:00:00.000Z' },
};

describe('LedgerClient', () => {
  let server: Server;
  let client: LedgerClient;
  let url: string;
  let log: LineLog;
  let answer: (request: IncomingMessage, response: ServerResponse) => void;
  const seen: IncomingMessage['headers'][] = [];

  beforeEach(async () => {
    seen.length = 0;
    server = createServer((request, response) => {
      seen.push(request.headers);
      request.resume();
      request.on('end', () => answer(request, response));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    log = new LineLog();
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    client = new LedgerClient({ url, token: TOKEN, log, callMsMax: 60_000 });
  });
  afterEach(async () => {
    client.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  const say = (status: number, body: unknown, headers: Record<string, string> = {}): void => {
    answer = (_request, response) => {
      response.writeHead(status, headers);
      response.end(typeof body === 'string' ? body : JSON.stringify(body));
    };
  };

  it('reads a verdict, and what it does not know of it yet does no harm', async () => {
    say(200, VALID);
    const outcome = await client.verify({ ...QUESTION, minPosition: 11n });
    expect(outcome).toMatchObject({
      outcome: 'answered',
      value: { code: 'VALID', position: 12n, identity: { tokenId: 't' }, quota: { remaining: 4 } },
    });
    expect(seen[0]).toMatchObject({
      authorization: `Bearer ${TOKEN}`,
      'ledger-min-position': '11',
    });
    expect(seen[0]).not.toHaveProperty('idempotency-key');
  });

  it('gives a charge a key, so that it can be repeated', async () => {
    say(200, VALID);
    await client.verify({ ...QUESTION, cost: 1, operation: 'GET /' });
    await client.verify({ ...QUESTION, cost: 1, operation: 'GET /' });
    const keys = seen.map((headers) => headers['idempotency-key']);
    expect(new Set(keys).size).toBe(2);
    expect(keys).not.toContain(undefined);
  });

  it.each([
    ['not JSON', 'hello'],
    ['no verdict', {}],
    ['a verdict without a position', { ...VALID, position: undefined }],
    ['a valid verdict about nobody', { ...VALID, tokenId: undefined }],
    ['a verdict with half a quota', { ...VALID, quota: { limit: 1 } }],
    ['far too much', { ...VALID, name: 'x'.repeat(300_000) }],
  ])('takes %s for no answer', async (_what, body) => {
    say(200, body);
    expect(await client.verify(QUESTION)).toMatchObject({ outcome: 'unavailable' });
  });

  it.each([401, 403])('takes %p as a matter of its own, and says so once', async (status) => {
    say(status, { code: 'UNAUTHENTICATED' });
    expect(await client.verify(QUESTION)).toMatchObject({ outcome: 'unavailable' });
    await client.verify(QUESTION);
    expect(log.lines).toEqual(['ledger.refuses-gateway']);
  });

  it('hands on how long to wait', async () => {
    say(503, { code: 'BEHIND' }, { 'retry-after': '7' });
    expect(await client.verify(QUESTION)).toMatchObject({
      outcome: 'unavailable',
      retryAfterSeconds: 7,
    });
    say(429, { code: 'QUOTA_EXCEEDED', quota: VALID.quota }, { 'retry-after': '60' });
    const lease = await client.lease({ tokenId: 't', units: 1, operation: 'x' });
    expect(lease).toMatchObject({ outcome: 'refused', retryAfterSeconds: 60, quota: { limit: 5 } });
  });

  it('gives up in time on a ledger that hangs', async () => {
    answer = () => undefined;
    const hasty = new LedgerClient({ url, token: TOKEN, log, callMsMax: 500 });
    expect(await hasty.verify(QUESTION)).toMatchObject({ outcome: 'unavailable' });
    hasty.close();
  });

  it('repeats a call, with its key, on a connection that was being closed', async () => {
    say(200, VALID);
    await client.verify(QUESTION);
    let calls = 0;
    answer = (request, response) => {
      calls += 1;
      if (calls === 1) request.socket.destroy();
      else response.end(JSON.stringify(VALID));
    };
    const outcome = await client.verify({ ...QUESTION, cost: 1, operation: 'x' });
    expect(outcome).toMatchObject({ outcome: 'answered' });
    expect(seen.at(-1)!['idempotency-key']).toBe(seen.at(-2)!['idempotency-key']);
  });

  it('says once that the ledger is gone and once that it is back, and never a secret', async () => {
    answer = (request) => request.socket.destroy();
    await client.verify(QUESTION);
    await client.verify(QUESTION);
    say(200, VALID);
    await client.verify(QUESTION);
    expect(log.lines).toEqual(['ledger.unavailable', 'ledger.available']);
    expect(JSON.stringify(log.fields)).not.toMatch(/tl_/);
  });
});
