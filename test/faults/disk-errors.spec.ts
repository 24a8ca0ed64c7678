import type { SqliteEventStore } from '@ledger/event-store';
import { LedgerTemplate, openCopy, runAppending, type Ended } from './appending-process.js';
import {
  compileFailingDisk,
  EIO,
  ENOSPC,
  environmentOf,
  itWith,
  removeFailingDisk,
  type DiskFailure,
} from './failing-disk.js';
import { eventsOf, WRITERS } from './plan.js';

const disk = compileFailingDisk();
afterAll(() => removeFailingDisk(disk));
const STEPS = process.env['LEDGER_TEST_LONG'] ? 250 : 40;
/** Where the first call fails: each of the first ones, and some of those that follow. */
const AT = process.env['LEDGER_TEST_LONG']
  ? Array.from({ length: 200 }, (_, n) => n + 1)
  : [1, 2, 3, 5, 8, 12, 16, 21, 27, 34];

/** How many runs met the error while they appended: where none does, nothing is shown. */
let met = 0;
let template: LedgerTemplate;
beforeAll(async () => {
  template = await LedgerTemplate.make();
});
afterAll(() => template.remove());

interface Failed {
  readonly directory: string;
  readonly ended: Ended;
}

async function failAt(name: string, failure: Omit<DiskFailure, 'files'>): Promise<Failed> {
  const directory = template.copy(name);
  const environment = environmentOf(disk.library!, { files: directory, ...failure });
  const ended = await runAppending(directory, STEPS, environment);
  if (ended.told.some(({ said }) => said === 'no')) met += 1;
  return { directory, ended };
}

/** Every step that was answered with yes is in the log, once, and nothing is there in part. */
async function idsOf(store: SqliteEventStore): Promise<readonly string[]> {
  return (await store.readAllAfter(0n, 100_000)).map(({ eventId }) => eventId);
}

async function checkAfterRestart({ directory, ended }: Failed): Promise<void> {
  const store = await openCopy(directory);
  try {
    const before = await idsOf(store);
    for (const { said, writer, step } of ended.told) {
      const ids = eventsOf(writer, step).map(({ eventId }) => eventId);
      const found = ids.filter((id) => before.includes(id)).length;
      expect([0, ids.length]).toContain(found);
      if (said === 'yes') expect(found).toBe(ids.length);
    }
    await retryFirstRefused(store, ended);
    const after = await idsOf(store);
    expect(new Set(after).size).toBe(after.length);
    expect(await store.verifyChain()).toMatchObject({ outcome: 'intact' });
  } finally {
    await store.close();
  }
}

/** What a client does whose request was answered with 503: the same again, with the same ids. */
async function retryFirstRefused(store: SqliteEventStore, { told }: Ended): Promise<void> {
  for (let writer = 0; writer < WRITERS; writer += 1) {
    const own = told.filter((each) => each.writer === writer);
    const refused = own.findIndex(({ said }) => said === 'no');
    if (refused < 0 || own.slice(refused).some(({ said }) => said === 'yes')) continue;
    const revision = own
      .slice(0, refused)
      .reduce((sum, { step }) => sum + eventsOf(writer, step).length, 0);
    const events = eventsOf(writer, own[refused]!.step);
    const retried = await store.append(`planned-${writer}`, revision, events);
    expect(retried).toMatchObject({ outcome: 'appended', revision: revision + events.length });
    const stream = await store.read(`planned-${writer}`);
    expect(stream.slice(revision).map(({ eventId }) => eventId)).toEqual(
      events.map(({ eventId }) => eventId),
    );
  }
}

describe('a disk that reports an error', () => {
  const test = itWith(disk);

  test.each((['write', 'flush'] as const).flatMap((call) => AT.map((at) => [call, at] as const)))(
    'once, at %s %i: nothing is acknowledged after it, the process ends, a retry makes one of it',
    async (call, at) => {
      // Once only: a disk that says yes the next time is the one that tempts to go on.
      const failure = { call, at, count: 1, errno: EIO };
      const failed = await failAt(`eio-${call}-${at}`, failure);
      const { code, told } = failed.ended;
      const firstNo = told.findIndex(({ said }) => said === 'no');
      if (firstNo >= 0) {
        expect(told.slice(firstNo).filter(({ said }) => said === 'yes')).toEqual([]);
        // It ends so only if it heard of the failure before the last refusal was told.
        expect(code).toBe(3);
      } else {
        // Before the first append, where opening is refused; or at the very end, after the last one.
        expect([0, WRITERS * STEPS]).toContain(told.length);
      }
      await checkAfterRestart(failed);
    },
  );

  test.each(AT)(
    'because it is full, from write %i on: writes are refused, and nothing acknowledged is lost',
    async (at) => {
      const failed = await failAt(`enospc-${at}`, { call: 'write', at, errno: ENOSPC });
      expect(failed.ended.told.filter(({ said }) => said === 'conflict')).toEqual([]);
      await checkAfterRestart(failed);
    },
  );

  test('was met by most of these runs while they appended, so that they show something', () => {
    process.stdout.write(`disk errors: ${met} of ${3 * AT.length} runs met one while appending\n`);
    expect(met).toBeGreaterThan((3 * AT.length) / 2);
  });
});
