import { closeSync, existsSync, openSync, rmSync } from 'node:fs';
import Database from 'better-sqlite3';
import type { Projection } from './projection.js';

/** Which table holds the rows of a projection, and up to which event. */
export interface Generation {
  readonly table: string;
  readonly version: number;
  readonly position: bigint;
}

/** Rows of one projection, changed since they were last written. */
export interface TableChanges {
  readonly projection: Projection<unknown>;
  readonly table: string;
  readonly rows: ReadonlyMap<string, unknown>;
  readonly position: bigint;
}

/** A key whose row is not the same, or not there, in another table. Rows are as they are stored. */
export interface RowDifference {
  readonly key: string;
  readonly before: string | null;
  readonly after: string | null;
  /** Whether a column beside the row differs, by which queries filter and sort. */
  readonly columnsDiffer: 0 | 1;
}

/**
 * The local file that holds this process's read models. Nothing in it is a truth of its own: it may be
 * deleted, and is then rebuilt from the log.
 *
 * NORMAL is enough here: rows and checkpoint move in one transaction, so that what a power failure takes
 * away is made again from the log.
 */
export class ReadModelDatabase {
  readonly #db: Database.Database;
  readonly #upserts = new Map<string, Database.Statement>();
  readonly #gets = new Map<string, Database.Statement>();

