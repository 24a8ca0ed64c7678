import { rawRequest } from '../support/raw-request.js';
import { SocketWorld, tokenBody } from '../support/socket-world.js';

let world: SocketWorld;
let authorization: string;

beforeAll(async () => {
  world = await SocketWorld.start();
  authorization = `Authorization: Bearer ${world.root.token}`;
});
afterAll(() => world.close());

const BODY = JSON.stringify(tokenBody());
const send = (...lines: readonly string[]) => rawRequest(world.service.url, lines.join('\r\n'));
const create = (...headers: readonly string[]) => [
  'POST /v0/orgs/demo/api-tokens HTTP/1.1',
  'Host: x',
  authorization,
  ...headers,
  '',
];
const chunked = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`;

describe('a message whose end can be read in two ways (H12)', () => {
  const length = `Content-Length: ${BODY.length}`;

  it.each([
    ['both a length and chunks', [length, 'Transfer-Encoding: chunked'], chunked(BODY)],
    ['two lengths', [length, 'Content-Length: 1'], BODY],
    ['a length that is none', ['Content-Length: 0x10'], BODY],
    ['a negative length', ['Content-Length: -1'], BODY],
    ['chunks under another name', ['Transfer-Encoding: xchunked'], chunked(BODY)],
    ['chunks named twice', ['Transfer-Encoding: chunked, identity'], chunked(BODY)],
    ['a blank before the colon', ['Content-Length : 5'], BODY],
    ['a folded header', [length, 'X-Folded: a', ' b: c'], BODY],
  ])('is refused and its connection closed: %s', async (_name, headers, body) => {
    const types = await world.recordedTypes(async () => {
      const answer = await send(...create(...headers), body);
      expect(answer).toMatch(/^HTTP\/1\.1 400 /);
      expect(answer.match(/HTTP\/1\.1 /g)).toHaveLength(1);
    });
    expect(types).toEqual([]);
  });

  it('is told from one that is right', async () => {
    const close = 'Connection: close';
    const first = await send(...create(length, close), BODY);
    const second = await send(...create('Transfer-Encoding: chunked', close), chunked(BODY));
    for (const answer of [first, second]) expect(answer).toMatch(/^HTTP\/1\.1 200 /);
  });
});

describe('the head of a request', () => {
  it('is at most 16 KiB (H11)', async () => {
    const padding = `X-Padding: ${'x'.repeat(17 * 1024)}`;
    const answer = await send('GET /v0/quota HTTP/1.1', 'Host: x', authorization, padding, '', '');
    expect(answer).toMatch(/^HTTP\/1\.1 431 /);
  });

  it('may ask for the head of an answer alone: judged and charged as the whole would be', async () => {
    const { token, client } = await world.token({ scopes: ['api-tokens:list'] });
    const head = async (secret: string) => {
      const bearer = `Authorization: Bearer ${secret}`;
      const path = 'HEAD /v0/orgs/demo/api-tokens HTTP/1.1';
      return send(path, 'Host: x', bearer, 'Connection: close', '', '');
    };
    expect(await head(token)).toMatch(/^HTTP\/1\.1 200 [\s\S]*\r\n\r\n$/);
    expect(await client.remaining()).toBe(990);
    expect(await head('x')).toMatch(/^HTTP\/1\.1 401 [\s\S]*\r\n\r\n$/);
  });

  it('gives its own id back when that is harmless, and a new one else (H19)', async () => {
    const { client } = world.root;
    const idFor = async (given: string) => {
      const { headers } = await client.call('quota', { headers: { 'x-request-id': given } });
      return headers.get('x-request-id');
    };
    expect(await idFor('abc-12345')).toBe('abc-12345');
    for (const given of ['short', 'a b c d e f', '<script>alert(1)</script>', 'x'.repeat(65)]) {
      expect(await idFor(given)).toMatch(/^[0-9a-f-]{36}$/);
    }
  });

  it.each(['TRACE', 'CONNECT'])('may not be a %s (H10)', async (method) => {
    const target = method === 'CONNECT' ? 'x:80' : '/v0/quota';
    const answer = await send(
      `${method} ${target} HTTP/1.1`,
      'Host: x',
      'Connection: close',
      '',
      '',
    );
    expect(answer).not.toMatch(/^HTTP\/1\.1 [23]/);
  });
});
