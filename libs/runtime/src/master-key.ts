import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const KEY_FILE = 'ledger.key';
const KEY_BYTES = 32;

/** Makes the deployment's master key, from which all other keys are derived. Readable by its owner only. */
export function createMasterKey(directory: string): Buffer {
  const key = randomBytes(KEY_BYTES);
  const file = join(directory, KEY_FILE);
  writeFileSync(file, `${key.toString('base64')}\n`, { mode: 0o600, flag: 'wx', flush: true });
  return key;
}

/** @throws Error When the file is missing or not a key, saying what to do. */
export function readMasterKey(directory: string): Buffer {
  const file = join(directory, KEY_FILE);
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
