import fc from 'fast-check';
import {
  LEASES_REMEMBERED_MAX,
  type LedgerEvent,
  type QuotaWindow,
  type TokenId,
} from '@ledger/domain';
import {
  MemoryEventStore,
  StoreUnavailable,
  type NewEvent,
  type Unchanged,
} from '@ledger/event-store';
import { sampleCharge, sampleEvent } from '@ledger/event-store/testing';
import type { ChargeOutcome, QuotaSubject } from './charge.js';
import {
  existingToken,
  FaultyStore,
  ManualClock,
  openCommandNode,
  repeatable,
  request,
  type CommandNode,
} from './testing/index.js';
import { quotaStream } from './streams.js';

const HOUR_MS = 3_600_000;

/** A log whose first events were written by a version that did not say from where on they may be folded. */
class AgedStore extends MemoryEventStore {
  isOld = false;

  override append(
    streamId: string,
    expected: number,
    events: readonly NewEvent[],
    unchanged?: readonly Unchanged[],
  ) {
    const written = events.map((event): NewEvent => {
      const { foldFrom: _foldFrom, ...metadata } = event.metadata;
      return { ...event, metadata };
    });
    return super.append(streamId, expected, this.isOld ? written : events, unchanged);
  }
}

/** One token on a store of its own, through nodes that may be restarted. */
class World {
  readonly store = new AgedStore();
  readonly reads = new FaultyStore(this.store);
  readonly clock = new ManualClock('2026-03-30T20:00:00.000Z');
  readonly leaseIds: string[] = [];
  /** The one that is asked. */
  nth = 0;
  readonly #nodes = [this.#opened(), this.#opened()];

  private constructor(readonly tokenId: TokenId) {}

  static async with(maxQuota: number | null): Promise<World> {
    const world = new World('' as TokenId);
    const { tokenId } = await existingToken(world.node, { maxQuota });
    return Object.assign(world, { tokenId });
  }

  get node(): CommandNode {
    return this.#nodes[this.nth]!;
  }

  restart(): void {
    this.#nodes[this.nth] = this.#opened();
    this.reads.reads = 0;
    this.reads.eventsRead = 0;
  }

