import type { Operation } from '../support/socket-contract.js';
import {
  QUOTA_MAX,
  SocketWorld,
  tokenBody,
  UNKNOWN_UUID,
  type TestToken,
} from '../support/socket-world.js';

let world: SocketWorld;
/** A token of the other organization, for callers of `demo` to reach for. */
let theirs: TestToken;
let theirId: string;
/** The strongest caller of `demo` that there is. */
let own: TestToken;

beforeAll(async () => {
  world = await SocketWorld.start();
  const { admin } = await world.organization('globex');
  theirs = await world.token({ scopes: ['*'], max_quota: QUOTA_MAX }, admin.client, 'globex');
  theirId = (await theirs.client.listed(theirs.group_uuid))!.id;
  own = world.root;
});
afterAll(() => world.close());

/** Everything the other organization could notice, save for its own reading. */
const stateOfTheirs = async () =>
  JSON.stringify((await theirs.client.list({ per_page: 100 })).tokens);

const UNKNOWN = {
  uuid: UNKNOWN_UUID,
  id: UNKNOWN_UUID,
  token: `sktsec_${'x'.repeat(43)}_api`,
  hash: `sha512-${'x'.repeat(86)}==`,
};

/** Every way to name a token, alone and together. */
const FORMS: readonly (readonly (keyof typeof UNKNOWN)[])[] = [
  ['uuid'],
  ['id'],
  ['token'],
  ['hash'],
  ['uuid', 'hash'],
  ['uuid', 'id'],
  ['id', 'hash'],
  ['token', 'hash'],
  ['uuid', 'id', 'token', 'hash'],
];

const BY_IDENTIFIER: readonly Operation[] = ['update', 'rotate', 'revoke'];

const pick = (names: Record<string, string>, form: readonly string[]) =>
  Object.fromEntries(form.map((name) => [name, names[name]]));

describe('a token of another organization', () => {
  const matrix = BY_IDENTIFIER.flatMap((operation) => {
    return FORMS.map((form) => [operation, form.join(' and '), form] as const);
  });

  it.each(matrix)('K5: is to %s by %s what does not exist', async (operation, _name, form) => {
    const rest = operation === 'update' ? tokenBody() : {};
    const names = {
      uuid: theirs.group_uuid,
      id: theirId,
      token: theirs.token,
      hash: theirs.hash,
    };
    const before = await stateOfTheirs();
    for (const client of [own.client, world.admin]) {
      // The secret of the other organization is the caller's own to repeat; the answer must not.
      const foreign = await client.call(operation, { body: { ...rest, ...pick(names, form) } });
      const unknown = await client.call(operation, { body: { ...rest, ...pick(UNKNOWN, form) } });
      expect([foreign.status, foreign.text]).toEqual([unknown.status, unknown.text]);
      expect([400, 404]).toContain(foreign.status);
    }
    expect(await stateOfTheirs()).toBe(before);
    expect((await theirs.client.call('quota')).status).toBe(200);
  });

  it.each(BY_IDENTIFIER)(
    'tells nothing to %s, named together with one of the own',
    async (operation) => {
      const rest = operation === 'update' ? tokenBody() : {};
      const mine = await world.token();
      const foreign = { uuid: mine.group_uuid, hash: theirs.hash };
      const unknown = { uuid: mine.group_uuid, hash: UNKNOWN.hash };
      const first = await own.client.call(operation, { body: { ...rest, ...foreign } });
      const second = await own.client.call(operation, { body: { ...rest, ...unknown } });
      expect([first.status, first.text]).toEqual([second.status, second.text]);
      expect((await mine.client.call('quota')).status).toBe(200);
    },
  );

  it.each(['rotate', 'revoke', 'update'])(
    'is to the older path of %s what does not exist',
    async (verb) => {
      const body = verb === 'update' ? tokenBody() : {};
      for (const id of [theirs.group_uuid, theirId, theirs.hash, theirs.token]) {
        const path = (name: string) => `/orgs/demo/tokens/${encodeURIComponent(name)}/${verb}`;
        const foreign = await own.client.call(verb as Operation, { path: path(id), body });
        const unknown = await own.client.call(verb as Operation, {
          path: path(UNKNOWN_UUID),
          body,
        });
        expect([foreign.status, foreign.text]).toEqual([404, unknown.text]);
      }
      expect((await theirs.client.call('quota')).status).toBe(200);
    },
  );

  it.each(['rotate', 'revoke', 'update'])(
    'is to the older path of %s what does not exist, whatever the body names besides',
    async (verb) => {
      const body = verb === 'update' ? tokenBody() : {};
      const path = (name: string) => `/orgs/demo/tokens/${encodeURIComponent(name)}/${verb}`;
      for (const [by, hash] of [
        ['theirs', theirs.hash],
        ['nobody', UNKNOWN.hash],
      ] as const) {
        const call = { body: { ...body, hash } };
        const foreign = await own.client.call(verb as Operation, {
          ...call,
          path: path(theirs.group_uuid),
        });
        const unknown = await own.client.call(verb as Operation, {
          ...call,
          path: path(UNKNOWN_UUID),
        });
        expect([by, foreign.status, foreign.text]).toEqual([by, unknown.status, unknown.text]);
      }
    },
  );

  it('is in no list and no audit log but its own', async () => {
    const list = await own.client.call('list', { query: { per_page: 100 } });
    const log = await own.client.call('auditLog', { query: { per_page: 100 } });
    for (const { text } of [list, log]) {
      expect(text).not.toContain(theirs.group_uuid);
      expect(text).not.toContain(theirs.hash);
      expect(text).not.toContain('globex');
    }
  });
});

