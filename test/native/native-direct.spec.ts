import { once } from 'node:events';
import { connect } from 'node:net';
import { NativeWorld, UNKNOWN_ID, type TestToken } from './support/native-world.js';

let world: NativeWorld;
let gateway: TestToken;
let token: TestToken;

beforeAll(async () => {
  world = await NativeWorld.start();
  gateway = await world.token({ name: 'gateway', scopes: ['ledger:tokens:verify'] });
  token = await world.token({ name: 'zoë', scopes: ['invoices'], maxQuota: 1_000 });
});
afterAll(() => world.close());

/** What differs between two answers although nothing about them does. */
const OF_THE_MOMENT = ['date', 'x-request-id', 'ledger-position', 'ratelimit', 'content-length'];

async function answerTo(path: string, body: string, headers: Readonly<Record<string, string>>) {
  const id = 'direct-or-not-0001';
  const response = await fetch(`${world.service.url}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${gateway.secret}`, 'x-request-id': id, ...headers },
    body,
  });
  const names = [...response.headers.keys()].sort();
  const values = [...response.headers].filter(([name]) => !OF_THE_MOMENT.includes(name)).sort();
  const text = await response.text();
  // What the charge before has moved on.
  const settled = text.replaceAll(/"(consumed|remaining|position)":("\d+"|\d+)/g, '"$1":0');
  return {
    status: response.status,
    names,
    values,
    requestId: response.headers.get('x-request-id'),
    text: settled,
  };
}

const bodies = (): readonly (readonly [path: string, what: string, body: string])[] => {
  const json = (value: object): string => JSON.stringify(value);
  const { secret, id: tokenId } = token;
  return [
    ['/v1/verify', 'a valid secret', json({ token: secret, scopes: ['invoices:read'] })],
    ['/v1/verify', 'a missing scope', json({ token: secret, scopes: ['admin'] })],
    ['/v1/verify', 'a charge', json({ token: secret, cost: 1 })],
    ['/v1/verify', 'an unknown secret', json({ token: 'tl_unknown' })],
    ['/v1/verify', 'an unknown member', json({ token: secret, more: 1 })],
    ['/v1/verify', 'a key twice', `{"token":"a","token":"b"}`],
    ['/v1/verify', 'no JSON', '{"token":'],
    ['/v1/verify', 'a text', '"token"'],
    ['/v1/verify', 'too much', json({ token: 'x'.repeat(70_000) })],
    ['/v1/verify/batch', 'two questions', json({ items: [{ token: secret }, { token: 'no' }] })],
    ['/v1/quota/consume', 'a charge', json({ tokenId, units: 1 })],
    ['/v1/quota/consume', 'more than there is', json({ tokenId, units: 1_001 })],
    ['/v1/quota/consume', 'an unknown token', json({ tokenId: UNKNOWN_ID, units: 1 })],
  ];
};

describe('the routes that are answered beside Fastify answer as Fastify would', () => {
  const plain = { 'content-type': 'application/json' };
  // Only the very plain type is answered beside it.
  const throughFastify = { 'content-type': 'application/json; charset=utf-8' };
  const calls = [
    ['as it is', {}],
    ['without a credential', { authorization: '' }],
    ['with a bad credential', { authorization: 'Bearer tl_bad' }],
    ['with a position not reached', { 'ledger-min-position': 'soon' }],
    ['with an idempotency key that is none', { 'idempotency-key': 'a b' }],
  ] as const;

  it.each(calls)('%s', async (_what, headers) => {
    for (const [path, what, body] of bodies()) {
      const direct = await answerTo(path, body, { ...plain, ...headers });
      const routed = await answerTo(path, body, { ...throughFastify, ...headers });
      expect({ path, what, ...direct }).toEqual({ path, what, ...routed });
    }
  });

  it('are counted alike', async () => {
    const counted = async (): Promise<number> => {
      const text = await (await fetch(`${world.service.url}/metrics`)).text();
      const form = /^ledger_http_requests_total\{.*route="\/v1\/verify",.*status="200"\} (\d+)$/m;
      return Number(form.exec(text)?.[1] ?? 0);
    };
    const before = await counted();
    const body = JSON.stringify({ token: token.secret });
    await answerTo('/v1/verify', body, plain);
    await answerTo('/v1/verify', body, throughFastify);
    expect(await counted()).toBe(before + 2);
  });
});

describe('a question on its way', () => {
  /** Everything that comes back on a connection on which these pieces were sent, each after a while. */
  const converse = async (pieces: readonly string[]): Promise<string> => {
    const { hostname: host, port } = new URL(world.service.url);
    const socket = connect({ host, port: Number(port) });
    let text = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    // From the beginning: it may close while the last other question is still being answered.
    const closed = once(socket, 'close');
    await once(socket, 'connect');
    socket.setNoDelay(true);
    for (const piece of pieces) {
      socket.write(piece);
      // Any other question is answered after what was sent before has arrived.
      await fetch(`${world.service.url}/health/live`).then((response) => response.text());
    }
    await closed;
    return text;
  };
  const head = (body: string, connection: string): string =>
    [
      'POST /v1/verify HTTP/1.1',
      'Host: x',
      `Connection: ${connection}`,
      `Authorization: Bearer ${gateway.secret}`,
      'Content-Type: application/json',
      `Content-Length: ${Buffer.byteLength(body)}`,
      '',
      '',
    ].join('\r\n');
  const valid = /HTTP\/1\.1 200 OK[^{]*\{"valid":true[^\n]*"name":"zoë"[^\n]*\}/g;

  it.each([
    ['in one piece', (one: string, body: string) => [one + body]],
    ['with its body after its head', (one: string, body: string) => [one, body]],
    [
      'with its body in pieces',
      (one: string, body: string) => [one + body.slice(0, 9), body.slice(9, 20), body.slice(20)],
    ],
  ])('is answered once when it comes %s', async (_how, pieces) => {
    const body = JSON.stringify({ token: token.secret });
    const text = await converse(pieces(head(body, 'close'), body));
    expect(text.match(valid)).toHaveLength(1);
    expect(text.match(/HTTP\/1\.1 /g)).toHaveLength(1);
  });

  it('is answered after the one that was sent before it at once', async () => {
    const bodies = [{ token: 'tl_no' }, { token: token.secret }, { token: 'tl_no' }];
    const sent = bodies.map((each, index) => {
      const body = JSON.stringify(each);
      return head(body, index < 2 ? 'keep-alive' : 'close') + body;
    });
    const text = await converse([sent.join('')]);
    const codes = [...text.matchAll(/"code":"([A-Z_]+)"/g)].map(([, code]) => code);
    expect(codes).toEqual(['NOT_FOUND', 'VALID', 'NOT_FOUND']);
  });
});
