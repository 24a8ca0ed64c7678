import Database from 'better-sqlite3';
import { StoreUnavailable } from '../../event-store.js';
import { createFile, type LedgerFiles } from './ledger-files.js';

/**
 * The right to write one ledger, held by one process at a time.
 *
 * It is an exclusive transaction on an empty database of its own, so the operating system holds it and
 * lets go of it however the process ends. Nothing is ever written there: no leftover can block a restart.
 */
export class LedgerLock {
  private constructor(private readonly connection: Database.Database) {}

  /** @throws StoreUnavailable At once, when another process, or this one, has the ledger open. */
  static acquire(files: LedgerFiles): LedgerLock {
    createFile(files.lock);
    const connection = new Database(files.lock, { timeout: 0 });
    try {
      connection.exec('BEGIN EXCLUSIVE');
      return new LedgerLock(connection);
    } catch (cause) {
      connection.close();
      throw new StoreUnavailable(
        `the ledger in ${files.directory} is in use: only one process at a time may open it`,
        { cause },
      );
    }
  }

  /** Safe to repeat. */
  release(): void {
    this.connection.close();
  }
}
