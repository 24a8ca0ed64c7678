import { Logger } from '@nestjs/common';
import type Database from 'better-sqlite3';
import { StoreUnavailable } from '@ledger/event-store';
import type { Projection } from './projection.js';
import { isDamage, openFile } from './read-model-file.js';
import { WalCheckpoints } from './wal-checkpoints.js';

/** 4 MiB: how long the log gets where nobody else moves it, which is what SQLite does by itself. */
const CHECKPOINT_PAGES = 1_000;
/** 64 MiB: how long it may get when the thread that moves it cannot keep up. */
const CHECKPOINT_PAGES_LATE = 16_000;

/** Which table holds the rows of a projection, and up to which event. */
export interface Generation {
  readonly table: string;
  readonly version: number;
  readonly position: bigint;
}

/** Rows of one projection, changed since they were last written. */
export interface TableChanges {
  readonly projection: Projection<object>;
  readonly table: string;
  readonly rows: ReadonlyMap<string, object>;
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
  readonly #closeFile: (isSound: boolean) => void;
  readonly #checkpoints: WalCheckpoints | undefined;
  /** Statements by their text: what is asked for every call is prepared once. */
  readonly #statements = new Map<string, Database.Statement>();
  #isSound = true;
  /** Called once when the file turns out to be damaged. It is made again at the next start. */
  onDamage: (error: Error) => void = () => undefined;

