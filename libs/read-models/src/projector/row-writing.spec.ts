import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import Database from 'better-sqlite3';
import type { TokenId } from '@ledger/domain';
import { MemoryEventStore } from '@ledger/event-store';
import { sampleCharge, sampleEvent } from '@ledger/event-store/testing';
import { openReadModels } from '../testing/index.js';
import type { QuotaUsageRow } from '../projections/quota-usage.projection.js';
import type { Projection } from './projection.js';

const WRITE_AFTER_MS = 200;
const SUBJECTS = 950;
const log = jest.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);

let directory: string;
let files = 0;
beforeAll(() => (directory = mkdtempSync(join(tmpdir(), 'row-writing-'))));
// Timers go off when a test says so, and not by how busy the machine is; turns of the event loop are real.
beforeEach(() => jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask'] }));
afterEach(() => jest.useRealTimers());
afterAll(() => {
  rmSync(directory, { recursive: true });
  log.mockRestore();
});

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const subjectOf = (n: number): TokenId =>
  `b0000000-0000-4000-8000-${String(n).padStart(12, '0')}` as TokenId;

/** Read models of a log in which each of many subjects was charged once, just as their rows begin to be written. */
async function whileWriting(replace: readonly Projection<never>[] = []) {
  const store = new MemoryEventStore();
  const file = join(directory, `${(files += 1)}.sqlite`);
  const readModels = await openReadModels(store, { file, replace });
  const { projector } = readModels;
  const other = new Database(file, { readonly: true });
  const charge = async (subject: number, consumedAfter = 1): Promise<void> => {
    const payload = { ...sampleCharge(consumedAfter), subjectId: subjectOf(subject) };
    await store.append(`quota-${subject}`, consumedAfter - 1, [sampleEvent(payload)]);
  };
  const untilHeld = async (position: bigint): Promise<void> => {
    while (projector.position < position && !projector.failure) await turn();
  };
  for (let subject = 1; subject <= SUBJECTS; subject += 1) await charge(subject);
  await untilHeld(BigInt(SUBJECTS));
  jest.advanceTimersByTime(WRITE_AFTER_MS);
  await turn();
  return {
    ...readModels,
    store,
    charge,
    untilHeld,
    /** Position that the file holds for everybody else, and after a crash. */
    written: () =>
      Number(
        other
          .prepare(`SELECT position FROM checkpoints WHERE projection = 'quota-usage' AND live = 1`)
          .pluck()
          .get(),
      ),
    consumed: (subject: number) =>
      (projector.row('quota-usage', subjectOf(subject)) as QuotaUsageRow).windows[0]?.consumed,
    async close() {
      await projector.close();
      other.close();
    },
  };
}

/** Turns of the event loop until something holds; a test that waits in vain fails by its time. */
async function turnsUntil(holds: () => boolean): Promise<number> {
  let turns = 0;
  for (; !holds(); turns += 1) await turn();
  return turns;
}

async function dumpAnew(store: MemoryEventStore) {
  const { projector, dump } = await openReadModels(store);
  const rows = dump();
  await projector.close();
  return rows;
}

describe('many rows are written a piece at a time', () => {
  it('between which calls are answered, and become the file’s all at once', async () => {
    const { written, consumed, close } = await whileWriting();
    const seen = new Set<number>();
    const turns = await turnsUntil(() => {
      seen.add(written());
      // Not among the first to be written, nor among the last, which are remembered.
      expect(consumed(SUBJECTS - 50)).toBe(1);
      return written() === SUBJECTS;
    });
    expect(turns).toBeGreaterThanOrEqual(8);
    expect([...seen]).toEqual([0, SUBJECTS]);
    await close();
  });

  it('and what changes meanwhile is written next, although nothing more happens', async () => {
    const { store, written, charge, untilHeld, consumed, dump, close } = await whileWriting();
    // The first is being written, the other is new.
    await charge(1, 2);
    await charge(SUBJECTS + 1);
    await untilHeld(BigInt(SUBJECTS + 2));
    expect([consumed(1), consumed(200), consumed(SUBJECTS + 1)]).toEqual([2, 1, 1]);
    // Due before its turn.
    jest.advanceTimersByTime(WRITE_AFTER_MS);
    expect(written()).toBe(0);
    await turnsUntil(() => written() === SUBJECTS);
    jest.advanceTimersByTime(WRITE_AFTER_MS);
    await turnsUntil(() => written() === SUBJECTS + 2);
    expect(dump()).toEqual(await dumpAnew(store));
    await close();
  });

  it('and a query that reads the file waits for none of them', async () => {
    const { store, written, charge, untilHeld, dump, close } = await whileWriting();
    await charge(1, 2);
    await untilHeld(BigInt(SUBJECTS + 1));
    expect(written()).toBe(0);
    expect(dump()).toEqual(await dumpAnew(store));
    expect(written()).toBe(SUBJECTS + 1);
    await close();
  });

  it('and are all there when the process closes in the middle', async () => {
    const { written, projector, close } = await whileWriting();
    expect(written()).toBe(0);
    await projector.close();
    expect(written()).toBe(SUBJECTS);
    await close();
  });

  it('and not in the middle of a rebuild, which begins with the file as it is in memory', async () => {
    const { store, written, projector, charge, dump, close } = await whileWriting();
    const rebuilding = projector.rebuild();
    expect(written()).toBe(SUBJECTS);
    await charge(1, 2);
    await rebuilding;
    await projector.caughtUp();
    expect(dump()).toEqual(await dumpAnew(store));
    await close();
  });

  it('and none of them when an event in the middle cannot be applied', async () => {
    let poisoned = 0n;
    const poison: Projection<object> = {
      ...{ name: 'poison', version: 1, columns: {}, indexes: [] },
      apply({ position }) {
        if (position === poisoned) throw new Error('this one I cannot take');
      },
    };
    const { written, projector, charge, untilHeld, close } = await whileWriting([
      poison as Projection<never>,
    ]);
    poisoned = BigInt(SUBJECTS + 1);
    await charge(SUBJECTS + 1);
    await untilHeld(poisoned);
    expect(projector.failure?.message).toContain('poison');
    for (let turns = 0; turns < 10; turns += 1) await turn();
    expect(written()).toBe(0);
    // The file is let go of, too: a rebuild can write to it.
    poisoned = 0n;
    await projector.rebuild();
    expect(written()).toBe(SUBJECTS + 1);
    await close();
  });
});
