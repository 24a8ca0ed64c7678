import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readSync,
  statSync,
} from 'node:fs';
import { dirname, resolve } from 'node:path';
import { StoreDamaged } from '../../event-store.js';

const DIRECTORY_MODE = 0o700;
const FILE_MODE = 0o600;
const SQLITE_MAGIC = 'SQLite format 3\0';

/** The files of one ledger. SQLite adds `-wal` and `-shm` beside the database, with its permissions. */
export interface LedgerFiles {
  readonly directory: string;
  readonly database: string;
  /** How far the log has been acknowledged; what a cut or older log is recognised by. */
  readonly head: string;
  readonly lock: string;
  /** Holds space back for revocations on a full disk. */
  readonly reserve: string;
}

export function ledgerFiles(directory: string): LedgerFiles {
  return {
    directory: resolve(directory),
    database: resolve(directory, 'ledger.db'),
    head: resolve(directory, 'ledger.head'),
    lock: resolve(directory, 'ledger.lock'),
    reserve: resolve(directory, 'ledger.reserve'),
  };
}

/** A ledger is to be created where there is one, or what is left of one. Nothing was touched. */
export class LedgerExists extends Error {
  override readonly name = 'LedgerExists';
  readonly code = 'LEDGER_EXISTS';
}

/** @throws LedgerExists When the directory holds a file of a ledger: it may be the rest of a lost one. */
export function createLedgerFiles(files: LedgerFiles): void {
  const found = [files.database, `${files.database}-wal`, files.head].find((file) =>
    existsSync(file),
  );
  if (found !== undefined) {
    throw new LedgerExists(
      `${files.directory} already holds a ledger, or the rest of one: ${found}`,
    );
  }
  mkdirSync(files.directory, { recursive: true, mode: DIRECTORY_MODE });
  chmodSync(files.directory, DIRECTORY_MODE);
  createFile(files.database);
}

/** Makes an empty file that only its owner may read, unless there is one. */
export function createFile(file: string): void {
  // An existing file is not even opened: closing it again would drop every lock that this process has on it.
  if (existsSync(file)) return;
  closeSync(openSync(file, 'wx', FILE_MODE));
}

/** Makes the names of new files survive a power cut, as their contents do. */
export function syncDirectory(directory: string): void {
  for (const path of [directory, dirname(directory)]) {
    const descriptor = openSync(path, 'r');
    fsyncSync(descriptor);
    closeSync(descriptor);
  }
}

/** @throws StoreDamaged When the files cannot be those of a ledger that was created and used. */
export function assertLedgerFiles(files: LedgerFiles): void {
  const { directory, database, head } = files;
  const hasDatabase = existsSync(database);
  const hasHead = existsSync(head);
  if (!hasDatabase && !hasHead) {
    throw new StoreDamaged(
      `there is no ledger in ${directory}; a new one has to be created explicitly`,
    );
  }
  if (!hasDatabase) {
    throw new StoreDamaged(`${database} is missing, although ${head} says that there was a log`);
  }
  if (!hasHead) {
    throw new StoreDamaged(
      `${head} is missing: whether the log is complete cannot be told without it`,
    );
  }
  if (statSync(database).size === 0) throw new StoreDamaged(`${database} is empty (0 bytes)`);
}

/**
 * To be called by the holder of the lock only, before any connection is open: closing the file drops the
 * locks that this process holds on it.
 *
 * @throws StoreDamaged When the file does not begin like a SQLite database.
 */
export function assertSqliteFile(database: string): void {
  const start = Buffer.alloc(SQLITE_MAGIC.length);
  const descriptor = openSync(database, 'r');
  readSync(descriptor, start, 0, start.length, 0);
  closeSync(descriptor);
  if (start.toString('latin1') !== SQLITE_MAGIC) {
    throw new StoreDamaged(`${database} is not a SQLite database`);
  }
}
