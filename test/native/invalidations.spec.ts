import { InvalidationStream } from '../support/invalidation-stream.js';
import type { NativeClient } from './support/native-client.js';
import { NativeWorld, TOKENS, type TestToken } from './support/native-world.js';

let world: NativeWorld;
let token: TestToken;
let reader: TestToken;
const streams = new Set<InvalidationStream>();

beforeEach(async () => {
  world = await NativeWorld.start();
  token = await world.token({ scopes: ['a'] });
  reader = await world.token({ name: 'gateway', scopes: ['ledger:events:read'] });
});
afterEach(async () => {
  for (const stream of streams) stream.cut();
  streams.clear();
  await world.close();
});

async function open(
  by: NativeClient = world.admin,
  headers: Readonly<Record<string, string>> = {},
): Promise<InvalidationStream> {
  const stream = await InvalidationStream.open(world.service.url, by.authorization!, headers);
  streams.add(stream);
  return stream;
}

const head = async (): Promise<string> => String(await world.service.ledger.store.head());
const INVALIDATIONS = '/v1/invalidations';

describe('what is told', () => {
  it('is a structured CloudEvent for each change that cached answers must not outlive', async () => {
    const stream = await open();
    const revoked = await world.admin.post(`${token.path}/revoke`, { reason: 'compromised' });
    const message = (await stream.nextMessage())!;
    const position = revoked.headers.get('ledger-position');
    expect(message).toMatchObject({ id: position, type: 'token-revoked' });
    expect(message.data).toEqual({
      specversion: '1.0',
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      source: `/ledgers/${world.service.ledger.ledgerId}`,
      type: 'token-ledger.token-revoked.v1',
      subject: token.id,
      time: world.clock.now(),
      datacontenttype: 'application/json',
      data: {
        tokenId: token.id,
        orgId: expect.any(String),
        revision: 2,
        position,
        occurredAt: world.clock.now(),
        revocationId: revoked.body.revocationId,
        reason: 'compromised',
      },
    });
  });

  it('names the old secret and the end of its grace', async () => {
    const stream = await open();
    await world.admin.post(`${token.path}/rotate`, { graceSeconds: 60 });
    const rotated = (await stream.nextMessage())!;
    const { body } = await world.admin.get(token.path);
    const [current, previous] = body.secrets;
    expect(rotated.data.data).toMatchObject({
      secretId: previous.id,
      newSecretId: current.id,
      graceEndsAt: previous.validUntil,
      graceRemainingMs: 60_000,
    });
    await world.admin.post(`${token.path}/secrets/${previous.id}/revoke`);
    const closed = (await stream.nextMessage())!;
    expect(closed).toMatchObject({ type: 'token-rotated' });
    expect(closed.data.data).toMatchObject({ secretId: previous.id, newSecretId: null });
    expect(closed.data.data.graceRemainingMs).toBe(0);
  });

  it('is every attribute that a cached answer shows, and none that it does not', async () => {
    const stream = await open();
    const changes = { name: 'new', scopes: ['b'], description: 'text', maxQuota: 5 };
    await world.admin.patch(token.path, changes);
    const attributes = [];
    for (let n = 0; n < 3; n += 1)
      attributes.push((await stream.nextMessage())!.data.data.attribute);
    expect(attributes).toEqual(['name', 'scopes', 'maxQuota']);
    await world.admin.post(`${token.path}/revoke`);
    expect((await stream.nextMessage())!.type).toBe('token-revoked');
  });

  it('begins at the present, and says at once where that is', async () => {
    await world.admin.post(`${token.path}/revoke`);
    const stream = await open();
    const first = (await stream.next())!;
    expect(first).toMatchObject({ id: await head(), type: 'ledger-position' });
    expect(first.data).toEqual({ position: await head(), at: world.clock.now() });
    expect(stream.headers['content-type']).toBe('text/event-stream');
    expect(stream.headers['cache-control']).toBe('no-store');
    expect(stream.headers['ledger-position']).toBe(await head());
  });

  it('says how far it has come when events are passed over, and every second', async () => {
    const stream = await open();
    await stream.next('ledger-position');
    const madeAt = performance.now();
    await world.token();
    // What was due before the token was made may come before what tells of it.
    const signs = [(await stream.next())!];
    while (signs.at(-1)!.id !== (await head())) signs.push((await stream.next())!);
    const alive = (await stream.next())!;
    expect(alive.id).toBe(await head());
    // From before the sign before it was sent: that one may have been late, and then this one is not.
    expect(alive.arrivedAt - madeAt).toBeGreaterThan(900);
    expect(new Set(stream.seen.map(({ type }) => type))).toEqual(new Set(['ledger-position']));
  });
});

