import { SocketWorld, tokenBody, UNKNOWN_UUID, type TestToken } from '../support/socket-world.js';

let world: SocketWorld;
let token: TestToken;
let id: string;

beforeAll(async () => {
  world = await SocketWorld.start();
});
beforeEach(async () => {
  token = await world.token({ name: 'before' });
  ({ id } = (await world.root.client.listed(token.group_uuid))!);
});
afterAll(() => world.close());

const TOKENS = '/orgs/{org_slug}/tokens';
const pathOf = (name: string, verb: string) => `${TOKENS}/${encodeURIComponent(name)}/${verb}`;

// Decision 18: the older SDK calls these paths.
describe('the paths of the older client', () => {
  it('create and list as the newer ones do', async () => {
    const { client } = world.root;
    const created = await client.create(tokenBody({ name: 'old path' }), { path: TOKENS });
    const listed = await client.call('list', { path: TOKENS });
    expect(listed.body).toEqual((await client.call('list')).body);
    expect(listed.text).toContain(created.group_uuid);
    const { status } = await client.call('list', { path: TOKENS, query: 'page=0' });
    expect(status).toBe(400);
  });

  it.each([
    ['the id of its secret', () => id],
    ['its uuid', () => token.group_uuid],
    ['its uuid in capitals', () => token.group_uuid.toUpperCase()],
  ])('name a token by %s: update, rotate, revoke', async (_name, name) => {
    const { client } = world.root;
    const body = tokenBody({ name: 'after' });
    const updated = await client.call('update', { path: pathOf(name(), 'update'), body });
    expect([updated.status, updated.body]).toEqual([200, { hash: token.hash }]);
    expect((await client.listed(token.group_uuid))!.name).toBe('after');

    const rotated = await client.rotate({}, { path: pathOf(name(), 'rotate') });
    expect(rotated.group_uuid).toBe(token.group_uuid);
    expect((await token.client.call('quota')).status).toBe(401);

    const names = { uuid: token.group_uuid, id: rotated.id };
    const again = name() === id ? names.id : names.uuid;
    const revoked = await client.call('revoke', { path: pathOf(again, 'revoke'), body: {} });
    expect([revoked.status, revoked.body]).toEqual([200, { status: 'revoked' }]);
  });

  it('need no body to rotate and revoke', async () => {
    const { client } = world.root;
    const rotated = await client.call('rotate', { path: pathOf(token.group_uuid, 'rotate') });
    expect(rotated.status).toBe(200);
    const revoked = await client.call('revoke', { path: pathOf(token.group_uuid, 'revoke') });
    expect(revoked.status).toBe(200);
  });

  it('take a body that names the same token, and none that names another', async () => {
    const { client } = world.root;
    const other = await world.token();
    const path = pathOf(token.group_uuid, 'rotate');
    for (const body of [
      { uuid: other.group_uuid },
      { token: other.token },
      { name: 'x' },
      { id: UNKNOWN_UUID },
    ]) {
      expect((await client.call('rotate', { path, body })).status).toBe(400);
    }
    expect((await client.call('rotate', { path, body: { hash: other.hash } })).status).toBe(404);
    expect((await client.call('rotate', { path, body: '[]' })).status).toBe(400);
    expect((await token.client.call('quota')).status).toBe(200);
    const rotated = await client.rotate({ id }, { path });
    const oldPath = { path: pathOf(id, 'rotate') };
    const current = await client.call('rotate', { ...oldPath, body: { id: rotated.id } });
    expect(current.status).toBe(404);
  });

  it.each(['update', 'rotate', 'revoke'] as const)(
    'K3, K5: %s finds no other',
    async (operation) => {
      const body = operation === 'update' ? tokenBody() : {};
      await world.root.client.rotate({ id });
      for (const name of [id, UNKNOWN_UUID, 'x', '%', token.hash, token.token, '../revoke']) {
        const path = pathOf(name, operation);
        const { status } = await world.root.client.call(operation, { path, body });
        expect([name, status]).toEqual([name, 404]);
      }
    },
  );

  it('cost and demand what the newer ones do', async () => {
    const { client } = await world.token({ scopes: ['api-tokens'] });
    const weak = await world.token({ scopes: ['api-tokens:update'] });
    const calls = [
      ['create', TOKENS, tokenBody()],
      ['list', TOKENS, undefined],
      ['update', pathOf(token.group_uuid, 'update'), tokenBody()],
      ['rotate', pathOf(token.group_uuid, 'rotate'), {}],
      ['revoke', pathOf(token.group_uuid, 'revoke'), {}],
    ] as const;
    for (const [index, [operation, path, body]] of calls.entries()) {
      const request = body === undefined ? { path } : { path, body };
      expect((await weak.client.call(operation, request)).status).toBe(403);
      expect((await world.with(null).call(operation, request)).status).toBe(401);
      expect((await client.call(operation, request)).status).toBe(200);
      expect(await client.remaining()).toBe(1000 - 10 * (index + 1));
    }
  });
});