  /**
   * @param file Path of the file, created when it is missing; `:memory:` for tests.
   * @param ledgerId Rows made from another ledger's log are thrown away.
   * @param checkpoints Which thread waits for the disk when the write-ahead log is moved into the file.
   */
  constructor(
    file: string,
    ledgerId: string,
    checkpoints: 'this-thread' | 'own-thread' = 'this-thread',
  ) {
    const { db, close } = openFile(file);
    this.#db = db;
    this.#closeFile = close;
    if (checkpoints === 'own-thread') this.#checkpoints = this.#checkpointsOf(file);
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
  begin(projection: Projection<object>): Generation {
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
      if (projection.lookUps) {
        this.#db.exec(
          `CREATE TABLE "${lookUpsOf(table)}" (look_up TEXT PRIMARY KEY, key TEXT NOT NULL) STRICT, WITHOUT ROWID`,
        );
      }
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

  /** @throws StoreUnavailable When the file cannot be read. */
  get(table: string, key: string): object | undefined {
    try {
      const statement = this.#statement(`SELECT row FROM "${table}" WHERE key = ?`);
      const found = statement.get(key) as { row: string } | undefined;
      return found && (JSON.parse(found.row) as object);
    } catch (error) {
      throw this.#unreadable(error);
    }
  }

  /**
   * The key of the row with this look-up, in the table of a projection that has look-ups.
   *
   * @throws StoreUnavailable When the file cannot be read.
   */
  keyOf(table: string, lookUp: string): string | undefined {
    try {
      const statement = this.#statement(`SELECT key FROM "${lookUpsOf(table)}" WHERE look_up = ?`);
      return (statement.get(lookUp) as { key: string } | undefined)?.key;
    } catch (error) {
      throw this.#unreadable(error);
    }
  }

  *all(table: string): IterableIterator<{ readonly key: string; readonly row: object }> {
    const rows = this.#db.prepare(`SELECT key, row FROM "${table}" ORDER BY key`).iterate();
    for (const { key, row } of rows as IterableIterator<{ key: string; row: string }>) {
      yield { key, row: JSON.parse(row) as object };
    }
  }

  count(table: string): number {
    return this.#db.prepare<[], number>(`SELECT count(*) FROM "${table}"`).pluck().get() ?? 0;
  }

  /** Every key at which two tables of one projection differ, as text; the caller judges the meaning. */
  differences(
    { columns }: Projection<object>,
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

  /** Writes rows and checkpoints in one transaction. @throws StoreUnavailable When the file is damaged. */
  write(changes: readonly TableChanges[]): void {
    const writing = this.writing(changes, Infinity);
    while (!writing.next().done);
  }

  /**
   * The same, some rows at a time. In between this file may be read, and no other rows may be written. Nothing is
   * written when it fails on the way, or is given up.
   */
  *writing(changes: readonly TableChanges[], rowsAtOnce: number): Generator<void, void, void> {
    try {
      this.#statement('BEGIN IMMEDIATE').run();
      for (const each of changes) yield* this.#writingRows(each, rowsAtOnce);
      this.#statement('COMMIT').run();
    } catch (error) {
      throw this.#unreadable(error);
    } finally {
      if (this.#db.inTransaction) this.#statement('ROLLBACK').run();
    }
    this.#checkpoints?.wrote(changes.reduce((sum, { rows }) => sum + rows.size, 0));
  }

  /**
   * Rows of a query whose text is the program's own; everything a caller said is bound.
   *
   * @throws StoreUnavailable When the file cannot be read.
   */
  query<Result>(sql: string, ...parameters: readonly unknown[]): Result[] {
    try {
      return this.#db.prepare(sql).all(...parameters) as Result[];
    } catch (error) {
      throw this.#unreadable(error);
    }
  }

  close(): Promise<void> {
    const close = (): void => this.#closeFile(this.#isSound);
    // The thread first, so that this connection is the last one, which puts the log away.
    if (this.#checkpoints) return this.#checkpoints.close().then(close);
    close();
    return Promise.resolve();
  }

  #checkpointsOf(file: string): WalCheckpoints {
    const logger = new Logger(ReadModelDatabase.name);
    this.#db.pragma(`wal_autocheckpoint = ${CHECKPOINT_PAGES_LATE}`);
    return new WalCheckpoints({
      file,
      onFailure: (error) => {
        logger.warn(
          `the log of the read models was not moved, and will be later: ${error.message}`,
        );
        // If that is damage, it is everybody's.
        this.#unreadable(error);
      },
      onEnd: ({ message }) => {
        logger.error(`the log of the read models is moved between calls from now on: ${message}`);
        this.#db.pragma(`wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
      },
    });
  }

  /** Whoever asked is told to come again: nothing is answered from rows that cannot be relied on. */
  #unreadable(error: unknown): unknown {
    if (!isDamage(error)) return error;
    const unavailable = new StoreUnavailable(
      'the file of the read models is damaged: restart the process, and it is made again from the log',
      { cause: error },
    );
    if (this.#isSound) this.onDamage(unavailable);
    this.#isSound = false;
    return unavailable;
  }

  *#writingRows(
    { projection, table, rows, position }: TableChanges,
    rowsAtOnce: number,
  ): Generator<void, void, void> {
    const columns = Object.values(projection.columns);
    const names = ['key', ...Object.keys(projection.columns), 'row'];
    const upsert = this.#statement(
      `INSERT OR REPLACE INTO "${table}" (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})`,
    );
    let written = 0;
    for (const [key, row] of rows) {
      upsert.run(key, ...columns.map(({ of }) => of(row)), JSON.stringify(row));
      written += 1;
      if (written % rowsAtOnce === 0) yield;
    }
    yield* this.#writingLookUps(projection, table, rows, rowsAtOnce);
    const moveCheckpoint = 'UPDATE checkpoints SET position = ? WHERE table_name = ?';
    this.#statement(moveCheckpoint).run(String(position), table);
  }

  *#writingLookUps(
    { lookUps }: Projection<object>,
    table: string,
    rows: ReadonlyMap<string, object>,
    rowsAtOnce: number,
  ): Generator<void, void, void> {
    if (!lookUps) return;
    const insert = this.#statement(`INSERT OR IGNORE INTO "${lookUpsOf(table)}" VALUES (?, ?)`);
    const found: (readonly [string, string])[] = [];
    for (const [key, row] of rows) for (const lookUp of lookUps(row)) found.push([lookUp, key]);
    // In order, as rows are: digests are scattered, and neighbours share a page.
    for (const [index, pair] of found.sort(([a], [b]) => (a < b ? -1 : 1)).entries()) {
      insert.run(...pair);
      if ((index + 1) % rowsAtOnce === 0) yield;
    }
  }

  #statement(sql: string): Database.Statement {
    let statement = this.#statements.get(sql);
    if (!statement) {
      statement = this.#db.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  #drop(table: string): void {
    // They name tables, of which one goes.
    this.#statements.clear();
    this.#db.exec(`DROP TABLE IF EXISTS "${table}"; DROP TABLE IF EXISTS "${lookUpsOf(table)}"`);
    this.#db.prepare('DELETE FROM checkpoints WHERE table_name = ?').run(table);
  }
}

function lookUpsOf(table: string): string {
  return `${table}_look_ups`;
}