describe('resuming', () => {
  it('goes on after the position that was seen last, without a gap and without a repeat', async () => {
    const before = await head();
    const tokens = await Promise.all(Array.from({ length: 20 }, () => world.token()));
    for (const each of tokens) await world.admin.post(`${each.path}/revoke`);
    const ids: string[] = [];
    let lastSeen = before;
    while (ids.length < tokens.length) {
      const stream = await open(world.admin, { 'last-event-id': lastSeen });
      for (let n = 0; n < 7 && ids.length < tokens.length; n += 1) {
        const message = (await stream.nextMessage())!;
        ids.push(message.data.subject);
        lastSeen = message.id;
      }
      stream.cut();
    }
    expect(ids).toEqual(tokens.map(({ id }) => id));
  });

  it.each([
    ['ahead of the log', '999', /lies ahead of the log/],
    ['no position', 'x', /must be a position/],
    ['negative', '-1', /must be a position/],
  ])('from %s is refused', async (_what, lastEventId, message) => {
    const { status, body } = await world.admin.get(INVALIDATIONS, {
      headers: { 'last-event-id': lastEventId },
    });
    expect({ status, code: body.code }).toEqual({ status: 400, code: 'INVALID_REQUEST' });
    expect(body.errors).toEqual([
      { header: 'Last-Event-ID', message: expect.stringMatching(message) },
    ]);
  });
});

describe('who is told', () => {
  it('is an organization about its own tokens only, and an operator about all', async () => {
    const other = await world.organization('other');
    const foreign = await world.token({}, other.admin.client, 'other');
    const operator = await world.person({ operator: true });
    const [own, every] = [await open(reader.client), await open(operator.client)];
    await other.admin.client.post(`${foreign.path}/revoke`);
    await world.admin.post(`${token.path}/revoke`);
    expect((await own.nextMessage())!.data.subject).toBe(token.id);
    expect((await every.nextMessage())!.data.subject).toBe(foreign.id);
    expect((await every.nextMessage())!.data.subject).toBe(token.id);
  });

  it('is nobody without the scope', async () => {
    const { status, body } = await token.client.get(INVALIDATIONS);
    expect([status, body.code, body.missingScopes]).toEqual([
      ...[403, 'INSUFFICIENT_SCOPE', ['ledger:events:read']],
    ]);
    const member = await world.user('member');
    expect((await member.client.get(INVALIDATIONS)).body.code).toBe('FORBIDDEN');
    expect((await world.with(null).get(INVALIDATIONS)).status).toBe(401);
  });

  it.each([
    ['is revoked', () => world.admin.post(`${reader.path}/revoke`)],
    ['loses its scope', () => world.admin.patch(reader.path, { scopes: [] })],
    ['expires, which no event tells', async () => world.clock.advance(60_000)],
  ])('is not told any more once its token %s', async (_how, end) => {
    const expiresAt = new Date(Date.parse(world.clock.now()) + 60_000).toISOString();
    await world.admin.patch(reader.path, { expiresAt });
    const stream = await open(reader.client);
    await stream.next();
    await end();
    await world.admin.post(`${token.path}/revoke`);
    expect(await stream.nextMessage()).toBeUndefined();
  });
});

describe('how soon', () => {
  it('a revoke has left before, or right after, it was answered', async () => {
    const stream = await open(reader.client);
    await stream.next();
    const tokens = await Promise.all(Array.from({ length: 50 }, () => world.token()));
    const late: number[] = [];
    for (const each of tokens) {
      await world.admin.post(`${TOKENS}/${each.id}/revoke`);
      const answeredAt = performance.now();
      const { arrivedAt } = (await stream.next('token-revoked'))!;
      late.push(arrivedAt - answeredAt);
    }
    // A heartbeat would take a second: the median tells that nothing waited for one.
    expect(late.sort((a, b) => a - b)[25]).toBeLessThan(100);
  });
});
