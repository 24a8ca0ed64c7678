import { writeSync } from 'node:fs';
import { SqliteEventStore } from '@ledger/event-store';
import { sampleCipher } from '@ledger/event-store/testing';
import { eventsOf, WRITERS } from './plan.js';

/**
 * A program of its own: appends what the plan says to the ledger in a directory, and names each append on its
 * standard output as `yes` or `no` once it was answered. Ends like the service does when the store fails.
 */
async function append(store: SqliteEventStore, writer: number, count: number): Promise<void> {
  let revision = 0;
  for (let step = 0; step < count; step += 1) {
    const events = eventsOf(writer, step);
    try {
      const { outcome } = await store.append(`planned-${writer}`, revision, events);
      writeSync(1, `${outcome === 'appended' ? 'yes' : 'conflict'} ${writer} ${step}\n`);
      revision += events.length;
    } catch {
      writeSync(1, `no ${writer} ${step}\n`);
      // The step is left out, so the ones after it are tried where it would have been.
    }
  }
}

const [, , directory, count] = process.argv;
if (directory === undefined) throw new Error('give the directory of a ledger');
let hasFailed = false;
const ledger = await SqliteEventStore.open({
  directory,
  cipher: sampleCipher(),
  onFailure: () => {
    hasFailed = true;
    setTimeout(() => process.exit(3), 500);
  },
});
await Promise.all(
  Array.from({ length: WRITERS }, (_, writer) => append(ledger, writer, Number(count))),
);
// Whoever was told that the store failed ends by that, and by nothing else.
if (!hasFailed) process.exit(0);
