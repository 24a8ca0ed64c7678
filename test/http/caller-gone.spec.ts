import { connect, type Socket } from 'node:net';
import { startTestService, type TestService } from '../support/test-service.js';

const CALLERS = 20;

let service: TestService;

beforeEach(async () => {
  service = await startTestService();
});
afterEach(() => service.close());

/** Connections that the service has ended with. */
function hungUp(count: number): Promise<void> {
  return new Promise((resolve) => {
    let left = count;
    service.server.on('connection', (socket: Socket) => {
      socket.once('close', () => {
        left -= 1;
        if (left === 0) resolve();
      });
    });
  });
}

/** Sends a whole request, and does not wait for its answer. */
function send(path: string, body: object, headers: readonly string[] = []): Promise<Socket> {
  const { hostname, port } = new URL(service.url);
  const text = JSON.stringify(body);
  const lines = [
    ...['Host: x', `Authorization: Bearer ${service.admin}`, 'Content-Type: application/json'],
    ...[`Content-Length: ${text.length}`, ...headers],
  ];
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname);
    socket.once('error', reject);
    const request = `POST ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n${text}`;
    socket.write(request, () => resolve(socket));
  });
}

function post(path: string, body: object): Promise<Response> {
  return fetch(service.url + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${service.admin}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
}

async function create(): Promise<{ readonly id: string }> {
  const response = await post('/v1/orgs/demo/tokens', { name: 'ci', maxQuota: 1_000 });
  const { token } = (await response.json()) as { token: { id: string } };
  return token;
}

describe('requests whose callers hang up while they wait (O2)', () => {
  it.each([
    ['for a position', '/v1/orgs/demo/tokens', () => ({ name: 'late' })],
    ['for a position to charge', '/v1/quota/consume', (tokenId: string) => ({ tokenId, units: 2 })],
  ])('%s record nothing', async (_what, path, bodyOf) => {
    const { store } = service.ledger;
    const { id } = await create();
    const head = await store.head();
    const gone = hungUp(CALLERS);
    const far = [`Ledger-Min-Position: ${head + 1n}`];
    const sockets = await Promise.all(
      Array.from({ length: CALLERS }, () => send(path, bodyOf(id), far)),
    );
    for (const socket of sockets) socket.end();
    await gone;
    // The first is the position that they waited for; by the second, all that went on has gone on.
    await create();
    await create();
    const types = (await store.readAllAfter(head, 1_000)).map(({ payload }) => payload.type);
    expect(types).toEqual(['TokenCreated', 'TokenCreated']);
  });

  it('for an append before theirs record nothing, and that one is carried out', async () => {
    const { store } = service.ledger;
    const { id } = await create();
    const head = await store.head();
    const append = store.append.bind(store);
    let open = (): void => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    const reached = new Promise<void>((resolve) => {
      store.append = async (...given) => {
        resolve();
        await gate;
        return append(...given);
      };
    });
    const gone = hungUp(CALLERS);
    const body = { tokenId: id, units: 2 };
    const first = await send('/v1/quota/consume', body);
    await reached;
    const others = await Promise.all(
      Array.from({ length: CALLERS - 1 }, () => send('/v1/quota/consume', body)),
    );
    for (const socket of [first, ...others]) socket.end();
    await gone;
    open();
    // Charges of one token keep their order, so this is the last.
    expect((await post('/v1/quota/consume', { tokenId: id, units: 3 })).status).toBe(200);
    const events = (await store.readAllAfter(head, 1_000)).map(({ payload }) => payload);
    expect(events).toMatchObject([
      { type: 'QuotaConsumed', cost: 2 },
      { type: 'QuotaConsumed', cost: 3 },
    ]);
  });
});
