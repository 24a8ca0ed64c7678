import type { EventStore, Revision, StoredEvent } from '@ledger/event-store';

export const PIECE_EVENTS = 500;

/**
 * Events of one stream after a revision, piece by piece to its end; the last piece may be empty. Other work runs in
 * between: the length of a stream holds up only those who wait for it.
 */
export async function* piecesOf(
  store: EventStore,
  streamId: string,
  after: Revision,
): AsyncGenerator<readonly StoredEvent[], void> {
  for (let revision = after; ;) {
    const events = await store.read(streamId, revision, PIECE_EVENTS);
    yield events;
    const last = events.at(-1);
    if (!last || events.length < PIECE_EVENTS) return;
    revision = last.revision;
    await new Promise((resolve) => setImmediate(resolve));
  }
}
