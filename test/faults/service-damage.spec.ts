import {
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { ADMIN_TOKEN, startServiceProcess } from '../support/service-process.js';

const PAGE_BYTES = 16_384;
const TOKENS = 12;

/** Makes tokens, so that there is something to lose. */
async function makeTokens(url: string): Promise<void> {
  for (let number = 0; number < TOKENS; number += 1) {
    const response = await fetch(`${url}/v1/orgs/demo/tokens`, {
      method: 'POST',
      headers: { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' },
      body: JSON.stringify({ name: `damage ${number}`, scopes: ['repo:list'] }),
    });
    expect(response.status).toBe(201);
  }
}

interface Ledger {
  readonly directory: string;
  readonly database: string;
  readonly wal: string;
  readonly head: string;
  readonly key: string;
}

function filesOf(directory: string): Ledger {
  const database = join(directory, 'ledger.db');
  return {
    directory,
    database,
    wal: `${database}-wal`,
    head: join(directory, 'ledger.head'),
    key: join(directory, 'ledger.key'),
  };
}

describe('a service whose ledger was damaged', () => {
  const root = mkdtempSync(join(tmpdir(), 'ledger-damage-'));
  const stopped = join(root, 'stopped');
  /** As a killed service leaves it: the newest events are in the write-ahead log only. */
  const killed = join(root, 'killed');
  const older = join(root, 'older');
  const other = join(root, 'other');

  beforeAll(async () => {
    const first = await startServiceProcess(stopped);
    cpSync(stopped, older, { recursive: true });
    await makeTokens(first.url);
    cpSync(stopped, killed, { recursive: true });
    await first.stop();
    await (await startServiceProcess(other)).stop();
  });
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  const kinds: readonly [string, RegExp, string, (ledger: Ledger) => void][] = [
    ['without its database', /ledger\.db is missing/, stopped, ({ database }) => rmSync(database)],
    ['with an empty database', /is empty/, stopped, ({ database }) => truncateSync(database, 0)],
    [
      'with a database that was cut',
      /damaged/,
      stopped,
      ({ database }) => truncateSync(database, Math.floor(statSync(database).size * 0.6)),
    ],
    [
      'with a page of zeroes',
      /damaged|altered|no event/,
      stopped,
      ({ database }) => {
        const content = readFileSync(database);
        const page = Math.floor(content.length / PAGE_BYTES / 2) * PAGE_BYTES;
        writeFileSync(database, content.fill(0, page, page + PAGE_BYTES));
      },
    ],
    [
      'with one letter changed in an event',
      /event \d+ was altered/,
      stopped,
      ({ database }) => change(database, 'repo:list', '*epo:list'),
    ],
    [
      'with an event taken out',
      /the log ends at event \d+, but event \d+ was acknowledged/,
      stopped,
      ({ database }) => {
        const connection = new Database(database);
        connection.exec(`DROP TRIGGER events_refuse_delete;
          DELETE FROM events WHERE position = (SELECT max(position) FROM events)`);
        connection.close();
      },
    ],
    ['without its write-ahead log', /the log ends at event/, killed, ({ wal }) => rmSync(wal)],
    [
      'with a write-ahead log cut in half',
      /the log ends at event/,
      killed,
      ({ wal }) => truncateSync(wal, Math.floor(statSync(wal).size / 2)),
    ],
    [
      'with one bit of its write-ahead log changed',
      /the log ends at event/,
      killed,
      ({ wal }) => {
        const content = readFileSync(wal);
        const middle = Math.floor(content.length / 2);
        content[middle] = content[middle]! ^ 1;
        writeFileSync(wal, content);
      },
    ],
    [
      'with its database put back from an older copy',
      /the log ends at event/,
      stopped,
      ({ database, wal }) => {
        copyFileSync(join(older, 'ledger.db'), database);
        copyFileSync(join(older, 'ledger.db-wal'), wal);
      },
    ],
    [
      'with the database of another ledger',
      /of another ledger|does not belong to this log/,
      stopped,
      ({ database }) => copyFileSync(join(other, 'ledger.db'), database),
    ],
    [
      'with the key of another ledger',
      /key does not belong to this log/,
      stopped,
      ({ key }) => copyFileSync(join(other, 'ledger.key'), key),
    ],
    ['without its key', /ledger\.key cannot be read/, stopped, ({ key }) => rmSync(key)],
    ['without its head file', /ledger\.head is missing/, stopped, ({ head }) => rmSync(head)],
    [
      'with nothing left in its directory',
      /ledger/,
      stopped,
      ({ directory }) => {
        rmSync(directory, { recursive: true });
        mkdirSync(directory);
      },
    ],
  ];

  it.each(kinds)('%s does not start, and says why', async (name, reason, from, damage) => {
    const directory = join(root, name.replaceAll(/\W+/g, '-'));
    cpSync(from, directory, { recursive: true });
    damage(filesOf(directory));
    const started = startServiceProcess(directory);
    await expect(started).rejects.toThrow(/the service ended with [1-9]/);
    await expect(started).rejects.toThrow(reason);
  });

  it('starts as it was left by a kill, and after its read models were damaged', async () => {
    const readModels = join(killed, 'read-models.sqlite');
    writeFileSync(readModels, 'not a database, and long enough to be read as one'.repeat(100));
    const service = await startServiceProcess(killed);
    const response = await fetch(`${service.url}/v1/orgs/demo/tokens?limit=100`, {
      headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
    });
    const { items } = (await response.json()) as { items: readonly object[] };
    expect(items).toHaveLength(TOKENS);
    expect(await service.stop()).toBe(0);
  });
});

/** Changes every copy of a text in a file into another of the same length. */
function change(file: string, from: string, to: string): void {
  const content = readFileSync(file);
  for (let at = content.indexOf(from); at >= 0; at = content.indexOf(from, at + 1)) {
    content.write(to, at);
  }
  writeFileSync(file, content);
}
