import { randomUUID } from 'node:crypto';
import { statSync } from 'node:fs';
import type { EventCodec } from '../../codec/event-codec.js';
import type { PersonalDataCipher } from '../../codec/personal-data.js';
import { StoreUnavailable } from '../../event-store.js';
import { genesisHash } from './hash-chain.js';
import { HeadFile } from './head-file.js';
import { assertKey, assertReaches, sealKeyCheck } from './ledger-checks.js';
import {
  assertLedgerFiles,
  assertSqliteFile,
  createLedgerFiles,
  syncDirectory,
  type LedgerFiles,
} from './ledger-files.js';
import { LedgerLock } from './ledger-lock.js';
import { LogReader } from './log-reader.js';
import { assertWellFormed, createSchema, readLedgerRow } from './schema.js';
import {
  assertDurable,
  asStoreError,
  openReader,
  openWriter,
  type Connection,
  type ConnectionSettings,
} from './sqlite-connection.js';
import { WriterThread } from './writer-thread.js';

/** Up to here the form of the whole database is checked at opening; beyond, by the full verification. */
const CHECKED_BYTES_MAX = 512 * 1024 * 1024;

/** All that an open ledger holds on to. */
export interface OpenLedger {
  readonly id: string;
  readonly lock: LedgerLock;
  readonly connection: Connection;
  readonly reader: LogReader;
  readonly thread: WriterThread;
  readonly writerSettings: ConnectionSettings;
  /** Position of the last event when it was opened. */
  readonly end: number;
}

/** Makes an empty ledger. The head file comes last, so that one without it was never finished. */
export function createLedger(files: LedgerFiles, cipher: PersonalDataCipher): void {
  createLedgerFiles(files);
  const lock = LedgerLock.acquire(files);
  try {
    const id = randomUUID();
    const connection = openWriter(files.database);
    try {
      createSchema(connection, { id, keyCheck: sealKeyCheck(cipher, id) });
    } finally {
      connection.close();
    }
    HeadFile.create(files.head, { ledgerId: id, position: 0, hash: genesisHash(id) });
    syncDirectory(files.directory);
  } catch (error) {
    throw asStoreError(error);
  } finally {
    lock.release();
  }
}

/**
 * Opens an existing ledger, after checking that it is whole. Nothing is written before all checks have passed:
 * they use a connection that cannot write, so that a damaged log stays as it was found.
 *
 * @throws StoreDamaged, StoreUnavailable With the reason, in words for an operator.
 */
export async function openLedger(
  files: LedgerFiles,
  cipher: PersonalDataCipher,
  codec: EventCodec,
): Promise<OpenLedger> {
  assertLedgerFiles(files);
  const lock = LedgerLock.acquire(files);
  let connection: Connection | undefined;
  try {
    assertSqliteFile(files.database);
    connection = openReader(files.database);
    const ledger = readLedgerRow(connection);
    if (statSync(files.database).size <= CHECKED_BYTES_MAX) assertWellFormed(connection);
    assertKey(cipher, ledger);
    const reader = new LogReader(connection, codec);
    const end = assertReaches(reader, ledger, HeadFile.read(files.head));
    const { thread, position, settings } = await WriterThread.start(files);
    assertDurable(settings);
    if (position !== end) {
      await thread.close();
      throw new StoreUnavailable(
        `the log grew from ${end} to ${position} while it was being opened`,
      );
    }
    return { id: ledger.id, lock, connection, reader, thread, writerSettings: settings, end };
  } catch (error) {
    connection?.close();
    lock.release();
    throw asStoreError(error);
  }
}
