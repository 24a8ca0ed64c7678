import { checkErrorShape, ServedRoutes, type Answered } from './served-routes.js';

const REQUESTS_MAX = 4;
const URGENT_MAX = 4 * REQUESTS_MAX;
const UNKNOWN_ID = '00000000-0000-4000-8000-000000000000';

let served: ServedRoutes;
let headers: readonly string[];
/** Lets the store write new tokens. Everything else it writes at once. */
let open: () => void;
let gate: Promise<void>;
let waiting = 0;

beforeAll(async () => {
  served = await ServedRoutes.start({ settings: { requestsMax: REQUESTS_MAX } });
  headers = [`Authorization: Bearer ${served.service.admin}`, 'Content-Type: application/json'];
  const { store } = served.service.ledger;
  const append = store.append.bind(store);
  store.append = async (streamId, expected, events, unchanged) => {
    if (events.some(({ payload }) => payload.type === 'TokenCreated')) {
      waiting += 1;
      await gate;
      waiting -= 1;
    }
    return append(streamId, expected, events, unchanged);
  };
});
afterAll(() => served.service.close());
beforeEach(close);

function close(): void {
  gate = new Promise((resolve) => (open = resolve));
}

const create = (): Promise<Answered> =>
  served.send({ method: 'POST', path: '/v1/orgs/demo/tokens' }, { headers, body: '{"name":"ci"}' });

const verify = (): Promise<Answered> =>
  served.send({ method: 'POST', path: '/v1/verify' }, { headers, body: '{"token":"x"}' });

/** Resolves when so many appends wait at the gate, and nothing else is under way. */
async function underWay(creates: number): Promise<void> {
  while (waiting < creates) await new Promise(setImmediate);
}

describe('a service that has as much to do as it can (O1)', () => {
  it('refuses the rest at once, in the words of each dialect, and does nothing for it', async () => {
    const held = Array.from({ length: REQUESTS_MAX }, create);
    await underWay(REQUESTS_MAX);
    const types = await served.recorded(async () => {
      for (const [method, path] of [
        ['POST', '/v1/orgs/demo/tokens'],
        ['GET', '/v1/orgs/demo/tokens'],
        ['GET', '/v0/quota'],
        ['POST', '/v0/orgs/demo/api-tokens'],
        ['GET', '/api/admin/api-keys'],
        ['GET', '/openapi.json'],
        ['GET', '/nothing'],
      ] as const) {
        const answer = await served.send({ method, path }, { headers });
        expect([path, answer.status]).toEqual([path, 503]);
        expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
        checkErrorShape(path, answer);
      }
    });
    expect(types).toEqual([]);
    open();
    for (const answer of await Promise.all(held)) expect(answer.status).toBe(201);
    expect((await create()).status).toBe(201);
  });

  it('still judges and ends credentials, and tells how it is', async () => {
    open();
    const made = JSON.parse((await create()).body) as { token: { id: string } };
    close();
    const held = Array.from({ length: REQUESTS_MAX }, create);
    await underWay(REQUESTS_MAX);
    expect((await verify()).status).toBe(200);
    for (const path of [
      `/v1/orgs/demo/tokens/${made.token.id}/revoke`,
      `/v0/orgs/demo/api-tokens/revoke`,
      `/v1/orgs/demo/tokens/${UNKNOWN_ID}/revoke`,
    ]) {
      const { status } = await served.send({ method: 'POST', path }, { headers, body: '{}' });
      expect([path, status]).toEqual([
        path,
        path.includes(made.token.id) ? 200 : expect.any(Number),
      ]);
      expect(status).not.toBe(503);
    }
    const key = await served.send(
      { method: 'DELETE', path: `/api/admin/api-keys/${UNKNOWN_ID}` },
      { headers },
    );
    expect(key.status).toBe(404);
    expect((await served.send({ method: 'GET', path: '/health/ready' })).status).toBe(200);
    const { body } = await served.send({ method: 'GET', path: '/metrics' });
    expect(Number(/^ledger_http_requests_shed_total (\d+)$/m.exec(body)?.[1])).toBeGreaterThan(0);
    open();
    await Promise.all(held);
  });

  it('acknowledges what it let in, and only that', async () => {
    open();
    const types = await served.recorded(async () => {
      const answers = await Promise.all(Array.from({ length: 60 * REQUESTS_MAX }, create));
      const statuses = answers.map(({ status }) => status);
      expect(statuses.filter((status) => status !== 201 && status !== 503)).toEqual([]);
      acknowledged = statuses.filter((status) => status === 201).length;
    });
    expect(types.filter((type) => type === 'TokenCreated')).toHaveLength(acknowledged);
    expect(acknowledged).toBeGreaterThan(0);
    expect((await create()).status).toBe(201);
  });
  let acknowledged = 0;

  it('bounds what is urgent as well, and finds back to normal', async () => {
    const { projector, store } = served.service.ledger;
    const held = Array.from({ length: REQUESTS_MAX }, create);
    await underWay(REQUESTS_MAX);
    // A position that is not there yet is waited for: here until every request has come, however long that takes.
    const reached = projector.reached.bind(projector);
    let come = 0;
    let giveUp = (): void => undefined;
    const givenUp = new Promise<boolean>((resolve) => (giveUp = () => resolve(false)));
    projector.reached = () => {
      come += 1;
      return givenUp;
    };
    const far = [...headers, `Ledger-Min-Position: ${(await store.head()) + 100n}`];
    const waiting = Array.from({ length: 3 * URGENT_MAX }, async () => {
      const asked = { headers: far, body: '{"token":"x"}' };
      const answer = await served.send({ method: 'POST', path: '/v1/verify' }, asked);
      if (answer.status === 503 && answer.body.includes('OVERLOADED')) come += 1;
      return answer;
    });
    while (come < waiting.length) await new Promise(setImmediate);
    projector.reached = reached;
    giveUp();
    const codes = (await Promise.all(waiting)).map(
      ({ body }) => (JSON.parse(body) as { code: string }).code,
    );
    expect(codes.filter((code) => code === 'BEHIND')).toHaveLength(URGENT_MAX - REQUESTS_MAX);
    expect(codes.filter((code) => code === 'OVERLOADED').length).toBe(
      2 * URGENT_MAX + REQUESTS_MAX,
    );
    open();
    await Promise.all(held);
    expect((await verify()).status).toBe(200);
  });
});
