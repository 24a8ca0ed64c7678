import type { Revision, Unchanged } from '../event-store.js';

/** What deciding an append needs to know of the log, whatever holds it. */
export interface LogView {
  /** How many events the stream holds. */
  revisionOf(streamId: string): Revision;
  /** Up to `count` events of the stream after revision `after`, in order. */
  eventsAfter(streamId: string, after: Revision, count: number): readonly PlacedId[];
}

export interface PlacedId {
  readonly eventId: string;
  readonly position: number;
}

export interface WantedAppend {
  readonly streamId: string;
  readonly expected: Revision;
  readonly events: readonly { readonly eventId: string }[];
  readonly unchanged: readonly Unchanged[];
}

export type AppendDecision =
  | { readonly outcome: 'write' }
  | { readonly outcome: 'written-before'; readonly position: number }
  | { readonly outcome: 'conflict'; readonly streamId: string; readonly actualRevision: Revision };

/**
 * Decides one append against the log as it stands. A repeat is recognised first: its facts are durable,
 * so what has moved since, guarded streams included, no longer matters.
 *
 * An append of no events is a check: it conflicts like any other, and else stands at the stream's end.
 */
export function decideAppend(log: LogView, append: WantedAppend): AppendDecision {
  const { streamId, expected, events, unchanged } = append;
  const actualRevision = log.revisionOf(streamId);
  if (actualRevision !== expected) {
    const position = positionOfRepeat(log, append, actualRevision);
    if (position !== undefined) return { outcome: 'written-before', position };
    return { outcome: 'conflict', streamId, actualRevision };
  }
  for (const guard of unchanged) {
    const revision = log.revisionOf(guard.streamId);
    if (revision !== guard.revision) {
      return { outcome: 'conflict', streamId: guard.streamId, actualRevision: revision };
    }
  }
  if (events.length > 0) return { outcome: 'write' };
  const [last] = expected > 0 ? log.eventsAfter(streamId, expected - 1, 1) : [];
  return { outcome: 'written-before', position: last?.position ?? 0 };
}

/** Position of the last event when exactly these events lie where they would be written now. */
function positionOfRepeat(
  log: LogView,
  { streamId, expected, events }: WantedAppend,
  actualRevision: Revision,
): number | undefined {
  if (events.length === 0 || actualRevision < expected + events.length) return undefined;
  const stored = log.eventsAfter(streamId, expected, events.length);
  const isRepeat = events.every(({ eventId }, index) => stored[index]?.eventId === eventId);
  return isRepeat ? stored.at(-1)?.position : undefined;
}

/** @throws RangeError For what no revision can be: a bug of the caller, found before anything is sent. */
export function assertRevision(revision: Revision): void {
  if (!Number.isSafeInteger(revision) || revision < 0) {
    throw new RangeError(`${revision} is not a revision: a whole number of events, from 0`);
  }
}

/** @throws RangeError For a limit that would read nothing, or no whole number of events. */
export function assertLimit(limit: number | undefined): void {
  if (limit === undefined) return;
  if (!Number.isSafeInteger(limit) || limit < 1) {
    throw new RangeError(`${limit} is not a limit: a whole number of events, from 1`);
  }
}
