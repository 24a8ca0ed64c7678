import type { AddressInfo } from 'node:net';
import { importEvents, ImportRefused, openInMemory, type Ledger } from '@ledger/runtime';
import { createApp } from '../../apps/ledger-api/src/app.js';
import { NativeWorld, TOKENS } from './support/native-world.js';

let world: NativeWorld;
const closers: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  world = await NativeWorld.start();
});
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
  await world.close();
});

async function emptyLedger(): Promise<Ledger> {
  const { clock } = world;
  const ledger = await openInMemory({ windowLength: 'month', retryWindowMs: 0, clock });
  closers.push(() => ledger.close());
  return ledger;
}

async function serve(ledger: Ledger): Promise<string> {
  const app = await createApp(ledger);
  await app.listen(0, '127.0.0.1');
  closers.push(() => app.close());
  const { port } = app.getHttpServer().address() as AddressInfo;
  return `http://127.0.0.1:${port}`;
}

const admin = (): Record<string, string> => ({ authorization: `Bearer ${world.service.admin}` });

async function exported(): Promise<string[]> {
  const response = await fetch(`${world.service.url}/v1/events`, { headers: admin() });
  return (await response.text()).split('\n').filter((line) => line !== '');
}

/** The lines of an answer as it arrives. */
async function* arriving(url: string): AsyncGenerator<string> {
  const response = await fetch(`${url}/v1/events`, { headers: admin() });
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of response.body!) {
    rest += decoder.decode(chunk as Uint8Array, { stream: true });
    const lines = rest.split('\n');
    rest = lines.pop()!;
    yield* lines;
  }
}

interface History {
  readonly paths: readonly string[];
  /** Secrets that may call, living and dead. */
  readonly secrets: readonly string[];
}

/** Something of everything, through HTTP; and every path that reads it. */
async function makeHistory(): Promise<History> {
  const { admin: root, clock } = world;
  const post = async (path: string, body: object = {}, headers = {}) => {
    const answer = await root.post(path, body, { headers });
    if (answer.status >= 300) throw new Error(`${path}: ${answer.text}`);
    clock.advance(61_000);
    return answer.body;
  };
  const ada = await post('/v1/users', { email: 'ada@example.org', name: 'Ada' });
  const bob = await post('/v1/users', { email: 'bob@example.org' });
  const adas = await post(`/v1/users/${ada.id}/personal-tokens`, { label: 'first' });
  const bobs = await post(`/v1/users/${bob.id}/personal-tokens`, { label: 'first' });
  const lost = await post(`/v1/users/${bob.id}/personal-tokens`, { label: 'lost' });
  await root.call('DELETE', `/v1/users/${bob.id}/personal-tokens/${lost.token.id}`);
  await post('/v1/orgs', { slug: 'acme', name: 'Acme', adminUserId: ada.id });
  await world.as(adas.secret).call('PUT', `/v1/orgs/acme/members/${bob.id}`, {
    body: { role: 'member' },
  });
  await world.as(adas.secret).patch('/v1/orgs/acme', { name: 'Acme Inc.', plan: 'team' });
  await root.call('PUT', `/v1/orgs/demo/members/${ada.id}`, { body: { role: 'admin' } });
  await root.call('PUT', `/v1/orgs/demo/members/${ada.id}`, { body: { role: 'member' } });
  await root.call('PUT', `/v1/orgs/demo/members/${bob.id}`, { body: { role: 'member' } });
  await root.call('DELETE', `/v1/orgs/demo/members/${bob.id}`);

  const plain = await post(
    TOKENS,
    { name: 'plain', scopes: ['a:b', 'c'] },
    { 'idempotency-key': 'k' },
  );
  const full = await post(TOKENS, {
    ...{ name: 'ü "full"', description: 'd', scopes: ['ledger:tokens:verify', '*'], maxQuota: 100 },
    ...{ visibility: 'admin', ownerId: 'team-1', metadata: { a: '1', ß: '=2' } },
    ...{ resources: [{ organization: 'demo', repository: 'api' }] },
    expiresAt: '2026-12-31T00:00:00Z',
  });
  const dead = await post(TOKENS, { name: 'dead' });
  const gone = await post(TOKENS, { name: 'gone', expiresAt: '2026-03-27T11:00:00Z' });
  await root.patch(`${TOKENS}/${full.token.id}`, {
    ...{ name: 'renamed', description: null, maxQuota: null, visibility: 'organization' },
    ...{ scopes: ['ledger:tokens:verify', 'ledger:tokens:read'], metadata: { a: null, b: '2' } },
    ...{ ownerId: null, resources: [], expiresAt: null },
  });
  const rotated = await post(`${TOKENS}/${full.token.id}/rotate`, { graceSeconds: 3600 });
  await post(`${TOKENS}/${dead.token.id}/revoke`, { reason: 'compromised', note: 'found' });
  const socket = await world.socketToken();
  for (const cost of [0, 1, 5]) {
    for (const secret of [plain.secret, rotated.secret, dead.secret, socket.secret]) {
      await post('/v1/verify', { token: secret, cost, scopes: ['a:b'] });
    }
  }
  clock.set('2026-04-02T00:00:00.000Z');
  await post('/v1/quota/consume', { tokenId: plain.token.id, units: 7 });
  clock.advance(1000);

  const tokens = [plain, full, dead, gone].map(({ token }) => `${TOKENS}/${token.id}`);
  const orgs = ['demo', 'acme'].map((slug) => `/v1/orgs/${slug}`);
  const users = [ada.id, bob.id].map((id: string) => `/v1/users/${id}`);
  const sorts = ['name', '-name', 'createdAt', '-createdAt', 'lastUsedAt', '-lastUsedAt'];
  const statuses = ['active', 'expiring', 'expired', 'revoked'];
  return {
    secrets: [
      ...[world.service.admin, adas.secret, bobs.secret, lost.secret, plain.secret, full.secret],
      ...[rotated.secret, dead.secret, gone.secret, socket.secret],
    ],
    paths: [
      ...['/v1/self', '/v1/orgs', '/v1/orgs?limit=1', '/v1/events', '/v1/events?type=TokenCreated'],
      ...orgs.flatMap((org) => ['', '/members', '/tokens', '/audit-events'].map((to) => org + to)),
      ...users.flatMap((user) => [user, `${user}/personal-tokens`]),
      ...[...tokens, socket.path].flatMap((token) => [
        ...[token, `${token}/quota`, `${token}/events`, `${token}/events?limit=1`],
        ...[`${token}?at=2026-03-27T10:20:00Z`, `${token}?atPosition=25`],
      ]),
      ...sorts.map((sort) => `${TOKENS}?sort=${sort}&limit=2`),
      ...statuses.map((status) => `${TOKENS}?status=${status}`),
      ...[`${TOKENS}?q=e&ownerId=team-1`, `${TOKENS}?scope=a:b:c`, `${TOKENS}?dialect=socket`],
      ...['type=TokenCreated', 'actor=system', `limit=2`].map(
        (q) => `/v1/orgs/demo/audit-events?${q}`,
      ),
    ],
  };
}

