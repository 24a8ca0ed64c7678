import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { createToken } from './operated-service.js';
import { ServiceProcess, temporaryFolder } from './service-process.js';

const folder = temporaryFolder();
const at = (name: string): string => join(folder.path, name);
/** Ledgers to spoil copies of. `older` is `sound` before its newest events. */
const [sound, older, other] = [at('sound'), at('older'), at('other')];

beforeAll(async () => {
  const first = await ServiceProcess.started({ LEDGER_DATA_DIR: sound });
  const { admin } = first;
  await first.stop();
  cpSync(sound, older, { recursive: true });
  const again = await ServiceProcess.started({ LEDGER_DATA_DIR: sound });
  await createToken({ url: again.url, admin });
  await again.stop();
  await (await ServiceProcess.started({ LEDGER_DATA_DIR: other })).stop();
});
afterAll(() => folder.remove());

/** Starts what must not start. */
async function refusal(environment: NodeJS.ProcessEnv): Promise<string> {
  const service = ServiceProcess.run(environment);
  expect(await service.ended()).toBe(1);
  expect(service.stdout).toBe('');
  expect(service.stderr).toMatch(/^token-ledger cannot start: /);
  expect(service.stderr).not.toMatch(/\n +at /);
  return service.stderr;
}

describe('the configuration', () => {
  it('is refused with all faults at once', async () => {
    const told = await refusal({
      ...{ PORT: '99999', METRICS_PORT: 'x', LEDGER_STORE: 'paper', QUOTA_WINDOW: 'year' },
      ...{ LEDGER_BOOTSTRAP_TOKEN: 'abc', LOG_LEVEL: 'loud', NODE_ENV: 'prod', LEDGER_DATA: './d' },
    });
    const settings = [
      'PORT',
      'METRICS_PORT',
      'LEDGER_STORE',
      'QUOTA_WINDOW',
      'LOG_LEVEL',
      'NODE_ENV',
    ];
    for (const name of [...settings, 'LEDGER_BOOTSTRAP_TOKEN', 'LEDGER_DATA is not a setting']) {
      expect(told).toContain(`- ${name}`);
    }
  });

  it('does not put the service and its metrics on one port', async () => {
    expect(await refusal({ PORT: '18080', METRICS_PORT: '18080' })).toContain(
      'METRICS_PORT must not be equal to PORT',
    );
  });

  it('names a port that is taken, and still shows a new ledger’s token once', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as { port: number };
    const service = ServiceProcess.run({ PORT: String(port), LEDGER_DATA_DIR: at('taken') });
    expect(await service.ended()).toBe(1);
    expect(service.stderr).toMatch(/EADDRINUSE.*set another port/);
    expect(service.admin).toMatch(/^[0-9a-f-]{36}$/);
    taken.close();
  });
});

