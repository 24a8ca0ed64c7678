import { randomUUID } from 'node:crypto';
import { EventStoreDouble } from '../double/event-store-double.js';
import { grantedMs, stoodMs } from '../../support/granted-time.js';
import { until } from '../support/store-on-double.js';
import { callAt, Nodes, type TestNode } from './support/node.js';

/** What a subscription may take to tell, on a busy machine; the promise is the staleness bound. */
const TOLD_MS = 2_000;

/** The guarantees between nodes, on whatever speaks the protocol. */
function describeTwoNodes(
  name: string,
  openDatabase: () => Promise<{ connectionString: string; close: () => Promise<void> }>,
): void {
  describe(`two nodes on ${name}`, () => {
    let nodes: Nodes;
    let a: TestNode;
    let b: TestNode;
    let closeDatabase: () => Promise<void>;

    beforeAll(async () => {
      const { connectionString, close } = await openDatabase();
      closeDatabase = close;
      nodes = new Nodes({ connectionString, streamPrefix: `test-${randomUUID()}-` });
      // At once, on an empty log.
      [a, b] = await Promise.all([nodes.start('a'), nodes.start('b')]);
    });
    afterAll(async () => {
      await nodes?.close();
      await closeDatabase?.();
    });

    it('that start at once on an empty log make one tenant, and both know its token', async () => {
      expect(a.ledger.ledgerId).toBe(b.ledger.ledgerId);
      expect(a.admin).toBe(b.admin);
      await until(async () => (await b.ledger.store.head()) === b.ledger.projector.position);
      const events = await a.ledger.store.readAllAfter(0n, 1_000);
      expect(events.map(({ payload }) => payload.type).slice(0, 5)).toEqual([
        ...['UserRegistered', 'PersonalTokenIssued', 'SlugReserved', 'OrganizationCreated'],
        ...['MemberAdded'],
      ]);
      expect(a.ledger.directory.organizations()).toHaveLength(1);
      expect((await b.call('GET', '/v1/orgs/demo')).status).toBe(200);
    });

    it('a token made on one is good on the other, at the position that the first told', async () => {
      for (const [from, to] of [
        [a, b],
        [b, a],
      ] as const) {
        const made = await from.create();
        expect(made.status).toBe(201);
        const position = made.headers.get('ledger-position')!;
        const verdict = await to.verify(made.body.secret, { 'ledger-min-position': position });
        expect(verdict.body).toMatchObject({ valid: true, code: 'VALID' });
        expect(BigInt(verdict.body.position)).toBeGreaterThanOrEqual(BigInt(position));
        const listed = await to.call('GET', '/v1/orgs/demo/tokens?limit=100', undefined, {
          'ledger-min-position': position,
        });
        expect(JSON.stringify(listed.body)).toContain(made.body.token.id);
      }
    });

    it('a position that the log does not have is waited for, and then refused as BEHIND', async () => {
      const ahead = String(b.ledger.progress.position + 1_000_000_000n);
      const verdict = await b.verify('tl_none', { 'ledger-min-position': ahead });
      expect(verdict).toMatchObject({ status: 503, body: { code: 'BEHIND' } });
    });

    it('what is revoked on one is refused on the other within the bound, and on itself at once', async () => {
      const delays: number[] = [];
      for (let round = 0; round < 20; round += 1) {
        const [here, there] = round % 2 === 0 ? [a, b] : [b, a];
        const { body } = await here.create();
        await until(async () => (await there.verify(body.secret)).body.valid === true);
        expect((await here.revoke(body.token.id)).status).toBe(200);
        const since = grantedMs();
        expect((await here.verify(body.secret)).body.code).toBe('REVOKED');
        await until(async () => (await there.verify(body.secret)).body.code === 'REVOKED');
        delays.push(grantedMs() - since);
      }
      expect(Math.max(...delays)).toBeLessThan(TOLD_MS);
    });

    it('a key that is repeated on the other node makes nothing new, and gives the same secret', async () => {
      const key = { 'idempotency-key': randomUUID() };
      const first = await a.create({ name: 'once' }, key);
      const [again, atOnce] = await Promise.all([
        b.create({ name: 'once' }, key),
        b.create({ name: 'once' }, key),
      ]);
      for (const repeat of [again, atOnce]) {
        expect(repeat.body.secret).toBe(first.body.secret);
        expect(repeat.body.token.id).toBe(first.body.token.id);
      }
      const other = await b.create({ name: 'another' }, key);
      expect(other).toMatchObject({ status: 409, body: { code: 'IDEMPOTENCY_KEY_REUSED' } });
      const raced = { 'idempotency-key': randomUUID() };
      const [onA, onB] = await Promise.all([a.create({}, raced), b.create({}, raced)]);
      expect(onA.body.secret).toBe(onB.body.secret);
    });

    it('one quota that is spent through both is never overdrawn, and spent to its end', async () => {
      const limit = 60;
      const { body } = await a.create({ maxQuota: limit });
      const tokenId = body.token.id as string;
      await until(async () => (await b.verify(body.secret)).body.valid === true);
      let spent = 0;
      await Promise.all(
        Array.from({ length: 2 * limit }, async (_, n) => {
          const node = n % 2 === 0 ? a : b;
          const key = randomUUID();
          let answer = await node.consume(tokenId, 1, key);
          // A lost race is answered 503, and the same call may come again.
          while (answer.status === 503) answer = await node.consume(tokenId, 1, key);
          expect([200, 429]).toContain(answer.status);
          if (answer.status === 200) spent += 1;
        }),
      );
      expect(spent).toBe(limit);
      const events = await a.ledger.store.readAllAfter(0n, 10_000);
      const charges = events.flatMap(({ payload }) =>
        payload.type === 'QuotaConsumed' && payload.subjectId === tokenId ? [payload] : [],
      );
      expect(charges.map(({ consumedAfter }) => consumedAfter)).toEqual(
        Array.from({ length: limit }, (_, n) => n + 1),
      );
    });

    it('a key is charged once, whichever node it is repeated on', async () => {
      const { body } = await a.create({ maxQuota: 10 });
      const tokenId = body.token.id as string;
      await until(async () => (await b.verify(body.secret)).body.valid === true);
      const key = randomUUID();
      const answers = await Promise.all(
        [a, b, a, b].map(async (node) => node.consume(tokenId, 3, key)),
      );
      const done = answers.filter(({ status }) => status === 200);
      expect(done.length).toBeGreaterThan(0);
      for (const { body: charged } of done) expect(charged.quota.consumed).toBe(3);
      expect((await b.consume(tokenId, 3, key)).body.quota.consumed).toBe(3);
    });

    it('nothing is done for long in the name of who is gone on another node (A13)', async () => {
      const { body: user } = await a.create({ scopes: ['ledger:tokens:create'], name: 'maker' });
      await until(async () => (await b.verify(user.secret)).body.valid === true);
      let isOver = false;
      const creating = Array.from({ length: 16 }, async () => {
        while (!isOver) {
          const path = '/v1/orgs/demo/tokens';
          const { status } = await callAt(b.url, user.secret, 'POST', path, {
            body: { name: 'x' },
          });
          isOver ||= status === 401;
        }
      });
      await new Promise((resolve) => setTimeout(resolve, 300));
      const stoodBefore = stoodMs();
      expect((await a.revoke(user.token.id)).status).toBe(200);
      await Promise.all(creating);
      const events = await a.ledger.store.readAllAfter(0n, 10_000);
      const revokedAt = events.findIndex(
        ({ payload }) => payload.type === 'TokenRevoked' && payload.tokenId === user.token.id,
      );
      const revoked = events[revokedAt]!;
      const late = events
        .slice(revokedAt + 1)
        .filter(({ metadata, payload }) => {
          return metadata.actor.id === user.token.id && payload.type === 'TokenCreated';
        })
        .map(({ occurredAt }) => Date.parse(occurredAt) - Date.parse(revoked.occurredAt));
      // The window of guarded appends, docs/eventstoredb.md: what was on its way, and never more than a deadline.
      const stood = stoodMs() - stoodBefore;
      for (const ms of late) expect(ms).toBeLessThan(1_800 + stood);
      expect(late.length).toBeLessThanOrEqual(16);
      if (process.env['LEDGER_TEST_FIGURES']) process.stdout.write(`A13: ${late.join(' ')} ms\n`);
    });

    it('a node that was away knows on its return what happened meanwhile', async () => {
      const { body: before } = await a.create();
      const c = await nodes.start('c');
      expect((await c.verify(before.secret)).body.code).toBe('VALID');
      await c.close();
      await a.revoke(before.token.id);
      const { body: meanwhile } = await a.create();
      const again = await nodes.start('c');
      expect(again.ledger.projector.rebuiltAtStart).toEqual([]);
      expect((await again.verify(before.secret)).body.code).toBe('REVOKED');
      expect((await again.verify(meanwhile.secret)).body.code).toBe('VALID');
      await again.close();
    });

    it('the log is read to the same end on both, and from a position that is none it is refused', async () => {
      const lines = async ({ url, admin }: TestNode, after: string): Promise<Response> =>
        fetch(`${url}/v1/events?after=${after}`, {
          headers: { authorization: `Bearer ${admin}`, accept: 'application/x-ndjson' },
        });
      let [ofA, ofB] = ['', ''];
      // A use is recorded after its answer: one may still come in between.
      for (let tried = 0; tried === 0 || (ofA !== ofB && tried < 10); tried += 1) {
        await until(() => a.ledger.progress.position === b.ledger.progress.position);
        const answers = await Promise.all([lines(a, '0'), lines(b, '0')]);
        [ofA, ofB] = [await answers[0].text(), await answers[1].text()];
      }
      expect(ofA).not.toBe('');
      expect(ofA).toBe(ofB);
      const none = await lines(a, '1');
      expect(none.status).toBe(400);
    });

    it('a stream that is to go on after a position that is none is refused before it begins', async () => {
      const follow = async (path: string, headers: object): Promise<Response> => {
        const gone = new AbortController();
        const response = await fetch(`${a.url}${path}`, {
          headers: { authorization: `Bearer ${a.admin}`, accept: 'text/event-stream', ...headers },
          signal: gone.signal,
        });
        // A stream that did begin goes on for ever; what it was answered with is all that is asked here.
        if (response.status === 200) gone.abort();
        return response;
      };
      const message = expect.stringMatching(/no position of this log; .* or leave it out/);
      for (const [path, headers, place] of [
        ['/v1/invalidations', { 'last-event-id': '1' }, { header: 'Last-Event-ID' }],
        ['/v1/events', { 'last-event-id': '1' }, { header: 'Last-Event-ID' }],
        ['/v1/events?after=1', {}, { parameter: 'after' }],
      ] as const) {
        const refused = await follow(path, headers);
        expect([path, refused.status]).toEqual([path, 400]);
        expect(refused.headers.get('content-type')).toMatch(/^application\/problem\+json/);
        expect(await refused.json()).toMatchObject({
          code: 'INVALID_REQUEST',
          errors: [{ ...place, message }],
        });
      }
      const [first] = await a.ledger.store.readAllAfter(0n, 1);
      const headers = { 'last-event-id': String(first!.position) };
      expect((await follow('/v1/invalidations', headers)).status).toBe(200);
      expect((await follow('/v1/events', headers)).status).toBe(200);
    });
  });
}

describeTwoNodes('the double', async () => {
  const double = await EventStoreDouble.start();
  return { connectionString: double.connectionString, close: () => double.stop() };
});

const { LEDGER_TEST_EVENTSTOREDB_URL: connectionString } = process.env;

if (connectionString === undefined) {
  it.skip('two nodes on a real server: LEDGER_TEST_EVENTSTOREDB_URL is not set', () => {});
} else {
  describeTwoNodes('a real server', async () => ({ connectionString, close: async () => {} }));
}
