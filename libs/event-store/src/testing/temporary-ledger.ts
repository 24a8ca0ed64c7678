import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SqliteEventStore } from '../adapters/sqlite/sqlite-event-store.js';
import type { PersonalDataCipher } from '../codec/personal-data.js';
import { sampleCipher } from './sample-events.js';

/** A ledger in a directory of its own, removed when it is closed. */
export interface TemporaryLedger {
  readonly directory: string;
  readonly store: SqliteEventStore;
  readonly reopen: () => Promise<SqliteEventStore>;
  readonly close: () => Promise<void>;
}

export async function openTemporaryLedger(
  cipher: PersonalDataCipher = sampleCipher(),
): Promise<TemporaryLedger> {
  const directory = mkdtempSync(join(tmpdir(), 'ledger-'));
  const store = await SqliteEventStore.create({ directory, cipher });
  let current = store;
  return {
    directory,
    store,
    reopen: async () => {
      await current.close();
      current = await SqliteEventStore.open({ directory, cipher });
      return current;
    },
    close: async () => {
      await current.close();
      rmSync(directory, { recursive: true });
    },
  };
}
