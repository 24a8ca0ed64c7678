import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { registerFirstTenant, openDirectory } from '@ledger/runtime';
import { documentOf, runCli, type Run } from './support/run-cli.js';
import { inTemporaryDirectory } from './support/temporary-directory.js';

const SETTINGS = { windowLength: 'month', retryWindowMs: 0 } as const;

function bootstrap(directory: string, org: string, env: NodeJS.ProcessEnv = {}): Promise<Run> {
  const args = [
    'bootstrap',
    '--org',
    org,
    '--name',
    'Kim Lee',
    '--email',
    'kim@x.invalid',
    '--json',
  ];
  return runCli([...args, '--data-dir', directory], { env });
}

/** A ledger with some history, closed. */
async function withLedger(work: (directory: string) => Promise<void>): Promise<void> {
  await inTemporaryDirectory(async (parent) => {
    const directory = join(parent, 'data');
    expect((await bootstrap(directory, 'acme')).code).toBe(0);
    await work(directory);
  });
}

function offline(command: string, directory: string, ...more: readonly string[]): Promise<Run> {
  return runCli([command, ...more, '--json'], { env: { LEDGER_DATA_DIR: directory } });
}

/** Changes the database behind the back of the store. */
function tamper(directory: string, sql: string): void {
  const database = new Database(join(directory, 'ledger.db'));
  const triggers = database
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger'")
    .pluck()
    .all();
  for (const trigger of triggers) database.exec(`DROP TRIGGER "${String(trigger)}"`);
  database.exec(sql);
  database.close();
}

describe('bootstrap', () => {
  it('makes a ledger, in production too, and prints a personal token that works', () =>
    inTemporaryDirectory(async (parent) => {
      const directory = join(parent, 'deep', 'data');
      const run = await bootstrap(directory, 'acme', { NODE_ENV: 'production' });
      expect(run).toMatchObject({ code: 0, stderr: '' });
      const { secret, userId, created } = documentOf(run);
      expect(created).toBe(true);
      expect(statSync(directory).mode & 0o777).toBe(0o700);
      const ledger = await openDirectory(directory, SETTINGS);
      try {
        expect(ledger.directory.organization('acme')).toMatchObject({
          plan: 'enterprise',
          members: [{ userId, role: 'admin' }],
        });
        expect(ledger.directory.user(String(userId))?.user.operator).toBe(true);
        expect(run.stdout.split(String(secret))).toHaveLength(2);
      } finally {
        await ledger.close();
      }
    }));

  it('adds an organization to a ledger that is there', () =>
    withLedger(async (directory) => {
      const run = await bootstrap(directory, 'second');
      expect(run.code).toBe(0);
      expect(documentOf(run)).toMatchObject({ created: false, slug: 'second' });
      expect(documentOf(await offline('info', directory))).toMatchObject({ organizations: 2 });
    }));

  it('refuses a slug that is taken, and leaves nobody behind', () =>
    withLedger(async (directory) => {
      const before = documentOf(await offline('info', directory));
      const run = await bootstrap(directory, 'acme');
      expect(run.code).toBe(5);
      expect(documentOf(run)).toMatchObject({ error: { code: 'SLUG_TAKEN' } });
      const after = documentOf(await offline('info', directory));
      expect(after['position']).toBe(before['position']);
      expect(after['people']).toBe(before['people']);
    }));

  it('makes nothing where a ledger may have been lost', () =>
    inTemporaryDirectory(async (parent) => {
      const directory = join(parent, 'data');
      mkdirSync(directory);
      const run = await bootstrap(directory, 'acme');
      expect(run.code).toBe(5);
      expect(documentOf(run)).toMatchObject({ error: { code: 'DIRECTORY_EMPTY' } });
      writeFileSync(join(directory, 'ledger.head'), '');
      expect((await bootstrap(directory, 'acme')).code).not.toBe(0);
      expect(existsSync(join(directory, 'ledger.db'))).toBe(false);
    }));
});

describe('While the service holds the ledger', () => {
  it.each(['verify', 'info', 'replay'])('%s says so, and what to do', (command) =>
    withLedger(async (directory) => {
      const ledger = await openDirectory(directory, SETTINGS);
      try {
        const run = await offline(command, directory);
        expect(run.code).toBe(7);
        expect(run.stderr).toContain('is in use');
        expect(run.stderr).toContain('stop it first');
        expect((await bootstrap(directory, 'second')).code).toBe(7);
      } finally {
        await ledger.close();
      }
    }),
  );
});

