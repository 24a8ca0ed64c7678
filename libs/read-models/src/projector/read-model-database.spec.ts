import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MemoryEventStore } from '@ledger/event-store';
import { PROJECTIONS } from '../projections/projections.js';
import { openReadModels, RandomHistory, wireReadModels } from '../testing/index.js';
import { ReadModelDatabase } from './read-model-database.js';

let directory: string;
let files = 0;
beforeAll(() => (directory = mkdtempSync(join(tmpdir(), 'read-models-'))));
afterAll(() => rmSync(directory, { recursive: true }));
const newFile = () => join(directory, `${(files += 1)}.sqlite`);

const store = new MemoryEventStore();
beforeAll(() => new RandomHistory(store, 7).run(120));

async function open(file: string, ledgerId = 'ledger-1') {
  const { projector, dump } = await openReadModels(store, { file, ledgerId });
  const rows = dump();
  const { rebuiltAtStart } = projector;
  await projector.close();
  return { rows, rebuiltAtStart };
}

describe('the file of the read models', () => {
  it('is used again when the process comes back', async () => {
    const file = newFile();
    const { rows, rebuiltAtStart } = await open(file);
    expect(rebuiltAtStart).toHaveLength(PROJECTIONS.length);
    expect(await open(file)).toEqual({ rows, rebuiltAtStart: [] });
  });

  it('is readable by its owner alone, also when it was replaced', async () => {
    const file = newFile();
    await open(file);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    writeFileSync(file, 'no database at all'.repeat(100), { mode: 0o644 });
    await open(file);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it.each<[string, (file: string) => void]>([
    ['holds something else', (file) => writeFileSync(file, 'x'.repeat(50_000))],
    ['was cut in the middle', (file) => truncateSync(file, statSync(file).size / 2)],
    ['was cut to nothing', (file) => truncateSync(file, 0)],
    ['has a hole in every second page', (file) => scribble(file)],
    ['was deleted', (file) => rmSync(file)],
  ])('that %s is replaced, and the rows are made again', async (_what, damage) => {
    const file = newFile();
    const { rows } = await open(file);
    damage(file);
    const again = await open(file);
    expect(again.rows).toEqual(rows);
    expect(again.rebuiltAtStart).toHaveLength(PROJECTIONS.length);
  });

  it('that is damaged unseen answers nothing from then on, and is made again at the next start', async () => {
    const file = newFile();
    const { rows } = await open(file);
    scribble(file, 40);
    const { size, mtimeNs } = statSync(file, { bigint: true });
    writeFileSync(`${file}-closed`, `${size} ${mtimeNs}`);
    const damaged = wireReadModels(store, { file });
    await damaged.projector.start();
    expect(damaged.projector.rebuiltAtStart).toEqual([]);
    for (let asked = 0; asked < 2; asked += 1) expect(damaged.dump).toThrow('restart the process');
    expect(damaged.projector.failure?.message).toMatch('is damaged');
    await damaged.projector.close();
    const again = await open(file);
    expect(again).toEqual({ rows, rebuiltAtStart: PROJECTIONS.map(({ name }) => name) });
  });

  it('is not looked through where it is as it was closed, and is where nobody closed it', async () => {
    const file = newFile();
    await open(file);
    expect(existsSync(`${file}-closed`)).toBe(true);
    const { projector } = await openReadModels(store, { file });
    expect(existsSync(`${file}-closed`)).toBe(false);
    await projector.close();
  });

  it('that was deleted without its log is not filled from that log', async () => {
    const file = newFile();
    const { projector, dump } = await openReadModels(store, { file });
    const rows = dump();
    // The process dies, so that the log stays behind; only the main file is deleted.
    rmSync(file);
    const again = await open(file);
    expect(again.rows).toEqual(rows);
    expect(again.rebuiltAtStart).toHaveLength(PROJECTIONS.length);
    await projector.close();
  });

  it('made from another ledger is emptied', async () => {
    const file = newFile();
    const { rows } = await open(file, 'ledger-1');
    const other = new MemoryEventStore();
    const { projector, dump } = await openReadModels(other, { file, ledgerId: 'ledger-2' });
    expect(Object.values(dump()).flat()).toEqual([]);
    await projector.close();
    expect((await open(file, 'ledger-1')).rows).toEqual(rows);
  });

  it('cannot be opened where it cannot be made', () => {
    expect(() => new ReadModelDatabase(join(directory, 'none', 'x.sqlite'), 'l')).toThrow();
  });
});

function scribble(file: string, firstPage = 3): void {
  const descriptor = openSync(file, 'r+');
  for (let page = firstPage; page < statSync(file).size / 4096; page += 2) {
    writeSync(descriptor, Buffer.alloc(4096, page), 0, 4096, page * 4096);
  }
  closeSync(descriptor);
}

describe('a disk without room for the read models (R4)', () => {
  it('keeps nobody from judging, and loses nothing once there is room', async () => {
    const file = newFile();
    const growing = new MemoryEventStore();
    const history = new RandomHistory(growing, 11);
    await history.run(20);
    const full = await openReadModels(growing, { file });
    full.dump();
    full.database.query('PRAGMA max_page_count = 1');
    await history.run(200);
    await full.projector.caughtUp();
    expect(full.projector.position).toBe(await growing.head());
    // What is asked of the file is refused rather than answered with rows of before.
    expect(() => full.dump()).toThrow('the disk is full');
    expect(full.projector.failure).toBeUndefined();

    full.database.query('PRAGMA max_page_count = 1000000');
    const never = await openReadModels(growing, { file: newFile() });
    expect(full.dump()).toEqual(never.dump());
    await never.projector.close();
    await full.projector.close();
  });

  it('closes with what it could not write, which is made again at the next start', async () => {
    const file = newFile();
    const growing = new MemoryEventStore();
    const history = new RandomHistory(growing, 12);
    await history.run(20);
    const full = await openReadModels(growing, { file });
    full.dump();
    full.database.query('PRAGMA max_page_count = 1');
    await history.run(200);
    await full.projector.caughtUp();
    await full.projector.close();
    const again = await openReadModels(growing, { file });
    const never = await openReadModels(growing, { file: newFile() });
    expect(again.dump()).toEqual(never.dump());
    await again.projector.close();
    await never.projector.close();
  });
});
