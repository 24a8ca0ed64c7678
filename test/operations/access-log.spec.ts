import { fastify } from 'fastify';
import { LOG_LINES } from '../../apps/ledger-api/src/operations/log-lines.js';
import { RequestCounts } from '../../apps/ledger-api/src/operations/request-series.js';
import { RequestWatch } from '../../apps/ledger-api/src/operations/request-watch.js';
import { ServiceState } from '../../apps/ledger-api/src/operations/service-state.js';
import { StoreUnavailable } from '@ledger/event-store';
import { createLog } from '@ledger/process';
import { type LedgerConfig } from '@ledger/runtime';
import {
  call,
  CapturedLines,
  createToken,
  startOperatedService,
  TroubledStore,
  type OperatedService,
} from './operated-service.js';

async function untilLines(captured: CapturedLines, count: number): Promise<void> {
  while (captured.written.length < count) await new Promise((resolve) => setTimeout(resolve, 2));
}

describe('the access log', () => {
  let service: OperatedService;

  beforeEach(async () => {
    service = await startOperatedService();
  });
  afterEach(() => service.close());

  /** The lines so far, once there are as many: a line is written after its answer was sent. */
  const lines = async (count: number): Promise<readonly Record<string, unknown>[]> => {
    await untilLines(service.captured, count);
    return service.captured.lines;
  };

  it('has one line a request: who did what, where, with which outcome (L1)', async () => {
    const response = await call(service, '/v0/quota?secret=planted', {
      headers: { 'x-request-id': 'my-request-1', 'user-agent': 'probe/1' },
    });
    expect(response.status).toBe(200);
    const [line] = await lines(1);
    expect(line).toEqual({
      ...{ level: 'info', name: 'token-ledger', event: 'request', msg: LOG_LINES['request'].says },
      ...{ requestId: 'my-request-1', method: 'GET', route: '/v0/quota', status: 200 },
      ...{ ip: '127.0.0.1', userAgent: 'probe/1', callerKind: 'user' },
      callerId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      ms: expect.any(Number),
    });
    expect(service.captured.lines).toHaveLength(1);
    expect(service.captured.text).not.toContain('planted');
    expect(service.captured.text).not.toContain(service.admin);
  });

  it('tells changes from reads, with what was changed', async () => {
    const { group_uuid: id, token } = await createToken(service);
    expect((await lines(1))[0]).toMatchObject({
      ...{ event: 'admin.action', level: 'info', method: 'POST', status: 200, callerKind: 'user' },
      orgId: service.ledger.directory.organization('demo')!.orgId,
    });
    const revoked = await call(service, `/v0/orgs/demo/tokens/${id}/revoke`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    });
    expect([revoked.status, await revoked.text()]).toEqual([200, expect.anything()]);
    expect((await lines(2))[1]).toMatchObject({
      event: 'admin.action',
      route: '/v0/orgs/:org_slug/tokens/:id/revoke',
      tokenId: expect.any(String),
    });
    expect(service.captured.text).not.toContain(token);
  });

  it('never repeats what a path holds, unless the ledger knows it by that name', async () => {
    const { token } = await createToken(service);
    await call(service, `/v0/orgs/demo/tokens/${token}/revoke`, { method: 'POST' });
    await call(service, `/v0/orgs/planted-org/tokens/planted-id/revoke`, { method: 'POST' });
    await call(service, `/v0/${token}`);
    await lines(4);
    expect(service.captured.text).not.toContain(token);
    expect(service.captured.text).not.toContain('planted');
  });

  it.each([
    { presented: null, what: 'none' },
    { presented: 'not-a-token', what: 'malformed' },
    { presented: 'bc3b1f63-3a5c-4f6e-9bb5-0d8ad8bca2f4', what: 'unknown' },
  ])('warns of a credential that is $what', async ({ presented }) => {
    await call(service, '/v0/quota', { token: presented });
    expect((await lines(1))[0]).toMatchObject({
      ...{ event: 'authentication.failed', level: 'warn', status: 401, callerKind: 'none' },
      ...{ route: '/v0/quota', ip: '127.0.0.1', requestId: expect.any(String) },
    });
    if (presented) expect(service.captured.text).not.toContain(presented);
  });

  it('warns of denials, by right and by quota, and names the caller', async () => {
    const { token } = await createToken(service);
    const { tokenId: callerId } = service.ledger.tokens.page({
      ...{ orgId: service.ledger.directory.organization('demo')!.orgId, dialect: 'socket' },
      ...{ viewer: { seesAll: true, userId: null }, direction: 'desc', page: 1, perPage: 1 },
    } as never).items[0]!.token;
    await call(service, '/v0/orgs/demo/audit-log', { token });
    await call(service, '/v0/orgs/demo/api-tokens', { token });
    await call(service, '/v0/orgs/demo/api-tokens', { token });
    await lines(4);
    expect(service.captured.of('access.denied')).toMatchObject([
      { level: 'warn', status: 403, callerKind: 'token', callerId },
      { level: 'warn', status: 429, callerKind: 'token', callerId },
    ]);
  });

  it('tells in full of a bug, and of nothing in the answer', async () => {
    service.ledger.directory.organization = () => {
      throw new Error('planted bug');
    };
    const response = await call(service, '/v0/orgs/demo/api-tokens');
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain('planted');
    const [line] = service.captured.of('request.failed');
    expect(line).toMatchObject({ level: 'error', requestId: response.headers.get('x-request-id') });
    expect(line).toMatchObject({ err: { message: 'planted bug', stack: expect.any(String) } });
  });

  it('goes on answering and writing while the log cannot be written, and counts what is lost (L2)', async () => {
    service.captured.write = () => {
      service.captured.lost += 1;
    };
    const { status } = await createToken(service);
    expect(status).toBe(200);
    const metrics = await (await fetch(`${service.url}/metrics`)).text();
    expect(metrics).toMatch(/^ledger_log_lines_lost_total [1-9]/m);
  });
});

