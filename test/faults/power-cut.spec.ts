import { cpSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { SeededRandom } from '../simulation/random.js';
import { LedgerTemplate, openCopy, parseTold, runAppending } from './appending-process.js';
import {
  compileFailingDisk,
  EIO,
  environmentOf,
  itWith,
  removeFailingDisk,
  type DiskFailure,
} from './failing-disk.js';
import { PoweredDisk, readRecording } from './disk-recording.js';
import { eventsOf } from './plan.js';

const disk = compileFailingDisk();
afterAll(() => removeFailingDisk(disk));
const STEPS = process.env['LEDGER_TEST_LONG'] ? 250 : 60;
/** Long enough for the write-ahead log to be moved into the database while appends go on. */
const CHECKPOINTED_STEPS = 400;
const EVERY = process.env['LEDGER_TEST_LONG'] ? 2 : 25;
const FULLY_OPENED_EVERY = 40;
const LAZY = new URL('./lazy-flush.js', import.meta.url).href;

let template: LedgerTemplate;
beforeAll(async () => {
  template = await LedgerTemplate.make();
});
afterAll(() => template.remove());

interface Cut {
  /** How many events had been acknowledged when the power went. */
  readonly acknowledged: number;
  readonly lost: number;
}

interface Run {
  readonly name: string;
  readonly options?: readonly string[];
  readonly failure?: Omit<DiskFailure, 'files'>;
  readonly steps?: number;
  /** The power is cut at one of so many acknowledgements, and of so many writes to the database. */
  readonly every?: number;
  /** How much of what was not flushed had reached the disk all the same. */
  readonly luck: number;
}

/** Records one run, cuts the power again and again, and looks what is left. */
async function cutEverywhere(run: Run): Promise<Cut[]> {
  const { name, options = [], failure = {}, luck, steps = STEPS, every = 1 } = run;
  const directory = template.copy(name);
  const before = template.copy(`${name}-before`);
  const recordFile = join(template.root, `${name}.recording`);
  const environment = environmentOf(disk.library!, { files: directory, recordFile, ...failure });
  const { code, errors } = await runAppending(directory, steps, environment, options);
  expect({ code, errors }).toEqual({ code: 0, errors: '' });

  const powered = new PoweredDisk(before);
  const random = new SeededRandom(5);
  const acknowledged: string[] = [];
  const cuts: Cut[] = [];
  let points = 0;
  const seen = new Set<string>();
  for (const recorded of readRecording(recordFile)) {
    powered.apply(recorded);
    seen.add(`${recorded.kind} ${recorded.file}`);
    // Between two answers the database is written to only when the log is moved into it.
    const isMove = every > 1 && recorded.file === 'ledger.db';
    if (recorded.kind !== 'output' && !isMove) continue;
    points += 1;
    const output = recorded.kind === 'output' ? recorded.bytes.toString() : '';
    for (const { said, writer, step } of parseTold(output)) {
      if (said === 'yes') acknowledged.push(...eventsOf(writer, step).map((each) => each.eventId));
    }
    if (points % every > 0 && recorded.kind !== 'flush') continue;
    const left = join(template.root, `${name}-left`);
    rmSync(left, { recursive: true, force: true });
    mkdirSync(left);
    powered.restoreTo(left, () => random.chance(luck));
    cuts.push({
      acknowledged: acknowledged.length,
      lost: await lostIn(left, acknowledged, cuts.length),
    });
  }
  rmSync(recordFile);
  // Each run has to meet what it is about.
  if (failure.failing) expect(seen).toContain('failed flush ledger.db');
  if (steps > STEPS) expect(seen).toContain('flush ledger.db');
  return cuts;
}

/** How many of the acknowledged events are not there any more. */
async function lostIn(left: string, acknowledged: readonly string[], cut: number): Promise<number> {
  if (cut % FULLY_OPENED_EVERY === 0) {
    const copy = `${left}-opened`;
    cpSync(left, copy, { recursive: true });
    const store = await openCopy(copy).catch(() => undefined);
    if (!store) return acknowledged.length;
    expect(await store.verifyChain()).toMatchObject({ outcome: 'intact' });
    await store.close();
    rmSync(copy, { recursive: true });
  }
  const connection = new Database(join(left, 'ledger.db'));
  const ids = connection.prepare<[], string>('SELECT event_id FROM events').pluck().all();
  connection.close();
  const found = new Set(ids);
  return acknowledged.filter((id) => !found.has(id)).length;
}

describe('a power cut right after each acknowledgement', () => {
  const test = itWith(disk);

  const survives = async (run: Run): Promise<void> => {
    const cuts = await cutEverywhere(run);
    expect(cuts.length).toBeGreaterThanOrEqual(run.every ? 40 : 200);
    expect(cuts.filter(({ lost }) => lost > 0)).toEqual([]);
    process.stdout.write(`power cut: ${run.name}, ${cuts.length} cut points, 0 lost\n`);
  };

  test('takes nothing that was acknowledged, when the disk keeps only what was flushed', () =>
    survives({ name: 'flushed', luck: 0 }));

  test('takes nothing either when any part of the rest had reached the disk as well', () =>
    survives({ name: 'torn', luck: 0.5 }));

  test('takes nothing while the log is moved into the database', () =>
    survives({ name: 'moved', luck: 0.5, steps: CHECKPOINTED_STEPS, every: EVERY }));

  test('takes nothing when flushing the database failed once, and what it was given is gone', () => {
    const failure = { call: 'flush', failing: 'ledger.db$', at: 1, count: 1, errno: EIO } as const;
    const sizes = { steps: CHECKPOINTED_STEPS, every: EVERY };
    return survives({ name: 'dropped', luck: 0, failure, ...sizes });
  });

  test('would be noticed: without synchronous=FULL most of it is lost', async () => {
    const cuts = await cutEverywhere({ name: 'lazy', options: ['--import', LAZY], luck: 0 });
    const losing = cuts.filter(({ lost }) => lost > 0).length;
    process.stdout.write(`power cut: synchronous=NORMAL loses at ${losing} of ${cuts.length}\n`);
    expect(losing).toBeGreaterThan(cuts.length / 2);
  });
});
