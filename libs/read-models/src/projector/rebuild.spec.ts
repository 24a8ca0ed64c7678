import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { FaultyStore } from '@ledger/commands/testing';
import { MemoryEventStore, type EventStore } from '@ledger/event-store';
import { sampleEvents } from '@ledger/event-store/testing';
import { tokenList } from '../projections/token-list.projection.js';
import { PROJECTIONS } from '../projections/projections.js';
import { openReadModels, RandomHistory, wireReadModels } from '../testing/index.js';
import type { Projection } from './projection.js';

let directory: string;
let files = 0;
beforeAll(() => (directory = mkdtempSync(join(tmpdir(), 'read-models-'))));
afterAll(() => rmSync(directory, { recursive: true }));
const newFile = () => join(directory, `${(files += 1)}.sqlite`);

/** What the file would hold if the process died now: the database, and its log as far as it is written. */
function crashImage(file: string): string {
  const image = newFile();
  for (const suffix of ['', '-wal']) {
    if (existsSync(`${file}${suffix}`)) copyFileSync(`${file}${suffix}`, `${image}${suffix}`);
  }
  return image;
}

async function dumpOf(store: EventStore, file = ':memory:') {
  const { projector, dump } = await openReadModels(store, { file });
  const rows = dump();
  await projector.close();
  return rows;
}

describe('rows made one event at a time', () => {
  it('are byte for byte those of a rebuild, after any crash on the way', async () => {
    for (let seed = 1; seed <= 5; seed += 1) {
      const store = new MemoryEventStore();
      const history = new RandomHistory(store, seed);
      const file = newFile();
      const { projector, dump } = await openReadModels(store, { file });
      for (let crash = 0; crash < 3; crash += 1) {
        await history.run(15 + seed);
        if (crash % 2 === 0) dump();
        await history.run(5 + crash);
        // Some rows are written, some are in memory alone, and some events were not read yet.
        const image = crashImage(file);
        expect(await dumpOf(store, image)).toEqual(await dumpOf(store));
      }
      await projector.caughtUp();
      expect(dump()).toEqual(await dumpOf(store));
      await projector.rebuild();
      expect(dump()).toEqual(await dumpOf(store));
      await projector.close();
    }
  });

  it('are not changed when their checkpoint is set back, whole or in part', async () => {
    for (let seed = 20; seed < 24; seed += 1) {
      const store = new MemoryEventStore();
      const history = new RandomHistory(store, seed);
      await history.run(60);
      const file = newFile();
      const expected = await dumpOf(store, file);
      const db = new Database(file);
      const head = await store.head();
      const set = db.prepare('UPDATE checkpoints SET position = ? WHERE projection LIKE ?');
      set.run(String(head / BigInt(seed - 18)), seed % 2 === 0 ? '%' : '%o%');
      db.close();
      expect(await dumpOf(store, file)).toEqual(expected);
    }
  });

  it('are made again when a checkpoint is ahead of the log, or lost', async () => {
    const store = new MemoryEventStore();
    await new RandomHistory(store, 30).run(60);
    for (const damage of [
      "UPDATE checkpoints SET position = '999999'",
      "DELETE FROM checkpoints WHERE projection = 'credentials'",
      'DELETE FROM checkpoints',
      'UPDATE checkpoints SET live = 0',
    ]) {
      const file = newFile();
      const expected = await dumpOf(store, file);
      const db = new Database(file);
      db.exec(damage);
      db.close();
      expect(await dumpOf(store, file)).toEqual(expected);
    }
  });
});

describe('another version of a projection', () => {
  const reversed: Projection<never> = {
    ...tokenList,
    version: tokenList.version + 1,
    columns: { name: { type: 'TEXT', of: () => 'second version' } },
    indexes: [],
  } as never;

  it('is built beside the old rows, which stay until it is whole', async () => {
    const store = new FaultyStore(new MemoryEventStore());
    await new RandomHistory(store, 40).run(80);
    const file = newFile();
    const before = await dumpOf(store, file);

    // The process dies in the middle of the rebuild; whoever comes up with the old version finds its rows.
    const halfway = wireReadModels(store, { file, replace: [reversed] });
    let image = '';
    await halfway.projector.start(() => (image = crashImage(file)));
    expect(image).not.toBe('');
    expect(await dumpOf(store, image)).toEqual(before);

    expect(halfway.projector.rebuiltAtStart).toEqual(['token-list']);
    const after = halfway.dump();
    expect(after['token-list']).toHaveLength(before['token-list']!.length);
    expect(after['token-list']!.every((row) => row.includes('second version'))).toBe(true);
    expect({ ...after, 'token-list': null }).toEqual({ ...before, 'token-list': null });
    expect(halfway.database.live('token-list')).toMatchObject({ version: reversed.version });
    await halfway.projector.close();
  });
});

