import { readdirSync, statSync, type Stats } from 'node:fs';
import { join } from 'node:path';

/** The data directory cannot be used as it is. The message says why, and what to do. */
export class DataDirectoryFault extends Error {
  override readonly name = 'DataDirectoryFault';
}

/** What a new volume holds by itself. */
const OF_THE_FILE_SYSTEM = ['lost+found'];
const LEDGER_FILES = ['ledger.db', 'ledger.head', 'ledger.key'];

/**
 * Whether a ledger is to be expected in a data directory: false when there is nothing at that path.
 *
 * @throws DataDirectoryFault For a directory without a ledger: it may be one whose volume is not mounted,
 *   so nothing is ever made there (decision 14).
 */
export function expectsLedger(directory: string): boolean {
  let found: Stats;
  try {
    found = statSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw new DataDirectoryFault(`${directory} cannot be looked at: ${(error as Error).message}`, {
      cause: error,
    });
  }
  if (!found.isDirectory()) {
    throw new DataDirectoryFault(
      `${directory} is not a directory. Set LEDGER_DATA_DIR to the directory of the ledger.`,
    );
  }
  const names = readdirSync(directory).filter((name) => !OF_THE_FILE_SYSTEM.includes(name));
  if (LEDGER_FILES.some((name) => names.includes(name))) return true;
  const what = names.length === 0 ? 'is empty' : 'holds other files, but no ledger';
  throw new DataDirectoryFault(
    `${directory} ${what}. If a ledger belongs there, mount its volume or restore its backup; for a new ` +
      'one, set LEDGER_DATA_DIR to a path that does not exist yet.',
  );
}

/** The parts of a data directory that others on this machine could read or write (C10). */
export function exposedFiles(directory: string): readonly string[] {
  const paths = [directory, ...readdirSync(directory).map((name) => join(directory, name))];
  return paths.filter((path) => (statSync(path, { throwIfNoEntry: false })?.mode ?? 0) & 0o077);
}
