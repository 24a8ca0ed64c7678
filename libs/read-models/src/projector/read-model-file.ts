import {
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import Database from 'better-sqlite3';

export interface OpenedFile {
  readonly db: Database.Database;
  /** Closes the file; one that is not sound is removed, and made again at the next start. */
  readonly close: (isSound: boolean) => void;
}

/**
 * Opens the file of the read models, created when it is missing. One that is damaged is replaced by an empty one,
 * since it can be made again. It is looked through for damage unless it is as this program closed it.
 */
export function openFile(file: string): OpenedFile {
  if (file === ':memory:') {
    const db = new Database(file);
    return { db, close: () => db.close() };
  }
  const wasClosed = takeClosedMark(file);
  const db = openOrReplace(file, wasClosed);
  return {
    db,
    close: (isSound) => {
      db.close();
      if (isSound) leaveClosedMark(file);
      else removeFile(file);
    },
  };
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

function openOrReplace(file: string, wasClosed: boolean): Database.Database {
  if (!existsSync(file)) makeEmpty(file);
  const db = new Database(file);
  try {
    db.pragma('journal_mode = WAL');
    // The check reads every page: seconds, where there are a million tokens.
    if (wasClosed || db.pragma('quick_check(1)', { simple: true }) === 'ok') return db;
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

/** Whether an error says that what the file holds is not what was written to it, or cannot be read back. */
export function isDamage(error: unknown): boolean {
  if (error instanceof SyntaxError) return true;
  const code = String((error as { readonly code?: unknown } | null)?.code);
  return ['SQLITE_NOTADB', 'SQLITE_CORRUPT', 'SQLITE_IOERR'].some((kind) => code.startsWith(kind));
}

/** Who deletes the file may forget its log beside it, which must not get into the new one. */
function makeEmpty(file: string): void {
  removeFile(file);
  // Rows repeat personal data in the clear, so the file is its owner's alone.
  closeSync(openSync(file, 'a', 0o600));
}

function removeFile(file: string): void {
  for (const suffix of ['', '-wal', '-shm']) rmSync(`${file}${suffix}`, { force: true });
}

/** Beside the file while no process has it open: its size and when it was last written. */
function closedMarkOf(file: string): string {
  return `${file}-closed`;
}

function leaveClosedMark(file: string): void {
  try {
    writeFileSync(closedMarkOf(file), stateOf(file), { mode: 0o600 });
  } catch {
    // On a full disk, say. Without the mark the file is looked through at the next start, that is all.
  }
}

/** Whether the file is as it was left by whoever closed it last. To be asked before it is opened. */
function takeClosedMark(file: string): boolean {
  try {
    const mark = readFileSync(closedMarkOf(file), 'utf8');
    rmSync(closedMarkOf(file));
    return mark === stateOf(file) && !existsSync(`${file}-wal`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

function stateOf(file: string): string {
  const { size, mtimeNs } = statSync(file, { bigint: true });
  return `${size} ${mtimeNs}`;
}