describe('another organization', () => {
  const routes: readonly [Operation, object][] = [
    ['create', { body: tokenBody() }],
    ['list', {}],
    ['update', { body: { ...tokenBody(), uuid: UNKNOWN_UUID } }],
    ['rotate', { body: { uuid: UNKNOWN_UUID } }],
    ['revoke', { body: { uuid: UNKNOWN_UUID } }],
    ['auditLog', {}],
  ];

  it.each(routes)(
    'K6: is not allowed to %s; one that does not exist is not found',
    async (operation, request) => {
      const types = await world.recordedTypes(async () => {
        for (const client of [own.client, world.admin]) {
          const foreign = await client.call(operation, { ...request, org: 'globex' });
          expect([foreign.status, foreign.body]).toEqual([
            403,
            { error: { message: 'Organization not allowed', details: null } },
          ]);
          for (const org of ['nowhere', 'GLOBEX', 'demo ', '__proto__', 'constructor', 'ö']) {
            const unknown = await client.call(operation, { ...request, org });
            expect([org, unknown.status, unknown.body]).toEqual([
              org,
              404,
              { error: { message: 'Organization not found', details: null } },
            ]);
          }
        }
      });
      expect(types).toEqual([]);
    },
  );

  it('is named by its slug alone, never by its id', async () => {
    const { orgId } = world.service.ledger.directory.organization('demo')!;
    expect((await own.client.call('list', { org: orgId })).status).toBe(404);
  });

  it('has idempotency keys of its own (I2)', async () => {
    const headers = { 'idempotency-key': 'shared-by-two' };
    const body = tokenBody({ name: 'keyed' });
    const [mine, other] = [
      await own.client.create(body, { headers }),
      await theirs.client.create(body, { headers }),
    ];
    expect(mine.group_uuid).not.toBe(other.group_uuid);
    expect(mine.token).not.toBe(other.token);
    expect(await own.client.listed(mine.group_uuid)).toBeDefined();
    expect(await own.client.listed(other.group_uuid)).toBeUndefined();
  });

  it('is reached by a user who belongs to both, each through its own path', async () => {
    const user = await world.user('admin', 'globex');
    await world.setMember(user.userId, 'admin', 'demo');
    const created = await user.client.create(tokenBody(), { org: 'demo' });
    const body = { uuid: created.group_uuid };
    expect((await user.client.call('revoke', { org: 'globex', body })).status).toBe(404);
    expect((await user.client.call('revoke', { org: 'demo', body })).status).toBe(200);
  });
});
