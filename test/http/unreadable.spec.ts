import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { checkErrorShape, parsed, ServedRoutes, type Answered } from './served-routes.js';

let served: ServedRoutes;
beforeAll(async () => {
  served = await ServedRoutes.start();
});
afterAll(() => served.service.close());

/** One path of each dialect, and one of none. */
const PATHS = ['/v1/verify', '/v0/quota', '/api/admin/api-keys', '/nothing'];
const LONG = process.env['LEDGER_TEST_LONG'] !== undefined;
const SLOW_SOCKETS = LONG ? 2_000 : 200;
const READ_BYTES_MAX = 1024 * 1024;

const address = () => {
  const { hostname, port } = new URL(served.service.url);
  return { host: hostname, port: Number(port) };
};

/** Everything that comes back on a connection until it is closed, while `feed` writes to it. */
async function converse(feed: (socket: Socket) => void): Promise<Answered> {
  const socket = connect(address());
  let text = '';
  socket.on('data', (chunk) => (text += chunk.toString()));
  // Who writes on while the other side has hung up hears of it in this way.
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  feed(socket);
  await new Promise((resolve) => socket.on('close', resolve));
  return parsed(text);
}

describe.each(PATHS)('what is no request, to %s,', (path) => {
  it.each<[string, number, string]>([
    [
      'a head above 16 KiB',
      431,
      `GET ${path} HTTP/1.1\r\nHost: x\r\nX-P: ${'x'.repeat(17_000)}\r\n\r\n`,
    ],
    ['a path above 16 KiB', 431, `GET ${path}?${'x'.repeat(17_000)} HTTP/1.1\r\nHost: x\r\n\r\n`],
    ['a header without a colon', 400, `GET ${path} HTTP/1.1\r\nHost: x\r\nbroken\r\n\r\n`],
    ['a header with a zero byte', 400, `GET ${path} HTTP/1.1\r\nHost: x\r\nX-A: a\0b\r\n\r\n`],
    [
      'two lengths',
      400,
      `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}`,
    ],
    [
      'a length and chunks (H12)',
      400,
      `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    ],
    ['an HTTP version of its own', 400, `GET ${path} HTTP/9.9\r\nHost: x\r\n\r\n`],
  ])('is told so in the words of the dialect, and hung up on: %s', async (_name, status, text) => {
    const answer = await converse((socket) => socket.write(text));
    expect(answer.status).toBe(status);
    expect(answer.headers.get('connection')).toBe('close');
    expect(answer.text.match(/HTTP\/1\.1 /g)).toHaveLength(1);
    checkErrorShape(path, answer);
  });
});

it.each([
  '\0\0\0\0',
  '\x16\x03\x01\x02\x00\x01',
  'hello\r\n\r\n',
  '\r\n\r\nGARBAGE',
  'GET\r\n\r\n',
])('bytes of another protocol are refused: %j', async (bytes) => {
  const answer = await converse((socket) => socket.end(bytes));
  expect(answer.status).toBe(400);
  checkErrorShape('/', answer);
});

it('a body without an end is refused at 64 KiB, and read no further (H1)', async () => {
  let accepted: Socket | undefined;
  served.server.once('connection', (socket: Socket) => (accepted = socket));
  const chunk = `4000\r\n${'x'.repeat(0x4000)}\r\n`;
  const answer = await converse((socket) => {
    const head = `Authorization: Bearer ${served.service.admin}\r\nTransfer-Encoding: chunked`;
    socket.write(
      `POST /v1/verify HTTP/1.1\r\nHost: x\r\n${head}\r\nContent-Type: application/json\r\n\r\n`,
    );
    const pour = (): void => {
      while (!socket.destroyed && socket.write(chunk));
    };
    socket.on('drain', pour);
    pour();
  });
  expect(answer.status).toBe(413);
  checkErrorShape('/v1/verify', answer);
  expect(accepted!.bytesRead).toBeLessThan(READ_BYTES_MAX);
});

it(`${SLOW_SOCKETS} clients that never finish are hung up on, and keep nobody else waiting (H11)`, async () => {
  const half = 'POST /v1/verify HTTP/1.1\r\nHost: x\r\n';
  const slow = Array.from({ length: SLOW_SOCKETS }, () => converse((socket) => socket.write(half)));
  const authorization = `Authorization: Bearer ${served.service.admin}`;
  let answered = 0;
  let isOver = false;
  const ended = Promise.all(slow).then((answers) => {
    isOver = true;
    return answers;
  });
  while (!isOver) {
    const { status } = await served.send(
      { method: 'GET', path: '/v1/self' },
      { headers: [authorization] },
    );
    expect(status).toBe(200);
    answered += 1;
  }
  for (const answer of await ended) expect(answer.status).toBe(408);
  expect(answered).toBeGreaterThan(10);
});

it('has a limit for everything that a connection can hold on to (H11)', () => {
  const { server } = served;
  expect(server.headersTimeout).toBeLessThanOrEqual(10_000);
  expect(server.requestTimeout).toBeLessThanOrEqual(30_000);
  expect(server.maxConnections).toBeLessThanOrEqual(10_000);
});
