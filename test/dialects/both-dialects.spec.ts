import { tokenBody, UNKNOWN_UUID } from '../support/socket-world.js';
import { ADMIN_KEYS } from '../support/socmate-client.js';
import { SocmateWorld } from '../support/socmate-world.js';

/** A token as either dialect made it. */
interface Made {
  /** What the dialect addresses the token by. */
  readonly name: string;
  readonly secret: string;
}

/** One dialect, as far as both do the same things. Statuses are those of its own contract. */
interface DialectUnderTest {
  readonly dialect: 'socket' | 'socmate';
  readonly created: number;
  readonly ended: number;
  create(by?: string): Promise<Answer>;
  rotate(name: string, by?: string): Promise<Answer>;
  end(name: string, by?: string): Promise<Answer>;
  list(by?: string): Promise<Answer>;
  /** What the secret is told on a route of its own dialect. */
  use(secret: string): Promise<number>;
  made(answer: Answer): Made;
  readonly unknown: string;
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

let world: SocmateWorld;
let admin: string;
let others: string;

beforeAll(async () => {
  world = await SocmateWorld.start();
  admin = world.service.admin;
  others = (await world.socket.organization('globex')).admin.personalToken;
});
afterAll(() => world.close());

async function call(
  method: string,
  path: string,
  headers: Readonly<Record<string, string>>,
  body?: object,
): Promise<Answer> {
  const sent = body === undefined ? {} : { body: JSON.stringify(body) };
  const response = await fetch(`${world.service.url}${path}`, { method, headers, ...sent });
  return { status: response.status, text: await response.text() };
}

const bearer = (secret: string) => ({ authorization: `Bearer ${secret}` });
const field = ({ text }: Answer, name: string) =>
  (JSON.parse(text) as Record<string, string>)[name]!;

const socket: DialectUnderTest = {
  dialect: 'socket',
  created: 200,
  ended: 200,
  unknown: UNKNOWN_UUID,
  create: (by = admin) =>
    call('POST', '/v0/orgs/demo/api-tokens', bearer(by), tokenBody({ name: 'both' })),
  rotate: (uuid, by = admin) =>
    call('POST', `/v0/orgs/${orgOf(by)}/api-tokens/rotate`, bearer(by), { uuid }),
  end: (uuid, by = admin) =>
    call('POST', `/v0/orgs/${orgOf(by)}/api-tokens/revoke`, bearer(by), { uuid }),
  list: (by = admin) =>
    call('GET', `/v0/orgs/${orgOf(by)}/api-tokens?per_page=100&token_values=include`, bearer(by)),
  use: async (secret) => (await call('GET', '/v0/quota', bearer(secret))).status,
  made: (answer) => ({ name: field(answer, 'group_uuid'), secret: field(answer, 'token') }),
};

const socmate: DialectUnderTest = {
  dialect: 'socmate',
  created: 201,
  ended: 204,
  unknown: 'k_000000000000',
  create: (by = admin) =>
    call('POST', ADMIN_KEYS, bearer(by), { name: 'both', scopes: ['incidents:read'] }),
  rotate: (keyId, by = admin) =>
    call('POST', `${ADMIN_KEYS}/${keyId}/rotate`, bearer(by), { grace_period_days: 0 }),
  end: (keyId, by = admin) => call('DELETE', `${ADMIN_KEYS}/${keyId}`, bearer(by)),
  list: (by = admin) => call('GET', ADMIN_KEYS, bearer(by)),
  use: async (secret) => (await call('GET', '/api/v1/incidents', { 'x-api-key': secret })).status,
  made: (answer) => ({ name: field(answer, 'key_id'), secret: field(answer, 'api_key') }),
};

const orgOf = (by: string) => (by === others ? 'globex' : 'demo');
const DIALECTS = [socket, socmate];

async function verified(secret: string): Promise<Record<string, unknown>> {
  const answer = await call(
    ...(['POST', '/v1/verify'] as const),
    { ...bearer(admin), 'content-type': 'application/json' },
    { token: secret },
  );
  return JSON.parse(answer.text) as Record<string, unknown>;
}

describe.each(DIALECTS)('a token of the dialect $dialect', (own) => {
  const other = DIALECTS.find((each) => each !== own)!;
  const make = async () => own.made(await own.create());

  it('is created once for each request, and works at once', async () => {
    const answer = await own.create();
    expect(answer.status).toBe(own.created);
    const { name, secret } = own.made(answer);
    expect(await own.use(secret)).toBe(200);
    expect(await verified(secret)).toMatchObject({
      ...{ valid: true, code: 'VALID', dialect: own.dialect, name: 'both' },
    });
    expect((await make()).name).not.toBe(name);
  });

  it('is in the list of its own dialect, and in no other', async () => {
    const { name } = await make();
    expect((await own.list()).text).toContain(name);
    expect((await other.list()).text).not.toContain(name);
  });

  it('rotates to a secret that replaces the old one at once', async () => {
    const { name, secret } = await make();
    const rotated = await own.rotate(name);
    expect(rotated.status).toBe(200);
    const { name: same, secret: fresh } = own.made(rotated);
    expect(same).toBe(name);
    expect([await own.use(secret), await own.use(fresh)]).toEqual([401, 200]);
    expect((await verified(secret))['code']).toBe('ROTATED');
    expect((await verified(fresh))['code']).toBe('VALID');
  });

  it('ends for good, by the same answer however often it is asked', async () => {
    const { name, secret } = await make();
    const types = await world.recordedTypes(async () => {
      for (let round = 0; round < 2; round += 1)
        expect((await own.end(name)).status).toBe(own.ended);
    });
    expect(types.filter((type) => type === 'TokenRevoked')).toHaveLength(1);
    expect(await own.use(secret)).toBe(401);
    expect((await verified(secret))['code']).toBe('REVOKED');
    expect((await own.rotate(name)).status).toBeGreaterThanOrEqual(400);
  });

  it('does not exist for another organization', async () => {
    const { name, secret } = await make();
    for (const ask of [own.rotate, own.end]) {
      const foreign = await ask(name, others);
      const unknown = await ask(own.unknown, others);
      expect([foreign.status, foreign.text]).toEqual([404, unknown.text]);
    }
    expect((await own.list(others)).text).not.toContain(name);
    expect(await own.use(secret)).toBe(200);
  });

  it('is no credential of the other dialect, wherever it is presented', async () => {
    const { secret } = await make();
    expect(await other.use(secret)).toBe(401);
    for (const ask of [other.create, other.list]) expect((await ask(secret)).status).toBe(401);
    expect((await call('GET', '/api/v1/incidents', bearer(secret))).status).toBe(401);
    const basic = { authorization: `Basic ${btoa(`${secret}:`)}` };
    if (own === socmate) expect((await call('GET', '/v0/quota', basic)).status).toBe(401);
  });

  it('is not found by the other dialect', async () => {
    const { name, secret } = await make();
    for (const ask of [other.rotate, other.end]) {
      expect((await ask(name)).status).toBeGreaterThanOrEqual(400);
    }
    expect(await own.use(secret)).toBe(200);
  });

  it('is managed by admins, never by members and strangers', async () => {
    const { name } = await make();
    const member = (await world.socket.user('member')).personalToken;
    const stranger = (await world.socket.person()).personalToken;
    for (const by of [member, stranger]) {
      expect((await own.create(by)).status).toBe(403);
      expect((await own.rotate(name, by)).status).toBeGreaterThanOrEqual(403);
      expect((await own.end(name, by)).status).toBeGreaterThanOrEqual(403);
    }
    expect((await own.create('00000000-0000-4000-8000-000000000000')).status).toBe(401);
  });

  it('shows its secret in the answer that made it, and nowhere else', async () => {
    const { name, secret } = await make();
    const { secret: fresh } = own.made(await own.rotate(name));
    const answers = [
      ...[await own.list(), await other.list(), await own.end(name), await own.rotate(name)],
      await call('GET', '/v1/orgs/demo/tokens?limit=200', bearer(admin)),
      await call('GET', '/v0/orgs/demo/audit-log?per_page=100', bearer(world.socket.root.token)),
    ];
    const log = JSON.stringify(await world.socket.events(), (_key, value: unknown) =>
      typeof value === 'bigint' ? String(value) : value,
    );
    for (const text of [...answers.map((answer) => answer.text), log]) {
      // What stands around the random part is no secret: it tells products apart.
      for (const each of [secret, fresh]) expect(text).not.toContain(each.slice(-36, -4));
    }
  });

  it('leaves the same entries in the audit log, under its own name', async () => {
    const before = await world.socket.root.client.auditLog({ per_page: 1 });
    const { name } = await make();
    await own.rotate(name);
    await own.end(name);
    await world.settled();
    const { results } = await world.socket.root.client.auditLog({ per_page: 4 });
    expect(results.slice(0, 3).map(({ type, payload }) => [type, payload['dialect']])).toEqual([
      ['RevokeApiToken', own.dialect],
      ['RotateApiToken', own.dialect],
      ['CreateApiToken', own.dialect],
    ]);
    expect(results[3]).toEqual(before.results[0]);
    for (const { payload, user_email: email } of results.slice(0, 3)) {
      expect([payload['name'], email]).toEqual(['both', 'admin@demo.invalid']);
    }
  });
});
