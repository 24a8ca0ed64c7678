import { join } from 'node:path';
import { SqliteEventStore } from '@ledger/event-store';
import { sampleCipher, sampleEvents } from '@ledger/event-store/testing';
import type { OpenPeer } from '../peer-process.js';
import { callers } from '../rounds.js';

const WRITERS = Number(process.env['WRITERS'] ?? 64);

/** Writers on streams of their own, each appending one event after the other to the embedded store. */
export const open: OpenPeer = async (directory) => {
  const store = await SqliteEventStore.create({
    directory: join(directory, 'data'),
    cipher: sampleCipher(),
  });
  const revisions = new Array<number>(WRITERS).fill(0);
  return {
    round: (ms) =>
      callers(WRITERS, ms, async (writer) => {
        const revision = revisions[writer]!++;
        const appended = await store.append(`quota-${writer}`, revision, sampleEvents(1));
        if (appended.outcome !== 'appended') throw new Error('an append met a conflict');
      }),
    close: () => store.close(),
  };
};