async function answers(url: string, { paths, secrets }: History): Promise<Map<string, unknown>> {
  const found = new Map<string, unknown>();
  for (const [index, secret] of secrets.entries()) {
    for (const path of paths) {
      const response = await fetch(url + path, {
        headers: { authorization: `Bearer ${secret}`, 'x-request-id': 'the-same-request' },
      });
      const headers = Object.fromEntries(response.headers);
      const { date: _date, 'keep-alive': _keep, connection: _connection, ...rest } = headers;
      found.set(`${index} ${path}`, [response.status, rest, await response.text()]);
    }
  }
  return found;
}

describe('a second, empty ledger that is fed with the log of the first', () => {
  it('answers every read the same, positions and headers included', async () => {
    const history = await makeHistory();
    const ledger = await emptyLedger();
    const seen: bigint[] = [];
    const imported = await importEvents(ledger, arriving(world.service.url), (position) =>
      seen.push(position),
    );
    const head = await world.service.ledger.store.head();
    expect(imported).toEqual({ events: Number(head), position: head });
    expect(seen.at(-1)).toBe(head);
    // From where on a quota may be folded is for each ledger to find out.
    const said = (await world.service.ledger.store.readAllAfter(0n, 10_000)).map((event) => {
      const { foldFrom: _foldFrom, ...metadata } = event.metadata;
      return { ...event, metadata };
    });
    expect(await ledger.store.readAllAfter(0n, 10_000)).toEqual(said);

    const url = await serve(ledger);
    // People first: a use by a token is recorded, with an id of its own on each ledger.
    const { secrets } = history;
    const people = { ...history, secrets: secrets.slice(0, 4) };
    expect(await answers(url, people)).toEqual(await answers(world.service.url, people));

    const judge = async (of: string): Promise<unknown> => {
      const items = secrets.flatMap((token) => [{ token }, { token, scopes: ['a:b', 'ledger'] }]);
      const response = await fetch(`${of}/v1/verify/batch`, {
        method: 'POST',
        headers: { ...admin(), 'content-type': 'application/json' },
        body: JSON.stringify({ items }),
      });
      return response.json();
    };
    expect(await judge(url)).toEqual(await judge(world.service.url));
  });

  it('goes on from there: what was revoked stays so, what was spent stays spent', async () => {
    const { secret, path } = await world.token({ maxQuota: 5 });
    const dead = await world.token();
    await world.admin.post('/v1/verify', { token: secret, cost: 4 });
    await world.admin.post(`${dead.path}/revoke`);
    const ledger = await emptyLedger();
    await importEvents(ledger, await exported());
    const url = await serve(ledger);
    const post = async (to: string, body: object) => {
      const headers = { ...admin(), 'content-type': 'application/json' };
      const response = await fetch(url + to, {
        method: 'POST',
        headers,
        body: JSON.stringify(body),
      });
      return (await response.json()) as { code?: string; token?: { revision: number } };
    };
    expect(await post('/v1/verify', { token: secret, cost: 2 })).toMatchObject({
      code: 'QUOTA_EXCEEDED',
    });
    expect(await post('/v1/verify', { token: dead.secret })).toMatchObject({ code: 'REVOKED' });
    expect((await post(`${path}/rotate`, {})).token!.revision).toBe(2);
  });

  it('reads as it writes, whatever the length of the log', async () => {
    const lines = await exported();
    const [first] = lines as [string];
    const [sample] = JSON.parse(`[${first}]`) as [Record<string, unknown>];
    let ahead = 0;
    let durable = 0;
    function* many(): Generator<string> {
      for (let n = 1; n <= 5000; n += 1) {
        ahead = Math.max(ahead, n - durable);
        const id = `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
        yield JSON.stringify({
          ...sample,
          ...{ eventId: id, streamId: `user-${id}`, position: String(n) },
          data: { ...(sample['data'] as object), userId: id },
        });
      }
    }
    const ledger = await emptyLedger();
    const { events } = await importEvents(ledger, many(), (position) => {
      durable = Number(position);
    });
    expect(events).toBe(5000);
    expect(ahead).toBeLessThanOrEqual(257);
    expect(ledger.directory.size).toBe(5000);
  });
});

describe('an import is refused', () => {
  let lines: string[];

  beforeEach(async () => {
    await world.token();
    lines = await exported();
  });

  const changed = (index: number, change: object): string[] =>
    lines.with(index, JSON.stringify({ ...(JSON.parse(lines[index]!) as object), ...change }));
  const without = (index: number, member: string): string[] =>
    lines.with(
      index,
      JSON.stringify({ ...(JSON.parse(lines[index]!) as object), [member]: undefined }),
    );

  it('into a ledger that holds events already', async () => {
    await expect(importEvents(world.service.ledger, lines)).rejects.toThrow(
      /holds \d+ events already/,
    );
    const ledger = await emptyLedger();
    await importEvents(ledger, lines);
    await expect(importEvents(ledger, lines)).rejects.toThrow(ImportRefused);
  });

  it.each<[string, () => string[], RegExp]>([
    ['with a gap', () => lines.toSpliced(2, 1), /line 3 holds position 4, where 3 has to follow/],
    ['that begins in the middle', () => lines.slice(1), /line 1 holds position 2/],
    ['with a line twice', () => lines.toSpliced(1, 0, lines[0]!), /line 2 holds position 1/],
    ['out of order', () => [lines[1]!, lines[0]!], /line 1 holds position 2/],
    ['that was cut', () => [lines[0]!, lines[1]!.slice(0, 50)], /line 2 is not JSON/],
    ['that holds none', () => ['[]'], /line 1 holds no event/],
    [
      'with a revision that is not next',
      () => changed(1, { revision: 9 }),
      /position 2 is revision 9/,
    ],
    ['without a member', () => without(1, 'actor'), /line 2 lacks or garbles actor/],
    [
      'with a member garbled',
      () => changed(1, { revision: '1' }),
      /line 2 lacks or garbles revision/,
    ],
    ['with a member more', () => changed(1, { note: 'x' }), /line 2 holds note/],
    ['of an unknown type', () => changed(1, { type: 'TokenEaten' }), /no event type TokenEaten/],
    ['of a newer version', () => changed(1, { schemaVersion: 99 }), /newer version of the ledger/],
  ])('%s', async (_name, given, reason) => {
    const ledger = await emptyLedger();
    await expect(importEvents(ledger, given())).rejects.toThrow(reason);
  });

  it('never for blank lines, which are signs of life', async () => {
    const ledger = await emptyLedger();
    const { events } = await importEvents(
      ledger,
      lines.flatMap((line) => ['', line, ' ']),
    );
    expect(events).toBe(lines.length);
  });
});
