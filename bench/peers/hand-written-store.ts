import { join } from 'node:path';
import Database from 'better-sqlite3';
import { sampleEvents } from '@ledger/event-store/testing';
import type { OpenPeer } from '../peer-process.js';
import { callers } from '../rounds.js';

const WRITERS = 64;

/**
 * What one would write by hand in an afternoon: one table, unique by stream and version, and one transaction
 * for all appends of a turn of the event loop. As durable as the ledger's store, without its hash chain, its
 * sealed personal data and its recognition of repeats.
 */
export const open: OpenPeer = (directory) => {
  const db = new Database(join(directory, 'events.db'));
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = FULL');
  db.exec(`CREATE TABLE events (
    position INTEGER PRIMARY KEY, stream TEXT NOT NULL, ver INTEGER NOT NULL, event_id TEXT NOT NULL,
    type TEXT NOT NULL, data TEXT NOT NULL, metadata TEXT NOT NULL, UNIQUE (stream, ver))`);
  const insert = db.prepare(
    'INSERT INTO events (stream, ver, event_id, type, data, metadata) VALUES (?, ?, ?, ?, ?, ?)',
  );
  let waiting: { readonly row: readonly unknown[]; readonly resolve: () => void }[] = [];
  const commit = db.transaction((rows: readonly (readonly unknown[])[]) => {
    for (const row of rows) insert.run(...row);
  });
  const flush = (): void => {
    const batch = waiting;
    waiting = [];
    commit(batch.map(({ row }) => row));
    for (const { resolve } of batch) resolve();
  };
  const append = (stream: string, version: number): Promise<void> => {
    const [{ eventId, payload, metadata }] = sampleEvents(1) as [
      ReturnType<typeof sampleEvents>[0],
    ];
    const texts = [JSON.stringify(payload), JSON.stringify(metadata)];
    const row = [stream, version, eventId, payload.type, ...texts];
    return new Promise((resolve) => {
      if (waiting.length === 0) setImmediate(flush);
      waiting.push({ row, resolve });
    });
  };
  const versions = new Array<number>(WRITERS).fill(0);
  return Promise.resolve({
    round: (ms) =>
      callers(WRITERS, ms, (writer) => append(`quota-${writer}`, (versions[writer]! += 1))),
    close() {
      db.close();
      return Promise.resolve();
    },
  });
};
