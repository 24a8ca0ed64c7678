import { randomUUID } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import { EventStoreDouble } from '../double/event-store-double.js';
import { TcpFront } from '../double/tcp-front.js';
import { ClusterOfDoubles } from '../support/cluster.js';
import { until } from '../support/store-on-double.js';
import { Nodes, type Answer, type TestNode } from './support/node.js';

/** What is promised, and what a busy machine may add to it. */
const ANSWER_MS = 2_000;
const RECOVERY_MS = 5_000;
const STALENESS_MS = 2_000;
/** Of any tenth of a second at most this many calls, so that their sum says something of waiting. */
const CALLS_AT_ONCE = 40;

interface Calls {
  readonly slowestMs: number;
  /** The same of calls that wait for nothing: what the machine itself takes. */
  readonly machineMs: number;
  readonly answers: readonly Answer[];
}

/** Creates and charges and verifies for a while, all at once and again and again. */
async function callFor(ms: number, node: TestNode, token: Answer): Promise<Calls> {
  const answers: Answer[] = [];
  const until = performance.now() + ms;
  const { secret, token: made } = token.body;
  let machineMs = 0;
  const control = (async () => {
    while (performance.now() < until) {
      const start = performance.now();
      await node.isAlive();
      machineMs = Math.max(machineMs, performance.now() - start);
    }
  })();
  await Promise.all(
    Array.from({ length: CALLS_AT_ONCE }, async (_, n) => {
      while (performance.now() < until) {
        const kinds = [
          () => node.create({}, { 'idempotency-key': randomUUID() }),
          () => node.consume(made.id, 1),
          () => node.verify(secret),
          () => node.call('GET', '/v1/orgs/demo/tokens?limit=1'),
        ];
        answers.push(await kinds[n % kinds.length]!());
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }),
  );
  await control;
  return { answers, machineMs, slowestMs: Math.max(...answers.map((answer) => answer.ms)) };
}

/** Within the promise, beside what everything takes on a machine that is busy with something else. */
function expectInTime({ slowestMs, machineMs }: Calls): void {
  expect(slowestMs).toBeLessThan(ANSWER_MS + 2 * machineMs);
}

function expectOnlyAnswersOrUnavailable({ answers }: Calls): void {
  for (const { status: code, headers, body } of answers) {
    if (code === 503) {
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
      expect(['STORE_UNAVAILABLE', 'BEHIND']).toContain(body.code);
    } else {
      expect([200, 201]).toContain(code);
    }
  }
}

/** Every token that was acknowledged is in the log, and no charge more than once. */
async function expectNothingLost(node: TestNode, { answers }: Calls): Promise<void> {
  const events = await node.ledger.store.readAllAfter(0n, 100_000);
  const made = new Set(
    events.flatMap(({ payload }) => (payload.type === 'TokenCreated' ? [payload.tokenId] : [])),
  );
  for (const { status: code, body } of answers) {
    if (code === 201) expect(made).toContain(body.token.id);
  }
  const totals = events.flatMap(({ payload }) =>
    payload.type === 'QuotaConsumed' ? [payload.consumedAfter] : [],
  );
  expect(totals).toEqual(totals.map((_, index) => index + 1));
  const acknowledged = answers.filter(({ body }) => body?.units === 1).length;
  expect(totals.length).toBeGreaterThanOrEqual(acknowledged);
}

describe('a node whose database', () => {
  let double: EventStoreDouble;
  let nodes: Nodes;
  let node: TestNode;
  let token: Answer;
  const wires: TcpFront[] = [];

  beforeEach(async () => {
    double = await EventStoreDouble.start();
    const { connectionString } = double;
    nodes = new Nodes({ connectionString, streamPrefix: 'ledger-' });
    node = await nodes.start('a', { stalenessMaxMs: STALENESS_MS });
    token = await node.create();
    expect((await node.consume(token.body.token.id, 1)).status).toBe(200);
  });
  afterEach(async () => {
    await nodes.close();
    await Promise.all(wires.splice(0).map((wire) => wire.close()));
    await double.stop();
  });

  const verifies = async (): Promise<string> => {
    const { status: code, body } = await node.verify(token.body.secret);
    return code === 200 ? body.code : body.code;
  };
  const writes = async (): Promise<boolean> => (await node.create()).status === 201;

  const outages: readonly {
    readonly name: string;
    readonly begin: () => Promise<void> | void;
    readonly end: () => Promise<void> | void;
  }[] = [
    {
      name: 'answers nothing any more',
      begin: () => double.front.pause(),
      end: () => double.front.resume(),
    },
    { name: 'is gone', begin: () => double.stop(), end: () => double.start() },
    {
      name: 'is far too slow',
      begin: () => void (double.faults.delayMs = 4_000),
      end: () => void (double.faults.delayMs = 0),
    },
  ];

  for (const { name, begin, end } of outages) {
    it(`${name}: all calls are answered in time, verified from memory as long as may be, and all is well again after`, async () => {
      const calling = callFor(STALENESS_MS + 3_500, node, token);
      await new Promise((resolve) => setTimeout(resolve, 500));
      await begin();
      const since = performance.now();
      while (performance.now() - since < STALENESS_MS / 2) {
        const said = await verifies();
        // An answer that the machine held up may be about a later moment.
        if (performance.now() - since < STALENESS_MS / 2) expect(said).toBe('VALID');
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      const staleMs = await until(async () => (await verifies()) === 'BEHIND');
      expect(staleMs).toBeLessThan(STALENESS_MS);
      // Once too old it is never judged by again, until the database is back.
      for (let n = 0; n < 20; n += 1) expect(await verifies()).toBe('BEHIND');
      await until(async () => (await node.failedChecks()).length > 1);
      expect(await node.failedChecks()).toEqual(['store-stalled', 'read-models-too-old']);
      expect(await node.isAlive()).toBe(true);
      expect(node.ledger.store.counts.pending).toBeLessThanOrEqual(1_000);
      const calls = await calling;
      expectOnlyAnswersOrUnavailable(calls);
      expectInTime(calls);
      await end();
      expect(await until(writes, 20_000)).toBeLessThan(RECOVERY_MS);
      expect(await until(async () => (await verifies()) === 'VALID')).toBeLessThan(RECOVERY_MS);
      await until(async () => (await node.failedChecks()).length === 0);
      await expectNothingLost(node, calls);
    });
  }

  it('is slow, every call is answered in time, in whatever way', async () => {
    double.faults.delayMs = 700;
    const calls = await callFor(3_000, node, token);
    expectOnlyAnswersOrUnavailable(calls);
    expectInTime(calls);
    double.faults.delayMs = 0;
    expect(await until(writes, 20_000)).toBeLessThan(RECOVERY_MS);
    await expectNothingLost(node, calls);
  });

  it('answers nothing: writes that come while it is known are refused at once', async () => {
    double.front.pause();
    await until(async () => !(await writes()));
    await until(() => node.ledger.store.silentMs !== undefined);
    for (let n = 0; n < 10; n += 1) {
      const refused = await node.consume(token.body.token.id, 1);
      expect(refused.status).toBe(503);
      expect(refused.ms).toBeLessThan(500);
    }
    double.front.resume();
    expect(await until(writes, 20_000)).toBeLessThan(RECOVERY_MS);
  });

  it('loses acknowledgements, nobody notices and nothing is written twice', async () => {
    double.faults.losesFirstAcks = true;
    for (let n = 0; n < 3; n += 1) expect(await writes()).toBe(true);
    double.faults.losesFirstAcks = false;
    for (const fault of ['lostAcks', 'brokenAfterCommit', 'timedOutAfterCommit'] as const) {
      double.faults[fault] = 1;
      const before = double.log.records.length;
      expect(await writes()).toBe(true);
      expect(double.log.records.length).toBe(before + 1);
    }
  });

  it('is unavailable for a moment, or answers oddly, nobody notices', async () => {
    const faults = ['unavailable', 'notReady', 'duplicateReplies', 'positionlessReplies'] as const;
    for (const fault of [...faults, 'hangingReads' as const]) {
      double.faults[fault] = 1;
      const made = await node.create();
      expect(`${fault} ${made.status}`).toBe(`${fault} 201`);
      expect((await node.verify(made.body.secret)).body.code).toBe('VALID');
      double.faults[fault] = 0;
    }
    await until(async () => (await node.failedChecks()).length === 0);
  });

  it('drops subscriptions, the other node hears of a revoke within the bound all the same', async () => {
    const other = await nodes.start('b', { stalenessMaxMs: STALENESS_MS });
    const dropping = setInterval(() => double.dropSubscriptions(status.UNAVAILABLE), 20);
    try {
      expect((await node.revoke(token.body.token.id)).status).toBe(200);
      const refused = async (): Promise<boolean> =>
        (await other.verify(token.body.secret)).body.code === 'REVOKED';
      expect(await until(refused)).toBeLessThan(STALENESS_MS);
    } finally {
      clearInterval(dropping);
    }
  });

  it('is cut off from one node, that node alone refuses to judge once it may not know of a revoke', async () => {
    const wire = new TcpFront();
    wires.push(wire);
    await wire.listen(double.front.port);
    const connectionString = `esdb://127.0.0.1:${wire.port}?tls=false`;
    const other = await nodes.start('b', { stalenessMaxMs: STALENESS_MS, connectionString });
    const verdict = async (): Promise<string> => {
      return (await other.verify(token.body.secret)).body.code;
    };
    await until(async () => (await verdict()) === 'VALID');
    const followed = await fetch(`${other.url}/v1/invalidations`, {
      headers: { authorization: `Bearer ${other.admin}`, accept: 'text/event-stream' },
    });
    wire.pause();
    const cutAt = performance.now();
    expect((await node.revoke(token.body.token.id)).status).toBe(200);
    let lastValid = cutAt;
    await until(async () => {
      const askedAt = performance.now();
      const said = await verdict();
      if (said === 'VALID') lastValid = askedAt;
      return said === 'BEHIND';
    });
    expect(lastValid - cutAt).toBeLessThan(STALENESS_MS + 100);
    // Nor does it tell gateways any longer that they are current.
    expect(followed.status).toBe(200);
    await expect(followed.text()).rejects.toThrow();
    expect(await node.failedChecks()).toEqual([]);
    wire.resume();
    // From not knowing to knowing better: it is never good again.
    const seen = new Set<string>();
    await until(async () => {
      const said = await verdict();
      seen.add(said);
      return said === 'REVOKED';
    });
    expect([...seen].filter((said) => said !== 'BEHIND')).toEqual(['REVOKED']);
  });
});

describe('a node on a cluster of three', () => {
  let cluster: ClusterOfDoubles;
  let nodes: Nodes;
  let node: TestNode;

  beforeEach(async () => {
    cluster = await ClusterOfDoubles.start(3);
    const { connectionString } = cluster;
    nodes = new Nodes({ connectionString, streamPrefix: 'ledger-' });
    node = await nodes.start('a');
  });
  afterEach(async () => {
    await nodes.close();
    await cluster.stop();
  });

  const writes = async (): Promise<boolean> => {
    const { status: code, ms } = await node.create();
    expect(ms).toBeLessThan(ANSWER_MS);
    return code === 201;
  };

  it('goes to the next leader when the one before hangs instead of dying', async () => {
    const hung = cluster.leader;
    expect(await writes()).toBe(true);
    hung.front.pause();
    const electing = setTimeout(() => {
      cluster.elect(1);
      cluster.bury(hung);
    }, 1_000);
    expect(await until(writes, 20_000)).toBeLessThan(1_000 + RECOVERY_MS);
    clearTimeout(electing);
    await until(async () => (await node.failedChecks()).length === 0);
  });

  it('goes to the next leader when the one before leads no more', async () => {
    cluster.elect(2);
    expect(await writes()).toBe(true);
  });
});
