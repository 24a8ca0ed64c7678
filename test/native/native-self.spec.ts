import { NativeWorld, UNKNOWN_ID } from './support/native-world.js';

let world: NativeWorld;

beforeEach(async () => {
  world = await NativeWorld.start();
});
afterEach(() => world.close());

describe('GET /v1/self', () => {
  it('tells a token who it is', async () => {
    const expiresAt = '2027-01-01T00:00:00.000Z';
    const { client, id } = await world.token({ scopes: ['a'], maxQuota: 3, expiresAt });
    const { body } = await client.get('/v1/self');
    expect(body).toMatchObject({
      ...{ principal: { kind: 'org_token', id }, tokenId: id, name: 'ci', dialect: 'native' },
      ...{ organization: { slug: 'demo', name: 'Demo' }, organizations: [], operator: false },
      ...{ scopes: ['a'], quota: { limit: 3, remaining: 3 }, expiresAt },
    });
  });

  it('tells a person who they are, and where they belong', async () => {
    const user = await world.user('member');
    await world.organization('other');
    await world.setMember(user.userId, 'admin', 'other');
    const { body } = await user.client.get('/v1/self');
    expect(body).toMatchObject({
      ...{ principal: { kind: 'user', id: user.userId }, organization: null, operator: false },
      ...{ scopes: [], dialect: null, expiresAt: null },
    });
    const roles = body.organizations.map((each: Record<string, string>) => [
      ...[each['slug'], each['role']],
    ]);
    expect(new Map(roles)).toEqual(
      new Map([
        ['demo', 'member'],
        ['other', 'admin'],
      ]),
    );
    expect((await world.admin.get('/v1/self')).body.operator).toBe(true);
  });

  it('tells a Socket token as well', async () => {
    const { client } = await world.socketToken(['repo']);
    expect((await client.get('/v1/self')).body).toMatchObject({
      ...{ dialect: 'socket', scopes: ['repo'] },
    });
  });
});

describe('POST /v1/self/revoke', () => {
  it('ends a token that holds no scope (A17)', async () => {
    const { client, id, path } = await world.token();
    const { status, body } = await client.post('/v1/self/revoke', { reason: 'compromised' });
    expect([status, body.tokenId]).toEqual([200, id]);
    expect((await client.get('/v1/self')).status).toBe(401);
    const again = await world.admin.post(`${path}/revoke`);
    expect(again.body).toMatchObject({
      ...{ revocationId: body.revocationId, token: { revokedReason: 'compromised' } },
    });
  });

  it('ends a Socket token, whatever its scopes', async () => {
    const { client, path } = await world.socketToken([]);
    expect((await client.post('/v1/self/revoke')).status).toBe(200);
    expect((await world.admin.get(path)).body.status).toBe('revoked');
  });

  it('ends the personal token that was presented', async () => {
    const { client } = await world.user('member');
    const { status, body } = await client.post('/v1/self/revoke');
    expect([status, body.revocationId]).toEqual([200, null]);
    expect((await client.get('/v1/self')).status).toBe(401);
  });
});

