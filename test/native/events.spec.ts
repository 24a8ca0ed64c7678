import type { EventEnvelope } from '@ledger/runtime';
import { contractAjv, openApi } from './support/native-contract.js';
import type { NativeClient } from './support/native-client.js';
import { NativeWorld, UNKNOWN_ID, type TestToken, type TestUser } from './support/native-world.js';

let world: NativeWorld;
let token: TestToken;
let foreign: Awaited<ReturnType<NativeWorld['organization']>>;

/** A log with facts of every kind: people, organizations, tokens of two dialects, charges and uses. */
beforeAll(async () => {
  world = await NativeWorld.start();
  foreign = await world.organization('foreign');
  await world.user('member');
  token = await world.token({ scopes: ['ledger:tokens:verify', 'ledger:tokens:read'] });
  const headers = { 'idempotency-key': 'k1' };
  await world.admin.patch(token.path, { name: 'renamed', maxQuota: 10 }, { headers });
  await token.client.post('/v1/verify', { token: token.secret, cost: 3 });
  await world.socketToken();
  await world.admin.post(`${token.path}/rotate`, { graceSeconds: 60 });
  await world.token({ name: 'theirs' }, foreign.admin.client, 'foreign');
});
afterAll(() => world.close());

const documented = openApi.paths['/v1/events']!['get']!.responses['200']!;
const validate = contractAjv().compile(documented.content!['application/x-ndjson']!.schema);

async function ask(client: NativeClient, query = '', headers = {}): Promise<Response> {
  const { authorization } = client;
  return fetch(`${world.service.url}/v1/events${query}`, {
    headers: { ...(authorization === null ? {} : { authorization }), ...headers },
  });
}

async function read(query = '', client = world.admin): Promise<EventEnvelope[]> {
  const response = await ask(client, query);
  expect(response.status).toBe(200);
  const lines = (await response.text()).split('\n').filter((line) => line !== '');
  return lines.map((line) => {
    const envelope = JSON.parse(line) as EventEnvelope;
    if (!validate(envelope)) throw new Error(`${line}: ${JSON.stringify(validate.errors)}`);
    return envelope;
  });
}

describe('the log', () => {
  it('is given whole and in order, all that it holds of each event', async () => {
    const events = await read();
    const stored = await world.service.ledger.store.readAllAfter(0n, 1000);
    expect(events.map(({ position }) => position)).toEqual(
      stored.map(({ position }) => String(position)),
    );
    for (const [index, { payload, metadata, ...place }] of stored.entries()) {
      const { type, occurredAt, ...data } = payload;
      const { eventId, streamId, revision } = place;
      // No fact, and no part of what the log says.
      const { foldFrom: _foldFrom, ...origin } = metadata;
      expect(events[index]).toEqual({
        ...{ eventId, streamId, revision, position: String(place.position), type, occurredAt },
        ...{ schemaVersion: 1, ...origin, data: JSON.parse(JSON.stringify(data)) as unknown },
      });
    }
    const types = new Set(events.map(({ type }) => type));
    for (const type of ['UserRegistered', 'SlugReserved', 'TokenRotated', 'QuotaConsumed']) {
      expect(types).toContain(type);
    }
    expect(events.filter(({ fingerprint }) => fingerprint)).not.toEqual([]);
  });

  it('tells in its headers what it is, and how far it goes', async () => {
    const response = await ask(world.admin);
    const { headers } = response;
    const events = (await response.text()).trimEnd().split('\n');
    expect(headers.get('content-type')).toBe('application/x-ndjson');
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('ledger-position')).toBe(String(events.length));
    expect(headers.has('x-request-id')).toBe(true);
  });

  it('never holds a secret', async () => {
    const text = await (await ask(world.admin)).text();
    expect(text).not.toMatch(/tl_[0-9A-Za-z]{36}|sktsec_[A-Za-z0-9_-]{43}_api/);
    expect(text).not.toContain(world.service.admin);
    expect(text).not.toContain(token.secret);
  });

  it('is read in pieces: after a position, up to a number, of a type, stream or organization', async () => {
    const all = await read();
    const { length } = all;
    expect(await read('?after=3')).toEqual(all.slice(3));
    expect(await read('?after=0&limit=4')).toEqual(all.slice(0, 4));
    expect(await read('?after=2&limit=1')).toEqual([all[2]]);
    expect(await read(`?after=${length}`)).toEqual([]);
    expect(await read('?limit=999999999')).toEqual(all);
    const isOf = (...types: string[]) => all.filter(({ type }) => types.includes(type));
    expect(await read('?type=TokenCreated')).toEqual(isOf('TokenCreated'));
    expect(await read('?type=TokenRotated,TokenCreated&limit=2')).toEqual(
      isOf('TokenRotated', 'TokenCreated').slice(0, 2),
    );
    const streamId = `token-${token.id}`;
    const stream = await read(`?stream=${streamId}`);
    expect(stream).toEqual(all.filter((event) => event.streamId === streamId));
    expect(stream.map(({ revision }) => revision)).toEqual(stream.map((_event, n) => n + 1));
    const theirs = await read('?org=foreign');
    expect(theirs).toEqual(await read(`?org=${foreign.orgId.toUpperCase()}`));
    expect(theirs.map(({ type }) => type)).toEqual([
      'SlugReserved',
      'OrganizationCreated',
      'MemberAdded',
      'TokenCreated',
    ]);
  });

  it('ignores what Accept cannot have, and is SSE where it asks for that', async () => {
    for (const accept of ['*/*', 'application/json', 'text/html', 'application/x-ndjson']) {
      const { headers } = await ask(world.admin, '?limit=1', { accept });
      expect(headers.get('content-type')).toBe('application/x-ndjson');
    }
    const response = await ask(world.admin, '?limit=2&follow=false', {
      accept: 'text/event-stream',
    });
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    const [first, second, ...rest] = (await response.text()).split('\n\n');
    const [event] = await read('?limit=1');
    expect(first).toBe(`id: 1\ndata: ${JSON.stringify(event)}`);
    expect(second).toMatch(/^id: 2\ndata: \{/);
    expect(rest).toEqual(['']);
  });

  it('answers HEAD alike, without reading or following anything', async () => {
    const { status, text, headers } = await world.admin.call('HEAD', '/v1/events?follow=true');
    expect([status, text]).toEqual([200, '']);
    expect(headers.get('content-type')).toBe('application/x-ndjson');
    expect((await world.with(null).call('HEAD', '/v1/events')).status).toBe(401);
  });
});

