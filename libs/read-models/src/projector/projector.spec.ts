import { jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { FaultyStore } from '@ledger/commands/testing';
import { MemoryEventStore, StoreUnavailable, type StoredEvent } from '@ledger/event-store';
import { sampleEvents } from '@ledger/event-store/testing';
import { openReadModels, RandomHistory, wireReadModels } from '../testing/index.js';
import type { Projection } from './projection.js';

const error = jest.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
const warn = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
afterAll(() => {
  error.mockRestore();
  warn.mockRestore();
});

afterEach(() => jest.useRealTimers());

/** Timers that go off when a test says so, and not by how busy the machine is; all else goes on as it does. */
const TIMERS_ALONE = {
  doNotFake: [
    'Date',
    'performance',
    'nextTick',
    'queueMicrotask',
    'setImmediate',
    'clearImmediate',
  ],
} as const satisfies Parameters<typeof jest.useFakeTimers>[0];

/** Refuses the event at one position, after it has put half of what it wanted to. */
function poisonAt(position: () => bigint): Projection<{ readonly seen: string }> {
  return {
    name: 'poison',
    version: 1,
    columns: {},
    indexes: [],
    apply(event, rows) {
      rows.put('seen', { seen: String(event.position) });
      if (event.position === position()) throw new Error('this one I cannot take');
    },
  };
}

const turns = async (count = 20): Promise<void> => {
  for (let turn = 0; turn < count; turn += 1) await new Promise(setImmediate);
};

/** The log in which every event is a charge of the same subject. */
async function chargedStore(events = 0) {
  const store = new FaultyStore(new MemoryEventStore());
  if (events > 0) await store.append('quota-1', 0, sampleEvents(events));
  const charge = async (): Promise<bigint> => {
    const revision = (await store.read('quota-1')).length;
    const result = await store.append('quota-1', revision, sampleEvents(1, revision + 1));
    if (result.outcome === 'conflict') throw new Error('nobody else writes');
    return result.position;
  };
  return { store, charge };
}

describe('the projector follows the log', () => {
  it('and whoever waited for a position finds it held', async () => {
    const { store, charge } = await chargedStore();
    const { projector, quotas } = await openReadModels(store);
    const { subjectId } = sampleEvents(1)[0]!.payload;
    for (let n = 1; n <= 50; n += 1) {
      const position = await charge();
      expect(await projector.reached(position, 5_000)).toBe(true);
      expect(quotas.windows(subjectId)[0]?.consumed).toBe(n);
    }
    await projector.close();
  });

  it('also when nobody tells it that the log has grown, and nobody asks', async () => {
    jest.useFakeTimers(TIMERS_ALONE);
    const { store, charge } = await chargedStore();
    store.hints = false;
    const { projector } = await openReadModels(store);
    await turns();
    const position = await charge();
    jest.advanceTimersByTime(999);
    await turns();
    expect(projector.position).toBeLessThan(position);
    jest.advanceTimersByTime(1);
    await turns();
    expect(projector.position).toBe(position);
    await projector.close();
  });

  it('and misses no hint that comes while it reads, or just as it stops', async () => {
    const { store, charge } = await chargedStore();
    const { projector } = await openReadModels(store);
    for (let n = 0; n < 300; n += 1) {
      let microtasks = n % 12;
      store.onReadAll = async () => {
        while (microtasks > 0) {
          microtasks -= 1;
          await Promise.resolve();
        }
      };
      await charge();
      for (let pause = n % 7; pause > 0; pause -= 1) await Promise.resolve();
      const position = await charge();
      await turns(3);
      expect(projector.position).toBe(position);
    }
    await projector.close();
  });

  it('past a store that cannot be reached for a while', async () => {
    const { store, charge } = await chargedStore(3);
    const { projector } = await openReadModels(store);
    store.onReadAll = () => Promise.reject(new StoreUnavailable('no connection'));
    const position = await charge();
    expect(await projector.reached(position, 50)).toBe(false);
    expect(projector.failure).toBeUndefined();
    store.onReadAll = async () => undefined;
    expect(await projector.reached(position, 5_000)).toBe(true);
    await projector.close();
  });

  it('and is not changed by events that it has seen already', async () => {
    const store = new FaultyStore(new MemoryEventStore());
    const history = new RandomHistory(store, 1);
    await history.run(80);
    const readModels = await openReadModels(store);
    const before = readModels.dump();
    const all = await store.readAllAfter(0n, 10_000);
    const readOn = store.readAllAfter.bind(store);
    jest.spyOn(store, 'readAllAfter').mockImplementation(async (position, limit) => {
      const events = await readOn(position, limit);
      return events.length > 0 ? ([...all.slice(-30), ...events] as readonly StoredEvent[]) : [];
    });
    await store.append('quota-x', 0, sampleEvents(1));
    await readModels.projector.caughtUp();
    const after = readModels.dump();
    const { subjectId } = sampleEvents(1)[0]!.payload;
    const added = after['quota-usage']!.filter((row) => !row.includes(subjectId));
    expect({ ...after, 'quota-usage': added }).toEqual(before);
    await readModels.projector.close();
  });
});

describe('whoever waits', () => {
  it('waits no longer than they said, and the others wait on', async () => {
    jest.useFakeTimers(TIMERS_ALONE);
    const { store } = await chargedStore(1);
    const { projector } = await openReadModels(store);
    const patient = projector.reached(2n, 5_000);
    let told: boolean | undefined;
    void projector.reached(9n, 60).then((isHeld) => (told = isHeld));
    jest.advanceTimersByTime(59);
    await turns();
    expect(told).toBeUndefined();
    jest.advanceTimersByTime(1);
    await turns();
    expect(told).toBe(false);
    await store.append('quota-1', 1, sampleEvents(1, 2));
    expect(await patient).toBe(true);
    expect(await projector.reached(1n, 0)).toBe(true);
    await projector.close();
  });

  it('is told in time for ten thousand at once', async () => {
    const { store, charge } = await chargedStore();
    const { projector } = await openReadModels(store);
    const waiting = Array.from({ length: 10_000 }, (_, n) =>
      projector.reached(BigInt(1 + (n % 20)), 60_000),
    );
    for (let n = 0; n < 20; n += 1) await charge();
    expect((await Promise.all(waiting)).every(Boolean)).toBe(true);
    await projector.close();
  });

  it('is told no when the projector is closed, and so is who comes later', async () => {
    const { store } = await chargedStore(1);
    const { projector } = await openReadModels(store);
    const waiting = projector.reached(9n, 60_000);
    await projector.close();
    expect(await waiting).toBe(false);
    expect(await projector.reached(9n, 60_000)).toBe(false);
    expect(await projector.reached(1n, 60_000)).toBe(true);
  });
});

describe('an event that cannot be applied', () => {
  it('stops every read model before it, tells why, and answers who waits', async () => {
    const { store } = await chargedStore(3);
    let poisoned = 0n;
    const replace = [poisonAt(() => poisoned) as Projection<never>];
    const { projector } = await openReadModels(store, { replace });
    poisoned = 6n;
    const waiting = [5n, 6n, 7n].map((position) => projector.reached(position, 60_000));
    await store.append('quota-1', 3, sampleEvents(4, 4));
    expect(await Promise.all(waiting)).toEqual([true, false, false]);
    expect(projector.position).toBe(5n);
    expect(projector.failure?.message).toContain('poison');
    expect(projector.failure?.message).toContain('position 6');
    expect(projector.failure?.message).toContain('this one I cannot take');
    expect(await projector.reached(6n, 60_000)).toBe(false);
    await store.append('quota-1', 7, sampleEvents(1, 8));
    await turns();
    expect(projector.position).toBe(5n);
    await projector.close();
  });

  it('leaves nothing half-applied in the file, whatever is asked of it afterwards', async () => {
    const { store } = await chargedStore(3);
    let poisoned = 0n;
    const replace = [poisonAt(() => poisoned) as Projection<never>];
    const { projector, database, dump } = await openReadModels(store, { replace });
    dump();
    poisoned = 5n;
    await store.append('quota-1', 3, sampleEvents(2, 4));
    await turns();
    expect(projector.failure).toBeDefined();
    const rows = database.query<{ row: string }>(
      `SELECT row FROM "${projector.tableOf('quota-usage')}"
       UNION ALL SELECT row FROM "${projector.tableOf('poison')}"`,
    );
    expect(rows.map(({ row }) => row).join()).not.toContain('"consumed":5');
    expect(rows.map(({ row }) => row).join()).not.toContain('"seen":"5"');
    expect(database.live('quota-usage')!.position).toBe(3n);
    await projector.close();
  });

  it('met at the start refuses the start, and the file keeps what it held', async () => {
    const { store } = await chargedStore(5);
    const replace = [poisonAt(() => 3n) as Projection<never>];
    const { projector, database } = wireReadModels(store, { replace });
    await expect(projector.start()).rejects.toThrow('position 3');
    expect(database.live('quota-usage')).toBeUndefined();
    await projector.close();
  });

  it('is passed by a rebuild with code that can take it, and the projector runs again', async () => {
    const { store, charge } = await chargedStore(3);
    let poisoned = 0n;
    const replace = [poisonAt(() => poisoned) as Projection<never>];
    const { projector, row } = await (async () => {
      const opened = await openReadModels(store, { replace });
      return { ...opened, row: () => opened.projector.row('poison', 'seen') };
    })();
    poisoned = 4n;
    await charge();
    await turns();
    await expect(projector.rebuild()).rejects.toThrow('position 4');
    expect(projector.failure).toBeDefined();
    poisoned = 0n;
    await projector.rebuild();
    expect(projector.failure).toBeUndefined();
    expect(await projector.reached(await charge(), 5_000)).toBe(true);
    expect(row()).toEqual({ seen: '5' });
    await projector.close();
  });
});

describe('closing', () => {
  it('writes what is unwritten, and may be asked for twice', async () => {
    const { store } = await chargedStore(3);
    const { projector, database } = await openReadModels(store);
    await store.append('quota-1', 3, sampleEvents(1, 4));
    await projector.caughtUp();
    expect(database.live('quota-usage')!.position).toBe(3n);
    let written: bigint | undefined;
    jest.spyOn(database, 'close').mockImplementation(() => {
      written = database.live('quota-usage')!.position;
      return Promise.resolve();
    });
    await Promise.all([projector.close(), projector.close()]);
    expect(written).toBe(4n);
    expect(database.close).toHaveBeenCalledTimes(1);
    jest.restoreAllMocks();
    await database.close();
  });

  it('comes to an end while the log keeps growing', async () => {
    const { store, charge } = await chargedStore(1);
    const { projector } = await openReadModels(store);
    // Each read finds something new, so following by itself would never come to an end.
    store.onReadAll = async () => {
      await turns(1);
      await charge();
    };
    await charge();
    await turns(50);
    expect(projector.position).toBeGreaterThan(10n);
    await projector.close();
  });
});