it('acknowledges no change whose event is not durable (L2)', async () => {
  const store = new TroubledStore();
  const service = await startOperatedService({ store });
  store.append = () => Promise.reject(new StoreUnavailable('planted'));
  expect((await createToken(service)).status).toBe(503);
  expect(service.captured.of('request.unavailable')).toMatchObject([{ code: 'STORE_UNAVAILABLE' }]);
  await service.close();
});

describe('calls of hot routes', () => {
  const answerHot = async (level: LedgerConfig['LOG_LEVEL'], status: number) => {
    const captured = new CapturedLines();
    const counts = new RequestCounts();
    const log = createLog({ level, lines: captured });
    const server = fastify();
    new RequestWatch({ counts, log, state: new ServiceState() }).attach(server);
    server.post('/v1/verify', (_request, reply) => reply.code(status).send({ valid: true }));
    const url = await server.listen({ port: 0, host: '127.0.0.1' });
    await fetch(`${url}/v1/verify`, { method: 'POST' });
    await server.close();
    return { captured, counts };
  };

  it('are counted, and told only when debugging', async () => {
    const { captured, counts } = await answerHot('info', 200);
    expect(captured.lines).toEqual([]);
    expect(counts.called().map(({ labels, count }) => ({ ...labels, count }))).toEqual([
      { dialect: 'native', route: '/v1/verify', method: 'POST', count: 1 },
    ]);
    const debugging = await answerHot('debug', 200);
    expect(debugging.captured.lines).toMatchObject([{ event: 'request.hot', level: 'debug' }]);
  });

  it.each([
    { status: 401, event: 'authentication.failed' },
    { status: 403, event: 'access.denied' },
  ])('are told when they are refused with $status', async ({ status, event }) => {
    expect((await answerHot('info', status)).captured.lines).toMatchObject([{ event, status }]);
  });
});