  /**
   * @param file Path of the file, created when it is missing; `:memory:` for tests.
   * @param ledgerId Rows made from another ledger's log are thrown away.
   */
  constructor(file: string, ledgerId: string) {
    this.#db = file === ':memory:' ? new Database(file) : openOrReplace(file);
    this.#db.pragma('synchronous = NORMAL');
    this.#db.pragma('cache_size = -65536');
    this.#db.defaultSafeIntegers(false);
    this.#db.exec(`
      CREATE TABLE IF NOT EXISTS checkpoints (
        projection TEXT NOT NULL, table_name TEXT PRIMARY KEY, version INTEGER NOT NULL,
        position TEXT NOT NULL, live INTEGER NOT NULL
      ) STRICT;
      CREATE TABLE IF NOT EXISTS origin (ledger_id TEXT PRIMARY KEY) STRICT`);
    const origin = this.#db.prepare('SELECT ledger_id FROM origin').pluck().get();
    if (origin === ledgerId) return;
    const tables = this.#db.prepare('SELECT table_name FROM checkpoints').pluck().all() as string[];
    this.#db.transaction(() => {
      for (const table of tables) this.#drop(table);
      this.#db.exec('DELETE FROM origin');
      this.#db.prepare('INSERT INTO origin VALUES (?)').run(ledgerId);
    })();
  }

  /** The table that answers queries, or undefined before the projection's first run. */
  live(name: string): Generation | undefined {
    const row = this.#db
      .prepare('SELECT * FROM checkpoints WHERE projection = ? AND live = 1')
      .get(name) as { table_name: string; version: number; position: string } | undefined;
    return row && { table: row.table_name, version: row.version, position: BigInt(row.position) };
  }

  /** Makes an empty table beside the live one, for rows from the first event on. */
  begin(projection: Projection<unknown>): Generation {
    const { name, version } = projection;
    return this.#db.transaction((): Generation => {
      const unfinished = this.#db
        .prepare('SELECT table_name FROM checkpoints WHERE projection = ? AND live = 0')
        .all(name) as { table_name: string }[];
      for (const { table_name } of unfinished) this.#drop(table_name);
      const live = this.live(name);
      const number = live ? Number(/_g(\d+)$/.exec(live.table)?.[1] ?? 0) + 1 : 1;
      const table = `${name.replaceAll('-', '_')}_g${number}`;
      const columns = Object.entries(projection.columns).map(([column, { type }]) => {
        return `${column} ${type}`;
      });
      // Its rows are worth nothing where its checkpoint was lost.
      this.#drop(table);
      this.#db.exec(
        `CREATE TABLE "${table}" (key TEXT PRIMARY KEY, ${[...columns, 'row TEXT NOT NULL'].join(', ')}) STRICT, WITHOUT ROWID`,
      );
      projection.indexes.forEach((index, place) => {
        this.#db.exec(`CREATE INDEX "${table}_${place}" ON "${table}" (${index.join(', ')})`);
      });
      this.#db
        .prepare('INSERT INTO checkpoints VALUES (?, ?, ?, ?, 0)')
        .run(name, table, version, '0');
      return { table, version, position: 0n };
    })();
  }

  /** Lets a finished table answer from now on, and drops the one before it. */
  promote(name: string, table: string): void {
    this.#db.transaction(() => {
      const live = this.live(name);
      if (live) this.#drop(live.table);
      this.#db.prepare('UPDATE checkpoints SET live = 1 WHERE table_name = ?').run(table);
    })();
  }

  get(table: string, key: string): unknown {
    let statement = this.#gets.get(table);
    if (!statement) {
      statement = this.#db.prepare(`SELECT row FROM "${table}" WHERE key = ?`);
      this.#gets.set(table, statement);
    }
    const found = statement.get(key) as { row: string } | undefined;
    return found && JSON.parse(found.row);
  }

  *all(table: string): IterableIterator<{ readonly key: string; readonly row: unknown }> {
    const rows = this.#db.prepare(`SELECT key, row FROM "${table}" ORDER BY key`).iterate();
    for (const { key, row } of rows as IterableIterator<{ key: string; row: string }>) {
      yield { key, row: JSON.parse(row) };
    }
  }

  count(table: string): number {
    return this.#db.prepare<[], number>(`SELECT count(*) FROM "${table}"`).pluck().get() ?? 0;
  }

  /** Every key at which two tables of one projection differ, as text; the caller judges the meaning. */
  differences(
    { columns }: Projection<unknown>,
    before: string,
    after: string,
  ): IterableIterator<RowDifference> {
    const differs = Object.keys(columns).map((column) => `a."${column}" IS NOT b."${column}"`);
    const columnsDiffer = differs.length === 0 ? '0' : differs.join(' OR ');
    return this.#db
      .prepare<[], RowDifference>(
        `SELECT b.key, b.row AS before, a.row AS after, (${columnsDiffer}) AS columnsDiffer
           FROM "${before}" b LEFT JOIN "${after}" a USING (key)
           WHERE a.row IS NOT b.row OR (${columnsDiffer})
         UNION ALL
         SELECT a.key, NULL, a.row, 0 FROM "${after}" a LEFT JOIN "${before}" b USING (key)
           WHERE b.key IS NULL`,
      )
      .iterate();
  }

  /** Writes rows and checkpoints in one transaction. */
  write(changes: readonly TableChanges[]): void {
    this.#db.transaction(() => {
      for (const { projection, table, rows, position } of changes) {
        const columns = Object.values(projection.columns);
        const upsert = this.#upsert(table, Object.keys(projection.columns));
        for (const [key, row] of rows) {
          upsert.run(key, ...columns.map(({ of }) => of(row)), JSON.stringify(row));
        }
        this.#db
          .prepare('UPDATE checkpoints SET position = ? WHERE table_name = ?')
          .run(String(position), table);
      }
    })();
  }

  /** Rows of a query whose text is the program's own; everything a caller said is bound. */
  query<Result>(sql: string, ...parameters: readonly unknown[]): Result[] {
    return this.#db.prepare(sql).all(...parameters) as Result[];
  }

  close(): void {
    this.#db.close();
  }

  #upsert(table: string, columns: readonly string[]): Database.Statement {
    let statement = this.#upserts.get(table);
    if (!statement) {
      const names = ['key', ...columns, 'row'];
      statement = this.#db.prepare(
        `INSERT OR REPLACE INTO "${table}" (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})`,
      );
      this.#upserts.set(table, statement);
    }
    return statement;
  }

  #drop(table: string): void {
    this.#upserts.delete(table);
    this.#gets.delete(table);
    this.#db.exec(`DROP TABLE IF EXISTS "${table}"`);
    this.#db.prepare('DELETE FROM checkpoints WHERE table_name = ?').run(table);
  }
}

/** Whose log the rows in a file were made from, and how far; undefined for a file that is not there, or damaged. */
export function readModelOrigin(
  file: string,
): { readonly ledgerId: string; readonly position: bigint } | undefined {
  if (!existsSync(file)) return undefined;
  const db = new Database(file, { readonly: true });
  try {
    const ledgerId = db.prepare<[], string>('SELECT ledger_id FROM origin').pluck().get();
    const positions = db.prepare<[], string>('SELECT position FROM checkpoints').pluck().all();
    const newest = positions.map(BigInt).reduce((most, each) => (each > most ? each : most), 0n);
    return ledgerId === undefined ? undefined : { ledgerId, position: newest };
  } catch (error) {
    // A file without these tables was begun and never filled.
    if (isDamage(error) || (error as { code?: unknown }).code === 'SQLITE_ERROR') return undefined;
    throw error;
  } finally {
    db.close();
  }
}

/** Opens the file; one that is damaged is replaced by an empty one, since it can be made again. */
function openOrReplace(file: string): Database.Database {
  if (!existsSync(file)) makeEmpty(file);
  const db = new Database(file);
  try {
    db.pragma('journal_mode = WAL');
    if (db.pragma('quick_check(1)', { simple: true }) === 'ok') return db;
  } catch (error) {
    if (!isDamage(error)) throw error;
  }
  db.close();
  makeEmpty(file);
  const fresh = new Database(file);
  fresh.pragma('journal_mode = WAL');
  return fresh;
}

/** Whether rows could not be written for want of room, which may be there a moment later. */
export function isDiskFull(error: unknown): boolean {
  return (error as { readonly code?: unknown } | null)?.code === 'SQLITE_FULL';
}

function isDamage(error: unknown): boolean {
  const code = String((error as { readonly code?: unknown } | null)?.code);
  return code === 'SQLITE_NOTADB' || code.startsWith('SQLITE_CORRUPT');
}

/** Who deletes the file may forget its log beside it, which must not get into the new one. */
function makeEmpty(file: string): void {
  for (const suffix of ['', '-wal', '-shm']) rmSync(`${file}${suffix}`, { force: true });
  // Rows repeat personal data in the clear, so the file is its owner's alone.
  closeSync(openSync(file, 'a', 0o600));
}
