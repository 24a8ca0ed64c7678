import Database from 'better-sqlite3';
import { StoreDamaged, StoreUnavailable } from '../../event-store.js';

export type Connection = Database.Database;

const PAGE_BYTES = 16_384;
const CACHE_KIB = 65_536;
const BUSY_TIMEOUT_MS = 5_000;
/** 16 MiB. Ten times that was no faster, and made single commits wait 250 ms for their checkpoint. */
const CHECKPOINT_PAGES = 1_000;
const SYNCHRONOUS_FULL = 2;
const DAMAGE_CODES = ['SQLITE_CORRUPT', 'SQLITE_NOTADB'];

/** What a connection runs with, read back from SQLite. */
export interface ConnectionSettings {
  readonly journalMode: string;
  /** 2 is FULL: a commit returns once it is on the disk. */
  readonly synchronous: number;
}

/** Opens the one connection that writes. @throws StoreUnavailable When it would not be durable. */
export function openWriter(database: string): Connection {
  return open(database, false, (connection) => {
    // Only matters while the file is still empty.
    connection.pragma(`page_size = ${PAGE_BYTES}`);
    connection.pragma('journal_mode = WAL');
    connection.pragma(`wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
    // On macOS a plain fsync leaves the data in the cache of the disk.
    connection.pragma('fullfsync = ON');
    // Lets the triggers that guard events see a REPLACE too.
    connection.pragma('recursive_triggers = ON');
  });
}

/** Opens a connection that cannot write. @throws StoreUnavailable, StoreDamaged */
export function openReader(database: string): Connection {
  return open(database, true, () => undefined);
}

export function settingsOf(connection: Connection): ConnectionSettings {
  return {
    journalMode: String(connection.pragma('journal_mode', { simple: true })),
    synchronous: Number(connection.pragma('synchronous', { simple: true })),
  };
}

/** The code of an error that came from SQLite, undefined for any other error. */
export function sqliteCode(error: unknown): string | undefined {
  // Told by its code, not by its class: the driver makes one class for the whole process, tests have more.
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' && error.code.startsWith('SQLITE_')
    ? error.code
    : undefined;
}

/** Puts what SQLite throws into the words of the port; anything else stays as it is. */
export function asStoreError(cause: unknown): unknown {
  const code = sqliteCode(cause);
  if (code === undefined) return cause;
  const { message } = cause as Error;
  if (DAMAGE_CODES.some((damage) => code.startsWith(damage))) {
    return new StoreDamaged(`the database of the ledger is damaged (${code}): ${message}`, {
      cause,
    });
  }
  return new StoreUnavailable(`the database of the ledger failed (${code}): ${message}`, { cause });
}

function open(
  database: string,
  readonly: boolean,
  prepare: (connection: Connection) => void,
): Connection {
  const options = { readonly, fileMustExist: true, timeout: BUSY_TIMEOUT_MS };
  let connection: Connection | undefined;
  try {
    connection = new Database(database, options);
    prepare(connection);
    connection.pragma(`cache_size = -${CACHE_KIB}`);
    // Set after WAL, and read back: this build of SQLite turns to NORMAL in WAL mode, which loses
    // acknowledged commits when the power goes.
    connection.pragma('synchronous = FULL');
    assertDurable(settingsOf(connection));
    return connection;
  } catch (error) {
    connection?.close();
    throw asStoreError(error);
  }
}

/** @throws StoreUnavailable Rather than acknowledge what a power cut could take back. */
export function assertDurable({ journalMode, synchronous }: ConnectionSettings): void {
  if (journalMode === 'wal' && synchronous === SYNCHRONOUS_FULL) return;
  throw new StoreUnavailable(
    `SQLite runs with journal_mode=${journalMode}, synchronous=${synchronous} instead of wal and 2 (FULL)`,
  );
}
