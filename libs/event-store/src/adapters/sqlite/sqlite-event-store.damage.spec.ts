import { execFileSync } from 'node:child_process';
import { copyFileSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import Database from 'better-sqlite3';
import {
  sampleCharge,
  sampleCipher,
  sampleEvent,
  sampleEvents,
  samplePayloads,
} from '../../testing/sample-events.js';
import { openTemporaryLedger, type TemporaryLedger } from '../../testing/temporary-ledger.js';
import { ledgerFiles, type LedgerFiles } from './ledger-files.js';
import { SqliteEventStore } from './sqlite-event-store.js';

const MARKED_POSITION = 3;
const EVENTS = 1_500;
const PAGE_BYTES = 16_384;

function open(directory: string, fill?: number): Promise<SqliteEventStore> {
  return SqliteEventStore.open({ directory, cipher: sampleCipher(fill) });
}

/** Changes the database as somebody with the file in hand could. */
function tamper(files: LedgerFiles, ...statements: string[]): void {
  const connection = new Database(files.database);
  connection.exec('DROP TRIGGER events_refuse_update; DROP TRIGGER events_refuse_delete;');
  statements.forEach((statement) => connection.exec(statement));
  connection.close();
}

describe('a damaged ledger', () => {
  let ledger: TemporaryLedger;
  let files: LedgerFiles;

  /** 1,500 events, more than are checked at opening; the third one says `marked`. */
  beforeEach(async () => {
    ledger = await openTemporaryLedger();
    files = ledgerFiles(ledger.directory);
    const marked = sampleEvent({ ...sampleCharge(MARKED_POSITION), operation: 'marked' });
    await ledger.store.append('s', 0, [...sampleEvents(2), marked]);
    await ledger.store.append('t', 0, sampleEvents(EVENTS - 3));
  });
  afterEach(() => ledger.close());

  describe('is not opened', () => {
    const refused = (reason: string, fill?: number) =>
      expect(open(ledger.directory, fill)).rejects.toMatchObject({
        code: 'STORE_DAMAGED',
        message: expect.stringContaining(reason),
      });

    it.each<[string, string, (files: LedgerFiles) => void]>([
      ['its database is missing', 'is missing', ({ database }) => rmSync(database)],
      ['its database is empty', 'is empty', ({ database }) => truncateSync(database, 0)],
      ['its head file is missing', 'ledger.head is missing', ({ head }) => rmSync(head)],
      ['its head file is garbage', 'is damaged', ({ head }) => writeFileSync(head, 'garbage')],
      [
        'its database is something else',
        'not a SQLite database',
        ({ database }) => writeFileSync(database, 'some text that is long enough'),
      ],
      [
        'its database is of another program',
        'no ledger',
        ({ database }) => {
          rmSync(database);
          new Database(database).exec('CREATE TABLE t (x); PRAGMA journal_mode = WAL').close();
        },
      ],
      [
        'its database is cut',
        'damaged',
        ({ database }) => truncateSync(database, Math.floor(statSync(database).size * 0.6)),
      ],
      [
        'one of its pages is zeroed',
        'damaged',
        ({ database }) => {
          const content = readFileSync(database);
          const page = Math.floor(content.length / PAGE_BYTES / 2) * PAGE_BYTES;
          writeFileSync(database, content.fill(0, page, page + PAGE_BYTES));
        },
      ],
      [
        'a newer version wrote it',
        'newer version',
        (all) => tamper(all, 'PRAGMA user_version = 99'),
      ],
      [
        'its last event was removed',
        `ends at event ${EVENTS - 1}, but event ${EVENTS} was acknowledged`,
        (all) => tamper(all, `DELETE FROM events WHERE position = ${EVENTS}`),
      ],
      [
        'one of its newest events was removed',
        'event 1400 is missing',
        (all) => tamper(all, 'DELETE FROM events WHERE position = 1400'),
      ],
      [
        'one of its newest events was altered',
        'event 1400 was altered',
        (all) => tamper(all, `UPDATE events SET data = '{}' WHERE position = 1400`),
      ],
    ])('when %s', async (_, reason, damage) => {
      await ledger.store.close();
      damage(files);
      await refused(reason);
    });

    it('when it was put back from an older copy', async () => {
      const store = await ledger.reopen();
      await store.close();
      copyFileSync(files.database, `${files.database}.old`);
      await (await ledger.reopen()).append('u', 0, sampleEvents(1));
      await (await ledger.reopen()).close();
      copyFileSync(`${files.database}.old`, files.database);
      await refused(`the log ends at event ${EVENTS}, but event ${EVENTS + 1} was acknowledged`);
    });

    it('when the database is of another ledger', async () => {
      const other = await openTemporaryLedger();
      await ledger.store.close();
      await other.store.close();
      copyFileSync(ledgerFiles(other.directory).database, files.database);
      await refused('of another ledger');
      await other.close();
    });

    it('with the key of another ledger', async () => {
      await ledger.store.close();
      await refused('the ledger key does not belong to this log', 8);
    });

    it.each([
      ['cut in half', (wal: string) => truncateSync(wal, Math.floor(statSync(wal).size / 2))],
      ['missing', (wal: string) => rmSync(wal)],
      ['altered in one bit', (wal: string) => flipBit(wal, Math.floor(statSync(wal).size / 2))],
    ])('when its write-ahead log is %s', async (_, damage) => {
      // Copied by another program while it is open: that is what a killed process leaves behind.
      const directory = `${ledger.directory}-left`;
      execFileSync('cp', ['-r', ledger.directory, directory]);
      damage(`${ledgerFiles(directory).database}-wal`);
      await expect(open(directory)).rejects.toMatchObject({ code: 'STORE_DAMAGED' });
      rmSync(directory, { recursive: true });
    });

    it('when there is none: opening never makes one', async () => {
      await expect(open(`${ledger.directory}-none`)).rejects.toThrow('there is no ledger in');
    });
  });

  describe('is found out by verification', () => {
    const verdict = async () => {
      const store = await ledger.reopen();
      const seen: number[] = [];
      const result = await store.verifyChain((events) => seen.push(events));
      return { result, seen };
    };
    const brokenAt = (position: bigint) => ({
      outcome: 'broken',
      position,
      reason: expect.any(String),
    });

    it('unless it is whole', async () => {
      expect(await verdict()).toEqual({
        result: { outcome: 'intact', events: EVENTS },
        seen: [500, 1_000, 1_500],
      });
    });

    it('when one bit of an old event is flipped', async () => {
      await ledger.store.close();
      const content = readFileSync(files.database);
      // Everywhere: a page may also hold remains of the row from before it was moved.
      for (let at = content.indexOf('marked'); at >= 0; at = content.indexOf('marked', at + 1)) {
        flipBit(files.database, at);
      }
      expect((await verdict()).result).toEqual(brokenAt(BigInt(MARKED_POSITION)));
    });

    it.each([
      ['removed', 'DELETE FROM events WHERE position = 7', 7n],
      ['moved to another stream', 'UPDATE events SET stream_id = 1 WHERE position = 7', 7n],
      ['given another revision', 'UPDATE events SET revision = 9 WHERE position = 7', 7n],
      ['unlinked', 'UPDATE events SET previous_position = 2 WHERE position = 7', 7n],
      ['dated back', `UPDATE events SET occurred_at = '2020' WHERE position = 7`, 7n],
      [
        'cut off by its stream',
        'UPDATE stream_heads SET revision = 2, position = 2 WHERE stream_id = 1',
        1500n,
      ],
      ['hidden with its stream', 'DELETE FROM stream_heads WHERE stream_id = 1', 1500n],
      ['misled to', 'UPDATE stream_heads SET position = 2 WHERE stream_id = 1', 2n],
    ])('when an old event is %s', async (_, statement, position) => {
      await ledger.store.close();
      tamper(files, statement);
      expect((await verdict()).result).toEqual(brokenAt(position));
    });
  });

  it('holds no personal data in clear, in any of its files', async () => {
    const actor = {
      kind: 'user',
      id: 'user-1',
      ip: '192.0.2.77',
      userAgent: 'canary-agent',
    } as const;
    const events = Object.values(samplePayloads).map((payload) => sampleEvent(payload, { actor }));
    await ledger.store.append('personal', 0, events);
    const copy = `${ledger.directory}-copy`;
    execFileSync('cp', ['-r', ledger.directory, copy]);
    const { database, head } = ledgerFiles(copy);
    const canaries = [
      'deploy token of Ada',
      'used by the nightly build',
      'ada@example.org',
      'github-ada-4711',
      'employee-17',
      'grace@example.org',
      'release of Ada',
      'ask Grace',
      'seen in a paste by Ada',
      'laptop of Ada',
      '192.0.2.77',
      'canary-agent',
    ];
    for (const file of [database, `${database}-wal`, head]) {
      const content = readFileSync(file);
      expect(canaries.filter((canary) => content.includes(canary))).toEqual([]);
    }
    // The search itself works: what is not personal is found.
    expect(readFileSync(`${database}-wal`).includes('packages:list')).toBe(true);
    rmSync(copy, { recursive: true });
  });
});

function flipBit(file: string, at: number): void {
  const content = readFileSync(file);
  content[at] = content[at]! ^ 1;
  writeFileSync(file, content);
}
