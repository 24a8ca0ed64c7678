import { createHash } from 'node:crypto';
import { SocketWorld, tokenBody, UNKNOWN_UUID, type TestToken } from '../support/socket-world.js';

let world: SocketWorld;
let token: TestToken;

beforeAll(async () => {
  world = await SocketWorld.start();
});
beforeEach(async () => {
  token = await world.token({ scopes: ['api-tokens', 'repo'] });
});
afterAll(() => world.close());

const call = (operation: 'rotate' | 'revoke' | 'update', identifiers: object) => {
  const body = operation === 'update' ? { ...tokenBody(), ...identifiers } : identifiers;
  return world.root.client.call(operation, { body });
};
const rotate = (identifiers: object) => world.root.client.rotate(identifiers);
const idOf = async ({ group_uuid: uuid }: TestToken) => (await world.root.client.listed(uuid))!.id;
const isAlive = async (secret: string) => {
  const { status } = await world.as(secret).call('quota');
  return status === 200;
};
const NOT_FOUND = { error: { message: 'API token not found', details: null } };

describe('rotating a token', () => {
  it('answers exactly a new secret, hash and id of the same token', async () => {
    const idBefore = await idOf(token);
    const rotated = await rotate({ uuid: token.group_uuid });
    expect(Object.keys(rotated).sort()).toEqual([
      'created_by',
      'group_uuid',
      'hash',
      'id',
      'token',
    ]);
    expect(rotated.group_uuid).toBe(token.group_uuid);
    expect(rotated.created_by).toBe(token.created_by);
    expect(rotated.token).not.toBe(token.token);
    expect(rotated.id).not.toBe(idBefore);
    const digest = createHash('sha512').update(rotated.token).digest('base64');
    expect(rotated.hash).toBe(`sha512-${digest}`);
  });

  it('ends the old secret at once, and gives the new one all that the old one had', async () => {
    const before = await world.root.client.listed(token.group_uuid);
    const rotated = await rotate({ uuid: token.group_uuid });
    expect([await isAlive(token.token), await isAlive(rotated.token)]).toEqual([false, true]);
    const { id, hash } = rotated;
    expect(await world.root.client.listed(token.group_uuid)).toEqual({ ...before, id, hash });
  });

  it('keeps what was spent of the quota', async () => {
    await token.client.list();
    const rotated = await rotate({ uuid: token.group_uuid });
    expect(await world.as(rotated.token).remaining()).toBe(990);
  });

  it('keeps the limits to resources', async () => {
    const resources = [{ organizationSlug: 'demo', repositorySlug: 'api' }];
    const limited = await world.token({ scopes: ['api-tokens:list'], resources });
    const rotated = await rotate({ uuid: limited.group_uuid });
    expect((await world.as(rotated.token).call('list')).status).toBe(403);
  });

  it.each([
    ['uuid', async () => ({ uuid: token.group_uuid })],
    ['token', async () => ({ token: token.token })],
    ['hash', async () => ({ hash: token.hash })],
    ['id, which later versions name', async () => ({ id: await idOf(token) })],
    ['uuid and hash', async () => ({ uuid: token.group_uuid, hash: token.hash })],
  ])('finds the token by %s, to rotate and to revoke', async (_name, identifiers) => {
    expect((await call('revoke', await identifiers())).body).toEqual({ status: 'revoked' });
    token = await world.token();
    expect((await rotate(await identifiers())).group_uuid).toBe(token.group_uuid);
  });

  it('records one rotation and one charge', async () => {
    expect(await world.recordedTypes(() => rotate({ uuid: token.group_uuid }))).toEqual([
      'QuotaConsumed',
      'TokenRotated',
    ]);
  });

  it.each(['rotate', 'revoke', 'update'] as const)(
    'K3: %s finds nothing by an old secret, hash or id',
    async (operation) => {
      const old = { token: token.token, hash: token.hash, id: await idOf(token) };
      const { token: current, hash } = await rotate({ uuid: token.group_uuid });
      for (const [name, value] of Object.entries(old)) {
        const { status, body } = await call(operation, { [name]: value });
        expect([status, body]).toEqual([404, NOT_FOUND]);
      }
      // Nor does an old name become right beside a current one of the same token (A12).
      for (const names of [
        { token: old.token, hash },
        { token: current, hash: old.hash },
        { id: old.id, hash },
        { uuid: token.group_uuid, token: old.token, hash },
      ]) {
        const { status, body } = await call(operation, names);
        expect([status, body]).toEqual([404, NOT_FOUND]);
      }
      expect(await isAlive(current)).toBe(true);
    },
  );

  it.each(['rotate', 'revoke'] as const)(
    'K4: %s with a uuid and a hash that do not belong together changes nothing',
    async (operation) => {
      const rotated = await rotate({ uuid: token.group_uuid });
      for (const hash of [token.hash, world.root.hash, 'sha512-none']) {
        const types = await world.recordedTypes(async () => {
          const { status, body } = await call(operation, { uuid: token.group_uuid, hash });
          expect([status, body]).toEqual([404, NOT_FOUND]);
        });
        expect(types).toEqual(['QuotaConsumed']);
      }
      expect(await isAlive(rotated.token)).toBe(true);
    },
  );

  it.each(['rotate', 'revoke'] as const)(
    'K5: %s does not find what is unknown',
    async (operation) => {
      const unknown = `sktsec_${'x'.repeat(43)}_api`;
      for (const by of [
        { uuid: UNKNOWN_UUID },
        { id: UNKNOWN_UUID },
        { hash: 'x' },
        { token: unknown },
      ]) {
        const { status, body } = await call(operation, by);
        expect([status, body]).toEqual([404, NOT_FOUND]);
      }
    },
  );

  it.each(['rotate', 'revoke'] as const)(
    '%s refuses what names no token or several',
    async (operation) => {
      const other = await world.token();
      const bodies = [
        {},
        { uuid: '', id: '', token: '', hash: '' },
        { uuid: 'x' },
        { uuid: 1 },
        { hash: null },
        { uuid: token.group_uuid, token: other.token },
        { id: UNKNOWN_UUID, hash: token.hash },
        { uuid: token.group_uuid, name: 'x' },
        { uuid: token.group_uuid, scopes: ['*'] },
      ];
      for (const body of bodies) expect((await call(operation, body)).status).toBe(400);
      expect((await world.root.client.call(operation)).status).toBe(400);
      expect(await isAlive(token.token)).toBe(true);
    },
  );

  it('K7: a token that rotated itself is unknown by its old secret on the next call', async () => {
    const rotated = await token.client.rotate({ uuid: token.group_uuid });
    expect((await token.client.call('list')).status).toBe(401);
    expect((await world.as(rotated.token).call('list')).status).toBe(200);
  });

  it('K21: a leaked secret that names the token of another is enough to revoke it', async () => {
    const { status, body } = await call('revoke', { token: token.token });
    expect([status, body]).toEqual([200, { status: 'revoked' }]);
    expect(await isAlive(token.token)).toBe(false);
  });
});

