import { randomBytes } from 'node:crypto';
import { existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const KEY_FILE = 'ledger.key';
const KEY_BYTES = 32;

/** Makes the deployment's master key, from which all other keys are derived. Readable by its owner only. */
export function createMasterKey(directory: string): Buffer {
  const key = randomBytes(KEY_BYTES);
  const file = join(directory, KEY_FILE);
  writeFileSync(file, `${key.toString('base64')}\n`, { mode: 0o600, flag: 'wx', flush: true });
  return key;
}

/**
 * Makes a key file, whole from its first moment, unless there is one: of those who try at once one succeeds.
 *
 * @returns Whether it was made.
 */
export function createMasterKeyUnlessThere(file: string): boolean {
  if (existsSync(file)) return false;
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const draft = `${file}.${process.pid}`;
  const text = `${randomBytes(KEY_BYTES).toString('base64')}\n`;
  writeFileSync(draft, text, { mode: 0o600, flush: true });
  try {
    linkSync(draft, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(draft);
  }
}

/** @throws Error When the file is missing or not a key, saying what to do. */
export function readMasterKey(directory: string): Buffer {
  return readMasterKeyFile(masterKeyFile(directory));
}

/** Where a data directory keeps its key. */
export function masterKeyFile(directory: string): string {
  return join(directory, KEY_FILE);
}

/** @throws Error When the file is missing or not a key, saying what to do. */
export function readMasterKeyFile(file: string): Buffer {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new Error(
      `${file} cannot be read. Without the ledger's key its personal data cannot be opened: restore the ` +
        'file from the backup that the log came from.',
      { cause: error },
    );
  }
  const key = Buffer.from(text.trim(), 'base64');
  if (key.length !== KEY_BYTES)
    throw new Error(`${file} does not hold a key of ${KEY_BYTES} bytes`);
  return key;
}