  charge(cost = 1, key?: string): Promise<ChargeOutcome> {
    const charge = { ...this.#basis, cost, operation: 'GET /' } as const;
    return this.node.queue.consume(charge, contextOf(key));
  }

  async lease(units: number, key?: string): Promise<ChargeOutcome> {
    const lease = { ...this.#basis, cost: units, operation: 'GET /', isLease: true } as const;
    const outcome = await this.node.queue.consume(lease, contextOf(key));
    if (outcome.outcome === 'accepted') this.leaseIds.push(outcome.leaseId!);
    return outcome;
  }

  giveBack(nth: number, unusedUnits: number, key?: string): Promise<ChargeOutcome> {
    const leaseId = this.leaseIds.at(nth) ?? '2026-03.1.00000000-0000-4000-8000-000000000000';
    const leaseReturn = { ...this.#basis, leaseId, unusedUnits };
    return this.node.queue.giveBack(leaseReturn, contextOf(key));
  }

  async facts(): Promise<readonly LedgerEvent[]> {
    const log = await this.store.readAllAfter(0n, 100_000);
    return log.map(({ payload }) => payload).filter(({ type }) => type.startsWith('Quota'));
  }

  get #basis() {
    const subject: QuotaSubject = { kind: 'token', tokenId: this.tokenId, secretId: null };
    return { subject, orgId: null } as const;
  }

  #opened(): CommandNode {
    return openCommandNode({ store: this.reads, clock: this.clock });
  }
}

function contextOf(key: string | undefined) {
  return key === undefined ? request() : repeatable(key);
}

/** Ids are random, and the events of one append share its position only until they are read: all else is alike. */
function comparable(value: unknown): unknown {
  const ids = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;
  const text = JSON.stringify(value, (_name, each: unknown) =>
    typeof each === 'bigint' ? undefined : each,
  );
  return text === undefined ? undefined : JSON.parse(text.replaceAll(ids, 'id'));
}

interface Call {
  readonly name: string;
  readonly send: (world: World) => Promise<unknown>;
}

const units = fc.integer({ min: 1, max: 9 });
const keyOf = (what: string) =>
  fc.option(
    fc.nat(1).map((n) => `${what} ${n}`),
    { nil: undefined },
  );
const calls: fc.Arbitrary<Call> = fc.oneof(
  fc.tuple(units, keyOf('charge')).map(([cost, key]): Call => {
    return { name: 'charge', send: (world) => world.charge(cost, key) };
  }),
  fc.tuple(units, keyOf('lease')).map(([cost, key]): Call => {
    return { name: 'lease', send: (world) => world.lease(cost, key) };
  }),
  fc.tuple(fc.nat(6), fc.nat(9), keyOf('return')).map(([nth, unused, key]): Call => {
    return { name: 'return', send: (world) => world.giveBack(nth, unused, key) };
  }),
  fc.tuple(fc.nat(2), keyOf('charge'), keyOf('lease')).map(([nth, one, other]): Call => {
    const send = (world: World) =>
      Promise.all([
        ...[world.charge(2, one), world.giveBack(nth, 1), world.lease(3, other)],
        ...[world.giveBack(nth, 1), world.charge(1)],
      ]);
    return { name: 'several at once', send };
  }),
  fc.constantFrom(0, 1, HOUR_MS, 11 * HOUR_MS, 24 * HOUR_MS).map((ms): Call => {
    return { name: 'wait', send: async (world) => world.clock.advance(ms) };
  }),
);

describe('a node that folds a quota from its newest event', () => {
  it('answers and records whatever one does that has folded all of them', async () => {
    const seen = new Map<string, number>();
    const step = fc.record({ call: calls, nth: fc.nat(1), restarts: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 40 }),
        fc.option(fc.integer({ min: 20, max: 100 }), { freq: 3 }),
        fc.nat(20),
        async (steps, maxQuota, oldUntil) => {
          const [whole, tail] = [await World.with(maxQuota), await World.with(maxQuota)];
          for (const [index, { call, nth, restarts }] of steps.entries()) {
            tail.store.isOld = index < oldUntil;
            tail.nth = nth;
            if (restarts) tail.restart();
            const [expected, actual] = [await call.send(whole), await call.send(tail)];
            expect(comparable(actual)).toEqual(comparable(expected));
            seen.set(call.name, (seen.get(call.name) ?? 0) + 1);
          }
          expect(comparable(await tail.facts())).toEqual(comparable(await whole.facts()));
        },
      ),
      { seed: 20_260_327, numRuns: 300 },
    );
    expect(Math.min(...seen.values())).toBeGreaterThan(100);
  });
});

const many = (count: number, call: (n: number) => Promise<ChargeOutcome>) =>
  Promise.all(Array.from({ length: count }, (_, n) => call(n)));