describe('revoking a token', () => {
  it('K1: no identifier rotates or updates a revoked token', async () => {
    const names = {
      uuid: token.group_uuid,
      id: await idOf(token),
      token: token.token,
      hash: token.hash,
    };
    await call('revoke', { uuid: token.group_uuid });
    for (const operation of ['rotate', 'update'] as const) {
      for (const [name, value] of Object.entries(names)) {
        const { status, body } = await call(operation, { [name]: value });
        expect([operation, name, status, body]).toEqual([operation, name, 404, NOT_FOUND]);
      }
    }
  });

  it('K2: revoking twice gives the same answer and no second event', async () => {
    const names = {
      uuid: token.group_uuid,
      id: await idOf(token),
      hash: token.hash,
      token: token.token,
    };
    const types = await world.recordedTypes(async () => {
      for (const [name, value] of Object.entries({ ...names, again: '' })) {
        const by = name === 'again' ? names : { [name]: value };
        const { status, body } = await call('revoke', by);
        expect([name, status, body]).toEqual([name, 200, { status: 'revoked' }]);
      }
    });
    expect(types.filter((type) => type === 'TokenRevoked')).toHaveLength(1);
    expect(types.filter((type) => type === 'QuotaConsumed')).toHaveLength(5);
  });

  it('K7: a token that revoked itself is answered, and unknown on the next call', async () => {
    const { status, body } = await token.client.call('revoke', { body: { token: token.token } });
    expect([status, body]).toEqual([200, { status: 'revoked' }]);
    expect((await token.client.call('revoke', { body: { token: token.token } })).status).toBe(401);
  });

  it('ends every secret that the token ever had', async () => {
    const second = await rotate({ uuid: token.group_uuid });
    const third = await rotate({ uuid: token.group_uuid });
    await call('revoke', { uuid: token.group_uuid });
    const alive = await Promise.all([token, second, third].map((each) => isAlive(each.token)));
    expect(alive).toEqual([false, false, false]);
  });

  it('needs api-tokens:revoke, even for oneself', async () => {
    const weak = await world.token({ scopes: ['api-tokens:rotate'] });
    const { status, text } = await weak.client.call('revoke', { body: { uuid: weak.group_uuid } });
    expect(status).toBe(403);
    expect(text).toContain('api-tokens:revoke');
  });
});
