import { StoreDamaged, type EventPlace, type StoredEvent } from '../event-store.js';
import { UnreadableEvent } from './upcasters.js';

/**
 * A page of the log, up to the first event that cannot be read.
 *
 * @throws UnreadableEvent, StoreDamaged When that is the first of the page: with the place of the event.
 */
export function readPage<Row>(
  rows: readonly Row[],
  decode: (row: Row) => StoredEvent,
  placeOf: (row: Row) => EventPlace,
): readonly StoredEvent[] {
  const events: StoredEvent[] = [];
  for (const row of rows) {
    try {
      events.push(decode(row));
    } catch (error) {
      if (events.length > 0) break;
      throw placed(error, placeOf(row));
    }
  }
  return events;
}

function placed(cause: unknown, place: EventPlace): unknown {
  const options = { cause, place };
  const { position, streamId, revision } = place;
  const at = `event ${position} (${streamId}, revision ${revision}) cannot be read`;
  if (cause instanceof UnreadableEvent)
    return new UnreadableEvent(`${at}: ${cause.message}`, options);
  if (cause instanceof StoreDamaged) return new StoreDamaged(`${at}: ${cause.message}`, options);
  return cause;
}