describe('the first charge after a restart', () => {
  it('knows the keys of the batch that was written last', async () => {
    const world = await World.with(null);
    const last = () => Promise.all([world.charge(7, 'a'), world.charge(1), world.charge(1)]);
    const [first] = await last();
    world.restart();
    const [again] = await last();
    expect(comparable(again)).toEqual(comparable(first));
    expect(await world.charge()).toMatchObject({ quota: { consumed: 12 } });
  });

  it('reads one event of its window, however many there are', async () => {
    const world = await World.with(null);
    await many(5_000, () => world.charge());
    world.restart();
    expect(await world.charge()).toMatchObject({ quota: { consumed: 5_001 } });
    // One says what the token may spend.
    expect([world.reads.reads, world.reads.eventsRead]).toEqual([2, 2]);
  });

  it('does not read for leases: their returns do, and no further back than where they were charged', async () => {
    const world = await World.with(null);
    await many(1_000, () => world.lease(3));
    await many(1_000, () => world.charge());
    await world.lease(2);
    await world.charge();
    world.restart();
    await world.charge();
    expect(world.reads.eventsRead).toBe(2);
    expect(await world.giveBack(1_000, 2)).toMatchObject({ quota: { consumed: 4_002 } });
    expect(world.reads.eventsRead).toBe(5);
    expect(await world.giveBack(1_000, 2)).toMatchObject({ cost: 0 });
    expect(await world.giveBack(0, 3)).toMatchObject({ cost: 3, quota: { consumed: 3_999 } });
    expect(await world.giveBack(0, 2)).toMatchObject({ rejection: { code: 'LEASE_RETURNED' } });
  });

  it('reads back to the oldest key that may still be repeated', async () => {
    const world = await World.with(null);
    await many(600, (n) => world.charge(1, `old ${n}`));
    world.clock.advance(24 * HOUR_MS);
    await many(9, (n) => world.charge(1, `new ${n}`));
    await many(10, () => world.charge());
    world.restart();
    expect(await world.charge(1, 'new 0')).toMatchObject({ quota: { consumed: 601 } });
    expect(world.reads.eventsRead).toBeLessThan(25);
    expect(await world.charge(1, 'old 0')).toMatchObject({ quota: { consumed: 620 } });
  });

  it('reads a log of an older version in pieces, and lets others work in between', async () => {
    const world = await World.with(null);
    world.store.isOld = true;
    await many(3_000, () => world.charge());
    world.restart();
    let turns = 0;
    const count = (): void => {
      turns += 1;
      if (world.reads.reads < 8) setImmediate(count);
    };
    setImmediate(count);
    expect(await world.charge()).toMatchObject({ quota: { consumed: 3_001 } });
    expect(world.reads.reads).toBeGreaterThanOrEqual(8);
    expect(turns).toBeGreaterThan(5);
  });

  it('fails where the store ends before what it has just shown', async () => {
    const world = await World.with(null);
    await many(2, (n) => world.charge(1, `key ${n}`));
    world.restart();
    const read = world.store.read.bind(world.store);
    world.store.read = async (streamId, ...rest) =>
      streamId.startsWith('quota-') ? [] : read(streamId, ...rest);
    await expect(world.charge()).rejects.toThrow(StoreUnavailable);
  });
});

describe('a node that was left far behind', () => {
  it('does not read what others charged in between', async () => {
    const world = await World.with(10_000);
    await world.charge();
    world.nth = 1;
    await many(5_000, () => world.charge());
    world.nth = 0;
    world.reads.eventsRead = 0;
    expect(await world.charge()).toMatchObject({ quota: { consumed: 5_002 } });
    expect(world.reads.eventsRead).toBeLessThan(1_000);
  });
});

describe('more leases than are remembered', () => {
  it('come back all the same, once each, in any order and all at once', async () => {
    const world = await World.with(null);
    const leases = 3 * LEASES_REMEMBERED_MAX;
    await many(leases, () => world.lease(2));
    const returned = await many(leases, (n) => world.giveBack((n * 7) % leases, 1));
    expect(returned.map(({ outcome }) => outcome)).toEqual(Array(leases).fill('accepted'));
    expect(await world.charge()).toMatchObject({ quota: { consumed: leases + 1 } });
    const again = await many(leases, (n) => world.giveBack(n, 1));
    expect(again).toMatchObject(Array(leases).fill({ cost: 0 }));
    const stream = quotaStream(world.tokenId, '2026-03' as QuotaWindow);
    expect(world.node.folds.kept(stream)?.state.leases.size).toBe(LEASES_REMEMBERED_MAX);
  });

  it('are found also by the names that older versions gave', async () => {
    const world = await World.with(null);
    await world.charge();
    const [subjectId, window] = [world.tokenId, '2026-03' as QuotaWindow];
    const leaseId = `${window}.6f0d1f1e-9c1b-4a53-8d4d-0a1f6f1f0009`;
    const charge = { ...sampleCharge(5), subjectId, window, cost: 4, leaseId };
    const { streamId } = quotaStream(subjectId, window);
    await world.store.append(streamId, 1, [sampleEvent(charge)]);
    world.leaseIds.push(leaseId);
    await many(10, () => world.charge());
    world.restart();
    expect(await world.giveBack(0, 3)).toMatchObject({ cost: 3, quota: { consumed: 12 } });
    expect(await world.giveBack(0, 3)).toMatchObject({ cost: 0 });
  });
});