describe('introspection (RFC 7662)', () => {
  it('tells what a living secret is', async () => {
    const token = await world.token({
      ...{ scopes: ['a', 'b:c'], expiresAt: '2026-04-01T00:00:00.000Z', ownerId: 'team-7' },
    });
    const gateway = await world.token({ scopes: ['ledger:tokens:verify'] });
    const form = { token: token.secret, token_type_hint: 'access_token', resource: 'ignored' };
    const { body } = await gateway.client.form('/v1/introspect', form);
    expect(body).toMatchObject({
      ...{ active: true, scope: 'a b:c', client_id: token.id, sub: token.id },
      ...{ token_type: 'Bearer', owner_id: 'team-7', name: 'ci' },
      iat: Date.parse('2026-03-27T10:00:00.000Z') / 1000,
      exp: Date.parse('2026-04-01T00:00:00.000Z') / 1000,
    });
  });

  it('answers every negative alike (A15)', async () => {
    const revoked = await world.token();
    await world.admin.post(`${revoked.path}/revoke`);
    const rotated = await world.token();
    await world.admin.post(`${rotated.path}/rotate`);
    const expired = await world.token({ expiresAt: '2026-03-27T10:00:01.000Z' });
    const other = await world.organization('other');
    const foreign = await world.token({}, other.admin.client, 'other');
    const gateway = await world.token({ scopes: ['ledger:tokens:verify'] });
    world.clock.advance(1000);
    const secrets = [
      ...[revoked.secret, rotated.secret, expired.secret, foreign.secret, world.service.admin],
      ...['x', UNKNOWN_ID, `tl_${'0'.repeat(30)}2C8GjS`, `${revoked.secret.slice(0, -1)}_`],
    ];
    for (const token of secrets) {
      const { status, text } = await gateway.client.form('/v1/introspect', { token });
      expect([status, text]).toEqual([200, '{"active":false}']);
    }
    expect((await world.with(null).form('/v1/introspect', { token: 'x' })).status).toBe(401);
  });

  it.each(['', 'token=', 'token=a&token=b', 'token_type_hint=x', 'token=a&client_secret=b'])(
    'refuses the form %p',
    async (form) => {
      for (const path of ['/v1/introspect', '/v1/revoke']) {
        const { status, body } = await world.admin.form(path, form);
        expect([status, body.code, body.error]).toEqual([
          ...[400, 'INVALID_REQUEST', 'invalid_request'],
        ]);
      }
    },
  );

  it('takes a form, and no JSON', async () => {
    for (const path of ['/v1/introspect', '/v1/revoke']) {
      expect((await world.admin.post(path, { token: 'x' })).status).toBe(415);
    }
  });
});

describe('revocation (RFC 7009)', () => {
  const revoke = (by: typeof world.admin, token: string) => by.form('/v1/revoke', { token });

  it('ends a token by any of its living secrets, with an empty answer', async () => {
    const token = await world.token();
    const rotated = await world.admin.post(`${token.path}/rotate`, { graceSeconds: 60 });
    const { status, text } = await revoke(world.admin, token.secret);
    expect([status, text]).toEqual([200, '']);
    expect((await world.as(rotated.body.secret).get('/v1/self')).status).toBe(401);
  });

  it('is always allowed to the token itself, and to others by scope', async () => {
    const [own, other] = [await world.token(), await world.token()];
    expect((await revoke(own.client, other.secret)).body.code).toBe('INSUFFICIENT_SCOPE');
    expect((await revoke(own.client, 'unknown')).body.code).toBe('INSUFFICIENT_SCOPE');
    expect((await revoke(own.client, world.service.admin)).status).toBe(403);
    expect((await revoke(own.client, own.secret)).status).toBe(200);
    const revoker = await world.token({ scopes: ['ledger:tokens:revoke'] });
    expect((await revoke(revoker.client, other.secret)).status).toBe(200);
    for (const { client } of [own, other]) expect((await client.get('/v1/self')).status).toBe(401);
  });

  it('answers 200 to what is not alive or not theirs, and does nothing', async () => {
    const rotated = await world.token();
    const { body } = await world.admin.post(`${rotated.path}/rotate`);
    const other = await world.organization('other');
    const foreign = await world.token({}, other.admin.client, 'other');
    const person = await world.person();
    const types = await world.recordedTypes(async () => {
      for (const secret of [
        rotated.secret,
        foreign.secret,
        person.personalToken,
        'x',
        UNKNOWN_ID,
      ]) {
        expect((await revoke(world.admin, secret)).status).toBe(200);
      }
    });
    expect(types).toEqual([]);
    expect((await world.as(body.secret).get('/v1/self')).status).toBe(200);
  });

  it('holds members to what they made', async () => {
    const [open, hidden] = [await world.token(), await world.token({ visibility: 'admin' })];
    const { client } = await world.user('member');
    expect((await revoke(client, open.secret)).body.code).toBe('FORBIDDEN');
    expect((await revoke(client, hidden.secret)).status).toBe(200);
    expect((await hidden.client.get('/v1/self')).status).toBe(200);
  });

  it("ends a person's own personal token", async () => {
    const { client, personalToken } = await world.person();
    expect((await revoke(client, personalToken)).status).toBe(200);
    expect((await client.get('/v1/self')).status).toBe(401);
  });
});