describe('a data directory', () => {
  it('that does not exist is made outside production, for its owner only', async () => {
    const directory = at('parent/new');
    const service = await ServiceProcess.started({ LEDGER_DATA_DIR: directory }, 'umask 000');
    expect(service.admin).toMatch(/^[0-9a-f-]{36}$/);
    expect(service.lines.map((line) => JSON.stringify(line)).join()).not.toContain(service.admin);
    expect(service.events).not.toContain('files.exposed');
    for (const path of ['.', ...readdirSync(directory)]) {
      expect(statSync(join(directory, path)).mode & 0o077).toBe(0);
    }
    await service.stop();
    const again = await ServiceProcess.started({ LEDGER_DATA_DIR: directory });
    expect(again.stdout).not.toContain('First start');
    await again.stop();
  });

  it('that does not exist is not made in production', async () => {
    const directory = at('production');
    const told = await refusal({ LEDGER_DATA_DIR: directory, NODE_ENV: 'production' });
    expect(told).toContain('in production none is made implicitly');
    expect(told).toContain('bootstrap');
    expect(existsSync(directory)).toBe(false);
  });

  it('whose files others can reach is opened with a warning', async () => {
    const directory = at('exposed');
    cpSync(sound, directory, { recursive: true });
    const service = await ServiceProcess.started(
      { LEDGER_DATA_DIR: directory },
      `chmod 755 ${directory}`,
    );
    const [warning] = service.lines.filter(({ event }) => event === 'files.exposed');
    expect(warning).toMatchObject({ level: 'warn', files: [directory] });
    await service.stop();
  });

  it('that is in use is not opened a second time', async () => {
    const service = await ServiceProcess.started({ LEDGER_DATA_DIR: sound });
    expect(await refusal({ LEDGER_DATA_DIR: sound })).toContain('only one process at a time');
    expect(await service.stop()).toBe(0);
  });

  const damage: Readonly<Record<string, [spoil: (directory: string) => void, reason: RegExp]>> = {
    'is empty': [emptied, /is empty\. If a ledger belongs there, mount its volume/],
    'holds what a new volume holds': [
      (directory) => {
        emptied(directory);
        mkdirSync(join(directory, 'lost+found'));
      },
      /is empty/,
    ],
    'holds other files': [
      (directory) => {
        emptied(directory);
        writeFileSync(join(directory, 'notes.txt'), 'x');
      },
      /holds other files, but no ledger/,
    ],
    'is a file': [
      (directory) => {
        rmSync(directory, { recursive: true });
        writeFileSync(directory, 'x');
      },
      /is not a directory/,
    ],
    'lacks the key': [(d) => rmSync(join(d, 'ledger.key')), /ledger\.key cannot be read.*backup/s],
    'has a key of another length': [
      (d) => writeFileSync(join(d, 'ledger.key'), 'c2hvcnQ=\n'),
      /does not hold a key of 32 bytes/,
    ],
    'has the key of another ledger': [
      (d) => copyFileSync(join(other, 'ledger.key'), join(d, 'ledger.key')),
      /the ledger key does not belong to this log/,
    ],
    'lacks the database': [(d) => rmSync(join(d, 'ledger.db')), /ledger\.db is missing/],
    'has an empty database': [(d) => truncateSync(join(d, 'ledger.db'), 0), /is empty \(0 bytes\)/],
    'has a truncated database': [
      (d) => truncateSync(join(d, 'ledger.db'), statSync(join(d, 'ledger.db')).size - 20_000),
      /damaged|malformed/,
    ],
    'has something else as its database': [
      (d) => writeFileSync(join(d, 'ledger.db'), 'not a database at all'.repeat(1_000)),
      /is not a SQLite database/,
    ],
    'has the database of another ledger': [
      (d) => copyFileSync(join(other, 'ledger.db'), join(d, 'ledger.db')),
      /does not belong to this log|is of another ledger/,
    ],
    'has an older copy of the database': [
      (d) => copyFileSync(join(older, 'ledger.db'), join(d, 'ledger.db')),
      /was acknowledged: it was cut, or put back from an older copy/,
    ],
    'lacks the head file': [(d) => rmSync(join(d, 'ledger.head')), /ledger\.head is missing/],
    'has a damaged head file': [
      (d) => writeFileSync(join(d, 'ledger.head'), Buffer.alloc(1_024)),
      /ledger\.head is damaged/,
    ],
  };

  it.each(Object.entries(damage))('that %s is refused with the reason', async (what, spoiled) => {
    const [spoil, reason] = spoiled;
    const directory = at(what.replace(/\W+/g, '-'));
    cpSync(sound, directory, { recursive: true });
    spoil(directory);
    const before = contents(directory);
    for (const NODE_ENV of ['development', 'production']) {
      expect(await refusal({ LEDGER_DATA_DIR: directory, NODE_ENV })).toMatch(reason);
    }
    expect(contents(directory)).toEqual(before);
  });

  it('without read models is opened, and has them made again', async () => {
    const directory = at('rebuilt');
    cpSync(sound, directory, { recursive: true });
    for (const name of readdirSync(directory).filter((each) => each.startsWith('read-models'))) {
      rmSync(join(directory, name));
    }
    const service = await ServiceProcess.started({ LEDGER_DATA_DIR: directory });
    const ready = await fetch(`${service.url}/health/ready`);
    expect(ready.status).toBe(200);
    await service.stop();
  });
});

function emptied(directory: string): void {
  rmSync(directory, { recursive: true });
  mkdirSync(directory);
}

/** What a refused start must leave as it was: all but the lock, and SQLite's own scratch files. */
function contents(directory: string): Readonly<Record<string, string>> {
  if (!statSync(directory).isDirectory()) return { '.': readFileSync(directory, 'base64') };
  const names = readdirSync(directory).filter((name) => !/lock|-shm|-wal|lost/.test(name));
  return Object.fromEntries(
    names.map((name) => [name, readFileSync(join(directory, name), 'base64')]),
  );
}