describe('who may read the log', () => {
  let member: TestUser;
  let own: string[];

  beforeAll(async () => {
    member = await world.user('member');
    const { orgId } = world.service.ledger.directory.organization('demo')!;
    own = (await read())
      .filter((event) => event.orgId === orgId || event.data['slug'] === 'demo')
      .map(({ eventId }) => eventId);
  });

  const ids = async (client: NativeClient, query = ''): Promise<string[]> =>
    (await read(query, client)).map(({ eventId }) => eventId);

  it('is told by role and scope', async () => {
    const callers: readonly (readonly [NativeClient, number])[] = [
      [(await world.person({ operator: true })).client, 200],
      [foreign.admin.client, 200],
      [(await world.token({ scopes: ['ledger:events:read'] })).client, 200],
      [member.client, 403],
      [(await world.person()).client, 403],
      [(await world.token({ scopes: ['*', 'ledger:audit:read'] })).client, 403],
      [world.with(null), 401],
      [world.as(UNKNOWN_ID), 401],
    ];
    for (const [index, [client, expected]] of callers.entries()) {
      expect([index, (await ask(client)).status]).toEqual([index, expected]);
    }
    const refused = await world.token({ scopes: ['*'] });
    const { body, headers } = await refused.client.get('/v1/events');
    expect([body.code, body.missingScopes]).toEqual(['INSUFFICIENT_SCOPE', ['ledger:events:read']]);
    expect(headers.get('www-authenticate')).toContain('scope="ledger:events:read"');
  });

  it('leaves admins and tokens the events of their organizations', async () => {
    const head = Number((await read()).at(-1)!.position);
    const reader = await world.token({ scopes: ['ledger:events:read'] });
    const seen = await read('', reader.client);
    const before = seen.filter(({ position }) => Number(position) <= head);
    expect(before.map(({ eventId }) => eventId)).toEqual(expect.arrayContaining(own));
    const { orgId } = world.service.ledger.directory.organization('demo')!;
    for (const { orgId: of, data } of seen) expect([of, data['orgId']]).toContain(orgId);
    expect(seen.map(({ type }) => type)).not.toContain('UserRegistered');
    const theirs = await read('', foreign.admin.client);
    expect(theirs.map(({ eventId }) => eventId)).toEqual(await ids(world.admin, '?org=foreign'));
    const stream = `?stream=token-${token.id}`;
    expect(await ids(foreign.admin.client, stream)).toEqual([]);
  });

  it('never tells a foreign organization from one that does not exist', async () => {
    for (const org of ['demo', UNKNOWN_ID, 'nowhere']) {
      const { status, body } = await foreign.admin.client.get('/v1/events', { query: { org } });
      expect([status, body.code]).toEqual([404, 'NOT_FOUND']);
    }
    expect((await ask(world.admin, '?org=nowhere')).status).toBe(404);
  });
});

describe('hostile questions', () => {
  it.each([
    ...['after=-1', 'after=1.5', 'after=01', 'after=', 'after=1e3', 'after=9999999999999999999'],
    ...['after=999999', 'limit=0', 'limit=-1', 'limit=1e9', 'limit=1000000000', 'type=Nothing'],
    ...[
      'type=TokenCreated&type=TokenRevoked',
      'type=toString',
      `type=${'TokenCreated,'.repeat(40)}`,
    ],
    ...['follow=yes', 'follow=', 'org=', 'org=a%2Fb', 'stream=$all', 'stream=token', 'stream='],
    ...['__proto__[x]=1', 'constructor=1', 'after[]=1', 'limit=1&limit=2', 'position=1'],
  ])('%s is refused', async (query) => {
    const { status, body } = await world.admin.get(`/v1/events?${query}`);
    expect([status, body.code]).toEqual([400, 'INVALID_REQUEST']);
  });

  it.each(['-1', 'x', '1 2', '999999', '1,2', ''])('Last-Event-ID %j is refused', async (id) => {
    const headers = { 'last-event-id': id, accept: 'text/event-stream' };
    const { status, body } = await world.admin.get('/v1/events', { headers });
    expect([status, body.errors[0].header]).toEqual([400, 'Last-Event-ID']);
  });

  it('wrong methods and paths are told', async () => {
    const { status, headers } = await world.admin.post('/v1/events', {});
    expect([status, headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    for (const path of ['/v1/events/', '/v1//events', '/v1/events;x', '/V1/events']) {
      expect((await world.admin.get(path)).status).toBe(404);
    }
  });
});
