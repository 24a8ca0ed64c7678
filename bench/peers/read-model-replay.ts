import { join } from 'node:path';
import Database from 'better-sqlite3';
import type { StoredEvent } from '@ledger/event-store';
import { PROJECTIONS, type Projection } from '@ledger/read-models';
import type { Ledger } from '@ledger/runtime';
import { openHistory } from '../made-history.js';
import type { OpenPeer } from '../peer-process.js';
import type { Round } from '../rounds.js';

const BATCH = 10_000;

/**
 * One replay of a made history into all read models, then the end. BY is `ledger` for the ledger's own
 * rebuild, beside its live tables; else row by row: each event reads and writes the rows that it changes.
 */
export const open: OpenPeer = async (directory) => {
  const ledger = await openHistory(process.env['HISTORY']!);
  const rebuild = process.env['BY'] === 'ledger' ? byLedger : rowByRow;
  return {
    async round(): Promise<Round> {
      const events = Number(await ledger.store.head());
      const memory = new Memory(events);
      const startedAt = performance.now();
      await rebuild(ledger, (position) => memory.at(position), join(directory, 'rows.sqlite'));
      const seconds = (performance.now() - startedAt) / 1000;
      const note = memory.toString();
      return { calls: events, perSecond: events / seconds, p99Ms: Number.NaN, note };
    },
    close: () => ledger.close(),
  };
};

type Rebuild = (ledger: Ledger, on: (position: number) => void, file: string) => Promise<void>;

const byLedger: Rebuild = ({ projector }, on) =>
  projector.rebuild(({ position }) => on(Number(position)));

const rowByRow: Rebuild = async ({ store }, on, file) => {
  const db = new Database(file);
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = NORMAL');
  db.pragma('cache_size = -65536');
  const tables = PROJECTIONS.map((projection) => table(db, projection));
  const head = await store.head();
  let position = 0n;
  while (position < head) {
    db.exec('BEGIN');
    for (let applied = 0; applied < BATCH && position < head;) {
      const events = await store.readAllAfter(position, 1_000);
      for (const event of events) for (const apply of tables) apply(event);
      applied += events.length;
      position = events.at(-1)!.position;
    }
    db.exec('COMMIT');
    on(Number(position));
  }
  db.close();
};

/** The same rows, columns and indexes as the ledger's, kept in the table alone. */
function table(
  db: Database.Database,
  { name, columns, indexes, apply }: Projection<object>,
): (event: StoredEvent) => void {
  const own = Object.entries(columns).map(([column, { type }]) => `${column} ${type}`);
  const all = ['key TEXT PRIMARY KEY', ...own, 'row TEXT NOT NULL'];
  db.exec(`CREATE TABLE "${name}" (${all.join(', ')}) STRICT, WITHOUT ROWID`);
  indexes.forEach((index, place) => {
    db.exec(`CREATE INDEX "${name}_${place}" ON "${name}" (${index.join(', ')})`);
  });
  const get = db.prepare<[string], string>(`SELECT row FROM "${name}" WHERE key = ?`).pluck();
  const values = all.map(() => '?').join(', ');
  const put = db.prepare(`INSERT OR REPLACE INTO "${name}" VALUES (${values})`);
  const rows = {
    get(key: string): object | undefined {
      const row = get.get(key);
      return row === undefined ? undefined : JSON.parse(row);
    },
    put(key: string, row: object): void {
      put.run(key, ...Object.values(columns).map(({ of }) => of(row)), JSON.stringify(row));
    },
  };
  return (event) => apply(event, rows);
}

/** How much memory the process held at a quarter, at half, and at the end of the way. */
class Memory {
  readonly #marks: number[] = [];

  constructor(private readonly events: number) {}

  at(position: number): void {
    const due = [0.25, 0.5, 1][this.#marks.length];
    if (due === undefined || position < due * this.events) return;
    this.#marks.push(Math.round(process.memoryUsage.rss() / 1024 ** 2));
  }

  toString(): string {
    return `${this.#marks.join(' / ')} MiB at 25 / 50 / 100 %`;
  }
}
