import { Agent, request, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { randomBytes, randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { freePort, ServiceProcess, temporaryFolder } from '../../operations/service-process.js';
import { EventStoreDouble } from '../double/event-store-double.js';

const RESTARTS = process.env['LEDGER_TEST_LONG'] ? 100 : 4;
const CLIENTS = 8;
/** All clients together send about 300 requests a second. */
const PAUSE_MS = 25;
const IN_VAIN_MS = 60_000;

const folder = temporaryFolder();
let double: EventStoreDouble;
const admin = randomUUID();

beforeAll(async () => {
  double = await EventStoreDouble.start();
  writeFileSync(join(folder.path, 'shared.key'), randomBytes(32).toString('base64'), {
    mode: 0o600,
  });
});
afterAll(async () => {
  await ServiceProcess.killAll();
  await double.stop();
  folder.remove();
});

async function startNode(name: string, port: number): Promise<ServiceProcess> {
  return ServiceProcess.started({
    PORT: String(port),
    LEDGER_DATA_DIR: join(folder.path, name),
    LEDGER_STORE: 'eventstoredb',
    LEDGER_EVENTSTOREDB_URL: double.connectionString,
    LEDGER_MASTER_KEY_FILE: join(folder.path, 'shared.key'),
    LEDGER_BOOTSTRAP_TOKEN: admin,
  });
}

/** What the answers of the calls below hold, each some of it. */
interface Told {
  readonly status: number;
  readonly body: {
    readonly token: { readonly id: string };
    readonly secret: string;
    readonly code: string;
    readonly quota: { readonly consumed: number };
  };
}

/** Nobody listened, or ceased to before the connection was taken. */
class NotAccepted extends Error {}

/**
 * A client that tries the other node where nobody listens. A connection that breaks fails the test; what is
 * refused for want of time, on a machine as busy as this one, is asked again under the same key.
 */
class Client {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });

  constructor(private readonly ports: readonly number[]) {}

  async post(path: string, body: object): Promise<Told> {
    const key = randomUUID();
    const inVain = performance.now() + IN_VAIN_MS;
    for (let tried = 0; ; tried += 1) {
      try {
        const port = this.ports[tried % this.ports.length]!;
        const told = await this.#send(port, path, body, key);
        if (told.status !== 503 || performance.now() > inVain) return told;
        await pause(100);
      } catch (error) {
        if (!(error instanceof NotAccepted) || performance.now() > inVain) throw error;
      }
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  async #send(port: number, path: string, body: object, key: string): Promise<Told> {
    const headers = {
      authorization: `Bearer ${admin}`,
      'content-type': 'application/json',
      'idempotency-key': key,
    };
    const sent = request({ port, path, method: 'POST', agent: this.#agent, headers });
    sent.end(JSON.stringify(body));
    const [response] = (await once(sent, 'response').catch((error: NodeJS.ErrnoException) => {
      const isNew = !sent.reusedSocket && error.code === 'ECONNRESET';
      throw isNew || error.code === 'ECONNREFUSED' ? new NotAccepted() : error;
    })) as [IncomingMessage];
    const text = (await response.toArray()).join('');
    return { status: response.statusCode!, body: JSON.parse(text) as Told['body'] };
  }
}

it(`${RESTARTS} restarts in turn of two nodes fail no request and lose no charge (O3)`, async () => {
  const ports = [await freePort(), await freePort()];
  const nodes = [await startNode('a', ports[0]!), await startNode('b', ports[1]!)];
  const setUp = new Client(ports);
  const made = await setUp.post('/v1/orgs/demo/tokens', { name: 'metered', scopes: ['x'] });
  const { secret, token } = made.body;

  const answers = new Map<string, number>();
  let charged = 0;
  let isOver = false;
  const clients = Array.from({ length: CLIENTS }, async (_, number) => {
    const client = new Client(number % 2 === 0 ? ports : [...ports].reverse());
    for (let sent = 0; !isOver; sent += 1) {
      const isCharge = sent % 2 === 0;
      const { status, body } = isCharge
        ? await client.post('/v1/quota/consume', { tokenId: token.id, units: 1 })
        : await client.post('/v1/verify', { token: secret });
      if (isCharge && status === 200) charged += 1;
      const outcome = isCharge ? `charge ${status}` : `verify ${status} ${body.code}`;
      answers.set(outcome, (answers.get(outcome) ?? 0) + 1);
      await pause(PAUSE_MS);
    }
    client.close();
  });

  for (let restart = 0; restart < RESTARTS; restart += 1) {
    const turn = restart % 2;
    expect(await nodes[turn]!.stop()).toBe(0);
    nodes[turn] = await startNode(turn === 0 ? 'a' : 'b', ports[turn]!);
  }
  isOver = true;
  await Promise.all(clients);
  expect([...answers.keys()].sort()).toEqual(['charge 200', 'verify 200 VALID']);
  expect(charged).toBeGreaterThan(RESTARTS);
  const last = await setUp.post('/v1/quota/consume', { tokenId: token.id, units: 1 });
  expect(last.body.quota.consumed).toBe(charged + 1);
  setUp.close();
  for (const node of nodes) expect(await node.stop()).toBe(0);
}, 7_200_000);
