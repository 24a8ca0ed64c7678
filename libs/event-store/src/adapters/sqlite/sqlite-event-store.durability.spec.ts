import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { sampleCipher, sampleEvents } from '../../testing/sample-events.js';
import { openTemporaryLedger, type TemporaryLedger } from '../../testing/temporary-ledger.js';
import { LedgerExists, ledgerFiles } from './ledger-files.js';
import { SqliteEventStore } from './sqlite-event-store.js';
import { WriterThread } from './writer-thread.js';

const PROGRAM = fileURLToPath(new URL('../../testing/append-until-killed.js', import.meta.url));
const KILLS = 5;
const ACKNOWLEDGED_BEFORE_KILL = 300;

interface Child {
  readonly process: ChildProcess;
  /** What it printed so far. */
  readonly output: () => string;
  readonly errors: () => string;
}

function startAppending(directory: string): Child {
  const child = spawn(process.execPath, [PROGRAM, directory], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let errors = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  return { process: child, output: () => output, errors: () => errors };
}

async function untilLines(child: Child, lines: number): Promise<void> {
  while (child.output().split('\n').length <= lines) {
    const { exitCode, signalCode } = child.process;
    if (exitCode !== null || signalCode !== null) throw new Error(child.errors());
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

describe('SqliteEventStore', () => {
  let ledger: TemporaryLedger;

  beforeEach(async () => {
    ledger = await openTemporaryLedger();
  });
  afterEach(() => ledger.close());

  it('loses nothing acknowledged when its process is killed, again and again', async () => {
    await ledger.store.close();
    const acknowledged: string[] = [];
    for (let kill = 0; kill < KILLS; kill += 1) {
      const child = startAppending(ledger.directory);
      await untilLines(child, ACKNOWLEDGED_BEFORE_KILL);
      child.process.kill('SIGKILL');
      await once(child.process, 'close');
      // The last line may have been cut by the kill.
      acknowledged.push(...child.output().split('\n').slice(0, -1));

      const store = await SqliteEventStore.open({
        directory: ledger.directory,
        cipher: sampleCipher(),
      });
      const log = await store.readAllAfter(0n, 1_000_000);
      const kept = new Set(
        log.map(({ streamId, revision, eventId }) => `${streamId} ${revision} ${eventId}`),
      );
      expect(acknowledged.filter((line) => !kept.has(line)).slice(0, 3)).toEqual([]);
      expect(kept.size).toBe(log.length);
      expect(await store.verifyChain()).toEqual({ outcome: 'intact', events: log.length });
      await store.close();
    }
    expect(acknowledged.length).toBeGreaterThanOrEqual(KILLS * ACKNOWLEDGED_BEFORE_KILL);
  });

  it('lets one process write: a second one is refused, and told which directory', async () => {
    const child = startAppending(ledger.directory);
    // Not its exit, after which what it has said may still be on its way.
    const [code] = (await once(child.process, 'close')) as [number];
    expect(code).not.toBe(0);
    expect(child.errors()).toContain(`the ledger in ${ledger.directory} is in use`);
    expect(await ledger.store.append('s', 0, sampleEvents(1))).toMatchObject({ revision: 1 });
  });

  it('refuses to be opened twice in one process', async () => {
    const { directory } = ledger;
    const again = SqliteEventStore.open({ directory, cipher: sampleCipher() });
    await expect(again).rejects.toThrow('is in use');
    const reopened = await ledger.reopen();
    expect(await reopened.head()).toBe(0n);
  });

  it('creates nothing where there is a ledger, or what is left of one', async () => {
    const { directory } = ledger;
    const again = SqliteEventStore.create({ directory, cipher: sampleCipher() });
    await expect(again).rejects.toThrow(LedgerExists);
  });

  it('flushes every commit, on every connection, as SQLite itself reports', () => {
    const durable = { journalMode: 'wal', synchronous: 2 };
    expect(ledger.store.connectionSettings()).toEqual({ reader: durable, writer: durable });
  });

  it('keeps its files from everybody else', async () => {
    await ledger.store.append('s', 0, sampleEvents(1));
    const { directory, database, head, lock } = ledgerFiles(ledger.directory);
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    for (const file of [database, `${database}-wal`, `${database}-shm`, head, lock]) {
      expect(statSync(file).mode & 0o777).toBe(0o600);
    }
  });

  it('commits a lone append at once, and many at a time together', async () => {
    const { store } = ledger;
    await store.append('s', 0, sampleEvents(3));
    expect(store.stats()).toMatchObject({ commits: 1, appends: 1, events: 3, batchLast: 1 });
    await Promise.all(
      Array.from({ length: 100 }, (_, n) => store.append(`s${n}`, 0, sampleEvents(1))),
    );
    const { commits, appends, events } = store.stats();
    expect({ appends, events }).toEqual({ appends: 101, events: 103 });
    expect(commits).toBeLessThan(10);
    expect(store.stats().flushMsTotal).toBeGreaterThan(0);
  });

  it('goes on with revisions and positions where it was, and reads old and new alike', async () => {
    await ledger.store.append('s', 0, sampleEvents(3));
    await ledger.store.append('t', 0, sampleEvents(1));
    const before = await ledger.store.readAllAfter(0n, 100);
    const store = await ledger.reopen();
    expect(await store.append('s', 3, sampleEvents(1, 4))).toEqual({
      outcome: 'appended',
      revision: 4,
      position: 5n,
    });
    const log = await store.readAllAfter(0n, 100);
    expect(log.slice(0, 4)).toEqual(before);
    expect(log.map(({ position }) => position)).toEqual([1n, 2n, 3n, 4n, 5n]);
    expect(await store.read('s')).toEqual(log.filter(({ streamId }) => streamId === 's'));
    expect((await store.readAllAfter(4n, 1)).map(({ revision }) => revision)).toEqual([4]);
  });
});

describe('WriterThread', () => {
  it('rejects what is under way, and all that follows, when its thread dies', async () => {
    const ledger = await openTemporaryLedger();
    await ledger.store.close();
    const { thread } = await WriterThread.start(ledgerFiles(ledger.directory));
    // In this order: a thread that is to end takes nothing more, while one that is not might still answer.
    const ended = thread.terminate();
    const [outcome] = await Promise.allSettled([thread.write([]), ended]);
    expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'STORE_UNAVAILABLE' } });
    expect(await thread.death).toMatchObject({ code: 'STORE_UNAVAILABLE' });
    await expect(thread.write([])).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    await thread.close();
    await ledger.close();
  });
});
