import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AesGcmCipher } from '@ledger/event-store';

/** The cipher of a data directory, for tests that open its log themselves. */
export function openReadCipher(directory: string): AesGcmCipher {
  return new AesGcmCipher(
    Buffer.from(readFileSync(join(directory, 'ledger.key'), 'utf8'), 'base64'),
  );
}