describe('info', () => {
  it('tells the ledger from any other, and how large it is', () =>
    withLedger(async (directory) => {
      const run = await offline('info', directory);
      expect(run.code).toBe(0);
      expect(documentOf(run)).toMatchObject({
        directory,
        ledgerId: expect.stringMatching(/^[0-9a-f-]{36}$/),
        position: '5',
        organizations: 1,
        people: 1,
        files: { 'ledger.db': expect.any(Number), 'ledger.key': expect.any(Number) },
        versions: { tokenLedger: '0.1.0', node: process.versions.node },
      });
    }));
});

describe('verify', () => {
  it('finds an untouched ledger intact', () =>
    withLedger(async (directory) => {
      const run = await offline('verify', directory);
      expect(run.code).toBe(0);
      expect(documentOf(run)).toMatchObject({ outcome: 'intact', events: 5 });
    }));

  it('names the first event that was altered', () =>
    withLedger(async (directory) => {
      tamper(directory, "UPDATE events SET data = replace(data, '{', '{ ') WHERE position = 3");
      const run = await offline('verify', directory);
      expect(run.code).toBe(8);
      expect(documentOf(run)).toMatchObject({ outcome: 'broken', position: '3' });
    }));

  it('names the first event that was cut away', () =>
    withLedger(async (directory) => {
      tamper(directory, 'DELETE FROM events WHERE position > 3');
      const run = await offline('verify', directory);
      expect(run.code).toBe(8);
      expect(documentOf(run)).toMatchObject({ outcome: 'broken', position: '4' });
    }));

  it('finds an old alteration that opening does not look at', () =>
    withLedger(async (directory) => {
      const ledger = await openDirectory(directory, SETTINGS);
      for (let count = 0; count < 210; count += 1) {
        await registerFirstTenant(ledger, {
          slug: `org-${count}`,
          name: 'One of many',
          plan: 'enterprise',
          adminEmail: 'kim@x.invalid',
          adminName: 'Kim Lee',
        });
      }
      await ledger.close();
      tamper(
        directory,
        "UPDATE events SET occurred_at = '2020-01-01T00:00:00.000Z' WHERE position = 2",
      );
      const run = await offline('verify', directory);
      expect(run.code).toBe(8);
      expect(documentOf(run)).toMatchObject({ outcome: 'broken', position: '2', foundBy: 'chain' });
      expect(documentOf(run)['meaning']).toContain(
        'The 1 events before it are as they were written',
      );
    }));

  it.each(['ledger.db', 'ledger.head', 'ledger.key'])('misses %s, and says so', (file) =>
    withLedger(async (directory) => {
      rmSync(join(directory, file));
      const run = await offline('verify', directory);
      expect(run.code).toBe(8);
      expect(documentOf(run)).toMatchObject({ outcome: 'broken', position: null });
      expect(run.stdout).toContain(file);
    }),
  );

  it('changes nothing on a damaged ledger', () =>
    withLedger(async (directory) => {
      tamper(directory, 'DELETE FROM events WHERE position > 3');
      const before = readFileSync(join(directory, 'ledger.db'));
      await offline('verify', directory);
      expect(readFileSync(join(directory, 'ledger.db')).equals(before)).toBe(true);
    }));
});

describe('replay', () => {
  it('rebuilds the same rows from the log, and says that they are the same', () =>
    withLedger(async (directory) => {
      const run = await offline('replay', directory);
      expect(run.code).toBe(0);
      expect(documentOf(run)).toMatchObject({
        outcome: 'same',
        rebuiltAtOpening: [],
        position: '5',
      });
      expect(run.stderr).toContain('the same as before');
    }));

  it('finds rows that the log does not give, and puts them right', () =>
    withLedger(async (directory) => {
      const file = new Database(join(directory, 'read-models.sqlite'));
      const table = file
        .prepare(
          "SELECT table_name FROM checkpoints WHERE projection = 'organizations' AND live = 1",
        )
        .pluck()
        .get();
      file.exec(`UPDATE "${String(table)}" SET row = replace(row, 'acme', 'evil')`);
      file.close();
      const run = await offline('replay', directory);
      expect(run.code).toBe(8);
      const { outcome, comparisons } = documentOf(run);
      expect(outcome).toBe('different');
      expect(comparisons).toContainEqual(
        expect.objectContaining({ name: 'organizations', changed: expect.any(Number) }),
      );
      expect(documentOf(await offline('replay', directory))).toMatchObject({ outcome: 'same' });
    }));

  it('says when there was nothing to compare with', () =>
    withLedger(async (directory) => {
      rmSync(join(directory, 'read-models.sqlite'));
      const run = await offline('replay', directory);
      expect(run.code).toBe(0);
      expect(documentOf(run)).toMatchObject({ outcome: 'nothing-to-compare', comparisons: [] });
    }));

  it('compares nothing when it is told not to', () =>
    withLedger(async (directory) => {
      const run = await offline('replay', directory, '--no-compare');
      expect(documentOf(run)).toMatchObject({ outcome: 'not-compared', comparisons: [] });
    }));
});
