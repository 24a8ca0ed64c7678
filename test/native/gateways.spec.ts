import type { NativeAnswer, NativeClient } from './support/native-client.js';
import { NativeWorld, UNKNOWN_ID, type TestToken, type TestUser } from './support/native-world.js';

let world: NativeWorld;
let gateway: TestToken;
let operator: TestUser;

beforeEach(async () => {
  world = await NativeWorld.start();
  const scopes = ['ledger:tokens:verify', 'ledger:events:read'];
  gateway = await world.token({ name: 'gateway', scopes });
  operator = await world.person({ operator: true });
});
afterEach(() => world.close());

const head = async (): Promise<string> => String(await world.service.ledger.store.head());

async function report(
  gatewayId: string,
  position: unknown = undefined,
  by: NativeClient = gateway.client,
  query: Record<string, string> = {},
): Promise<NativeAnswer> {
  const body = { position: position ?? (await head()) };
  return by.call('PUT', `/v1/gateways/${gatewayId}`, { body, query });
}

const retire = (gatewayId: string, by = gateway.client, query: Record<string, string> = {}) =>
  by.call('DELETE', `/v1/gateways/${gatewayId}`, { query });

async function revoke(token?: TestToken): Promise<string> {
  const { path } = token ?? (await world.token());
  return (await world.admin.post(`${path}/revoke`)).body.revocationId;
}

const propagation = (revocationId: string, by: NativeClient = gateway.client) =>
  by.get(`/v1/revocations/${revocationId}/propagation`);

describe('the walk of a revocation', () => {
  it('is shown from the revoke to the last gateway', async () => {
    for (const name of ['edge-1', 'edge-2']) expect((await report(name)).status).toBe(204);
    const token = await world.token();
    const revokedAt = world.clock.now();
    const revocation = await revoke(token);
    const open = { id: 'edge-1', effectiveAt: null, afterMs: null };
    expect((await propagation(revocation)).body).toEqual({
      revokedAt,
      gateways: [open, { ...open, id: 'edge-2' }],
      effective: 0,
      of: 2,
    });
    world.clock.advance(7);
    await report('edge-2');
    const effective = { id: 'edge-2', effectiveAt: world.clock.now(), afterMs: 7 };
    expect((await propagation(revocation)).body).toMatchObject({
      gateways: [open, effective],
      ...{ effective: 1, of: 2 },
    });
    world.clock.advance(5);
    await retire('edge-1');
    const body = { revokedAt, effective: 2, of: 2 };
    const gone = { id: 'edge-1', effectiveAt: world.clock.now(), afterMs: 12 };
    expect((await propagation(revocation)).body).toEqual({ ...body, gateways: [gone, effective] });
  });

  it('is answered for the ids of every way to revoke', async () => {
    await report('edge-1');
    const self = await world.token();
    const { body } = await self.client.post('/v1/self/revoke');
    expect((await propagation(body.revocationId)).body).toMatchObject({ effective: 0, of: 1 });
    const upper = body.revocationId.toUpperCase();
    expect((await propagation(upper)).status).toBe(200);
  });
});