describe('a rebuild while the process serves', () => {
  it('ends although the log keeps growing, and loses nothing of it', async () => {
    const store = new FaultyStore(new MemoryEventStore());
    const history = new RandomHistory(store, 50);
    await history.run(200);
    const { projector, dump, index } = await openReadModels(store);
    let growing = true;
    const growth = (async () => {
      while (growing) {
        await history.run(1);
        await new Promise(setImmediate);
      }
    })();
    // Each read finds something new.
    let revision = 0;
    store.onReadAll = async () => {
      await new Promise(setImmediate);
      await store.append('quota-x', revision, sampleEvents(1, (revision += 1)));
    };
    const progress: bigint[] = [];
    await projector.rebuild(({ position }) => progress.push(position));
    expect(progress.length).toBeGreaterThan(0);
    const { tokenId } = history.tokens[0]!;
    expect(index.token(tokenId)).toBeDefined();
    growing = false;
    await growth;
    store.onReadAll = async () => undefined;
    // What was on its way still arrives.
    for (let turn = 0; turn < 10; turn += 1) await new Promise(setImmediate);
    await projector.caughtUp();
    expect(dump()).toEqual(await dumpOf(store));
    await projector.close();
  });

  it('answers from the rows of before until the moment of the swap', async () => {
    const store = new FaultyStore(new MemoryEventStore());
    const history = new RandomHistory(store, 51);
    await history.run(150);
    const { projector, index, tokens, dump } = await openReadModels(store);
    const { tokenId } = history.tokens[0]!;
    const before = dump();
    let asked = 0;
    await projector.rebuild(() => {
      asked += 1;
      expect(index.token(tokenId)).toBeDefined();
      expect(tokens.get(tokenId)).toBeDefined();
      expect(dump()).toEqual(before);
    });
    expect(asked).toBeGreaterThan(0);
    expect(index.token(tokenId)).toBeDefined();
    await projector.close();
  });

  it('asked for twice at once is one rebuild', async () => {
    const store = new FaultyStore(new MemoryEventStore());
    await new RandomHistory(store, 52).run(50);
    const { projector, dump } = await openReadModels(store);
    const before = dump();
    await Promise.all([projector.rebuild(), projector.rebuild()]);
    expect(dump()).toEqual(before);
    await projector.close();
  });

  it('compares old and new rows at one position, and finds what somebody changed', async () => {
    const store = new FaultyStore(new MemoryEventStore());
    const history = new RandomHistory(store, 53);
    await history.run(60);
    const { projector, database } = await openReadModels(store);
    const found: string[] = [];
    const inspect = ({
      compare,
    }: {
      compare(): { surplus: number; missing: number; changed: number };
    }) => {
      const { surplus, missing, changed } = compare();
      found.push(`${surplus} ${missing} ${changed}`);
    };
    await history.run(10);
    await projector.rebuild(undefined, inspect);
    expect(found).toEqual(PROJECTIONS.map(() => '0 0 0'));
    const table = projector.tableOf('token-list');
    database.write([
      {
        projection: tokenList as Projection<object>,
        table,
        position: projector.position,
        rows: new Map([['forged', projector.row('token-list', history.tokens[0]!.tokenId)!]]),
      },
    ]);
    found.length = 0;
    await projector.rebuild(undefined, inspect);
    expect(found).toEqual(
      PROJECTIONS.map(({ name }) => (name === 'token-list' ? '1 0 0' : '0 0 0')),
    );
    await projector.close();
  });

  it('ends with an error when the process closes, and leaves a file that opens', async () => {
    const store = new FaultyStore(new MemoryEventStore());
    await new RandomHistory(store, 54).run(60);
    const file = newFile();
    const { projector } = await openReadModels(store, { file });
    const rebuilding = projector.rebuild().then(
      () => 'done',
      () => 'refused',
    );
    await projector.close();
    expect(['done', 'refused']).toContain(await rebuilding);
    expect(await dumpOf(store, file)).toEqual(await dumpOf(store));
  });
});
