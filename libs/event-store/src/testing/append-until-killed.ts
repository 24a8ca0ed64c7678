import { writeSync } from 'node:fs';
import { SqliteEventStore } from '../adapters/sqlite/sqlite-event-store.js';
import { sampleCipher, sampleEvents } from './sample-events.js';

const WRITERS = 8;
/** So many of one writer at most: who comes late to kill it must not find a log that takes minutes to check. */
const EVENTS_MAX = 500;

/**
 * A program of its own: appends to the ledger in the directory it is given until it is killed, and names each
 * acknowledged event on its standard output before it goes on.
 */
async function appendOnAndOn(store: SqliteEventStore, streamId: string): Promise<void> {
  let revision = (await store.read(streamId)).length;
  const end = revision + EVENTS_MAX;
  while (revision < end) {
    const events = sampleEvents(1 + (revision % 3), revision + 1);
    const result = await store.append(streamId, revision, events);
    if (result.outcome === 'conflict') throw new Error(`${streamId} has another writer`);
    const lines = events.map(({ eventId }, n) => `${streamId} ${revision + n + 1} ${eventId}\n`);
    // Synchronously, so that a kill cannot lose what was acknowledged before it.
    writeSync(1, lines.join(''));
    revision = result.revision;
  }
}

const [, , directory] = process.argv;
if (directory === undefined) throw new Error('give the directory of a ledger');
const ledger = await SqliteEventStore.open({ directory, cipher: sampleCipher() });
await Promise.all(Array.from({ length: WRITERS }, (_, n) => appendOnAndOn(ledger, `killed-${n}`)));
// Whoever started this waits for it to be killed.
setInterval(() => undefined, 60_000);