describe('a report', () => {
  it('is one fact for each step forward, and none for others', async () => {
    const position = await head();
    const types = await world.recordedTypes(async () => {
      await report('edge-1', '3');
      await report('edge-1', '3');
      await report('edge-1', '1');
      await report('edge-1', position);
    });
    expect(types).toEqual(['GatewayReported', 'GatewayReported']);
    const { body } = await gateway.client.get('/v1/gateways');
    expect(body.items).toEqual([
      {
        id: 'edge-1',
        orgId: world.service.ledger.directory.organization('demo')!.orgId,
        position,
        reporting: true,
        since: world.clock.now(),
        reportedAt: world.clock.now(),
      },
    ]);
  });

  it('tells the position that it was written at', async () => {
    const { headers } = await report('edge-1');
    expect(headers.get('ledger-position')).toBe(await head());
  });

  it.each([
    ['ahead of the log', '999', '/position', /lies ahead of the log, which is at \d+/],
    ['no position', 'x', '/position', /must be a position/],
    ['a number', 5, '/position', /must be a position/],
    ['null', null, '/position', /must be a position/],
  ])('of a position that is %s is refused', async (_what, position, pointer, message) => {
    const answer = await gateway.client.call('PUT', '/v1/gateways/edge-1', { body: { position } });
    expect([answer.status, answer.body.errors]).toEqual([
      400,
      [{ pointer, message: expect.stringMatching(message) }],
    ]);
  });

  it.each(['Edge', '-edge', 'e_1', `e${'x'.repeat(63)}`, '%F0%9F%9A%80'])(
    'of a gateway named %s is refused',
    async (name) => {
      const { status, body } = await report(name);
      expect([status, body.errors[0].parameter]).toEqual([400, 'gatewayId']);
    },
  );

  it('leaves nothing that the gateway chose in the name of its stream', async () => {
    await report('edge-1');
    const events = await world.service.ledger.store.readAllAfter(0n, 1000);
    const { streamId } = events.find(({ payload }) => payload.type === 'GatewayReported')!;
    expect(streamId).toMatch(
      /^gateway-[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
  });
});

describe('retiring', () => {
  it('is answered alike when repeated, and leaves one fact', async () => {
    await report('edge-1');
    const types = await world.recordedTypes(async () => {
      expect((await retire('edge-1')).status).toBe(204);
      expect((await retire('edge-1')).status).toBe(204);
    });
    expect(types).toEqual(['GatewayRetired']);
    expect((await propagation(await revoke())).body).toMatchObject({ effective: 0, of: 0 });
  });

  it('of what never reported is refused', async () => {
    expect((await retire('edge-1')).body).toMatchObject({ status: 404, code: 'NOT_FOUND' });
  });

  it('is entered into the audit log, as its coming is, and its reports are not', async () => {
    await report('edge-1', '1');
    await report('edge-1');
    await retire('edge-1');
    const { body } = await world.admin.get('/v1/orgs/demo/audit-events', { query: { limit: 2 } });
    expect(body.items.map(({ type, details }: never) => [type, details])).toEqual([
      ['GatewayRetired', { gatewayId: 'edge-1' }],
      ['GatewayReported', { gatewayId: 'edge-1' }],
    ]);
  });
});

describe('whose gateways', () => {
  it('are those of the calling token, the operator, or an organization that is named', async () => {
    const other = await world.organization('other');
    await report('edge-1');
    await report('edge-1', undefined, operator.client);
    await report('edge-1', undefined, other.admin.client, { org: 'other' });
    const names = async (by: NativeClient): Promise<unknown[]> =>
      (await by.get('/v1/gateways')).body.items.map(({ orgId }: { orgId: string }) => orgId);
    const { orgId } = world.service.ledger.directory.organization('demo')!;
    expect(new Set(await names(operator.client))).toEqual(new Set([null, orgId, other.orgId]));
    expect(new Set(await names(gateway.client))).toEqual(new Set([null, orgId]));
    expect(new Set(await names(other.admin.client))).toEqual(new Set([null, other.orgId]));
    expect((await propagation(await revoke())).body.of).toBe(2);
  });

  it('of another organization do not exist', async () => {
    const other = await world.organization('other');
    const foreign = await world.token({}, other.admin.client, 'other');
    const revoked = await other.admin.client.post(`${foreign.path}/revoke`);
    const { revocationId } = revoked.body;
    expect((await report('edge-1', '0', gateway.client, { org: 'other' })).status).toBe(404);
    expect((await retire('edge-1', gateway.client, { org: 'other' })).status).toBe(404);
    const hidden = await propagation(revocationId);
    const unknown = await propagation(UNKNOWN_ID);
    expect([hidden.status, unknown.status]).toEqual([404, 404]);
    expect({ ...hidden.body, instance: '' }).toEqual({ ...unknown.body, instance: '' });
    expect((await propagation(revocationId, other.admin.client)).status).toBe(200);
    expect((await propagation(revocationId, operator.client)).status).toBe(200);
  });

  it('have to be said by admins, who may have several', async () => {
    const admin = await world.user('admin');
    const { body } = await report('edge-1', '0', admin.client);
    expect(body.errors).toEqual([{ parameter: 'org', message: expect.stringMatching(/which/) }]);
    expect((await report('edge-1', '0', admin.client, { org: 'demo' })).status).toBe(204);
  });

  it('may not be spoken for without the scope, or by members', async () => {
    const token = await world.token({ scopes: ['ledger:tokens:verify'] });
    const member = await world.user('member');
    for (const [client, code] of [
      [token.client, 'INSUFFICIENT_SCOPE'],
      [member.client, 'FORBIDDEN'],
    ] as const) {
      expect((await report('edge-1', '0', client)).body.code).toBe(code);
      expect((await retire('edge-1', client)).body.code).toBe(code);
      expect((await propagation(UNKNOWN_ID, client)).body.code).toBe(code);
      expect((await client.get('/v1/gateways')).body.code).toBe(code);
    }
  });

  it('come in pages, in the order of their names', async () => {
    for (const name of ['b', 'c', 'a']) await report(name);
    const first = (await gateway.client.get('/v1/gateways', { query: { limit: 2 } })).body;
    const query = { limit: 2, cursor: first.nextCursor };
    const second = (await gateway.client.get('/v1/gateways', { query })).body;
    const ids = [...first.items, ...second.items].map(({ id }: { id: string }) => id);
    expect([ids, second.nextCursor]).toEqual([['a', 'b', 'c'], null]);
  });

  it('are not paged by the cursor of another organization (A11)', async () => {
    for (const name of ['b', 'c', 'a']) await report(name);
    const { admin } = await world.organization('paged');
    const query = { limit: 1 };
    const own = (await gateway.client.get('/v1/gateways', { query })).body.nextCursor;
    for (const [cursor, client, status] of [
      [own, gateway.client, 200],
      [own, admin.client, 400],
    ] as const) {
      const answer = await client.get('/v1/gateways', { query: { ...query, cursor } });
      expect(answer.status).toBe(status);
    }
  });
});
