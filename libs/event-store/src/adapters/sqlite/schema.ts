import { StoreDamaged } from '../../event-store.js';
import type { Connection } from './sqlite-connection.js';

/** `TLDG`, so that tools and this code can tell the file from any other SQLite database. */
const APPLICATION_ID = 0x544c4447;
const SCHEMA_VERSION = 1;

/** A stream's events are found by walking back; every so many revisions a signpost shortens the way. */
export const SIGNPOST_EVERY = 64;

/**
 * The log is one table that only grows at its end. There is no index over streams and revisions: it would
 * rewrite a page for each stream of each commit, which cost 2 to 2.7 times the throughput. Instead each event
 * names the one before it in its stream, `stream_heads` names the last one, and `signposts` some between.
 */
const TABLES = `
  CREATE TABLE ledger (
    id TEXT NOT NULL,
    key_check TEXT NOT NULL
  ) STRICT;
  CREATE TABLE streams (
    stream_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
  ) STRICT;
  CREATE TABLE events (
    position INTEGER PRIMARY KEY,
    stream_id INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    previous_position INTEGER NOT NULL,
    event_id TEXT NOT NULL,
    type TEXT NOT NULL,
    schema_version INTEGER NOT NULL,
    occurred_at TEXT NOT NULL,
    data TEXT NOT NULL,
    metadata TEXT NOT NULL,
    hash BLOB NOT NULL
  ) STRICT;
  CREATE TABLE stream_heads (
    stream_id INTEGER PRIMARY KEY,
    revision INTEGER NOT NULL,
    position INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE signposts (
    stream_id INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (stream_id, revision)
  ) STRICT, WITHOUT ROWID;
`;

const LASTING_TABLES = ['ledger', 'streams', 'events', 'signposts'];

export interface LedgerRow {
  readonly id: string;
  /** The ledger's id, sealed with its key: tells a wrong key at once. */
  readonly keyCheck: string;
}

/** Makes the tables of a new ledger, all or none. */
export function createSchema(connection: Connection, { id, keyCheck }: LedgerRow): void {
  connection.transaction(() => {
    connection.pragma(`application_id = ${APPLICATION_ID}`);
    connection.pragma(`user_version = ${SCHEMA_VERSION}`);
    connection.exec(TABLES);
    connection.prepare('INSERT INTO ledger (id, key_check) VALUES (?, ?)').run(id, keyCheck);
    connection.exec(LASTING_TABLES.map(guardOf).join('\n'));
  })();
}

/** @throws StoreDamaged When the database is not a ledger's, or one of a newer version. */
export function readLedgerRow(connection: Connection): LedgerRow {
  const applicationId = connection.pragma('application_id', { simple: true });
  if (applicationId !== APPLICATION_ID) {
    throw new StoreDamaged(
      'the database holds no ledger: it was made by another program, or is empty',
    );
  }
  const version = Number(connection.pragma('user_version', { simple: true }));
  if (version > SCHEMA_VERSION) {
    throw new StoreDamaged(
      `the database has schema ${version}, written by a newer version; this one knows ${SCHEMA_VERSION}`,
    );
  }
  const statement = connection.prepare<[], LedgerRow>(
    'SELECT id, key_check AS keyCheck FROM ledger',
  );
  const rows = statement.all();
  const [row] = rows;
  if (row === undefined || rows.length > 1) {
    throw new StoreDamaged(`the database names ${rows.length} ledgers instead of one`);
  }
  return row;
}

/**
 * Asks SQLite whether its file is well-formed: takes about 0.6 s for a gigabyte.
 *
 * @throws StoreDamaged, or the error of SQLite.
 */
export function assertWellFormed(connection: Connection): void {
  const verdict = connection.pragma('quick_check(1)', { simple: true });
  if (verdict !== 'ok') throw new StoreDamaged(`the database is damaged: ${String(verdict)}`);
}

/** Facts are added and never changed, whatever a mistaken statement may ask for. */
function guardOf(table: string): string {
  return ['UPDATE', 'DELETE']
    .map(
      (change) =>
        `CREATE TRIGGER ${table}_refuse_${change.toLowerCase()} BEFORE ${change} ON ${table}
         BEGIN SELECT RAISE(ABORT, '${table}: what is recorded is never changed or removed'); END;`,
    )
    .join('\n');
}
