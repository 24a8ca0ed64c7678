import type { EncodedEvent } from '../../codec/event-codec.js';
import type { Revision, Unchanged } from '../../event-store.js';
import type { ConnectionSettings } from './sqlite-connection.js';

/** One append on its way to the writer. */
export interface EncodedAppend {
  readonly streamId: string;
  readonly expected: Revision;
  readonly events: readonly EncodedEvent[];
  readonly unchanged: readonly Unchanged[];
}

/** What became of one append of a batch; a bare number, the usual case, is its last position. */
export type Verdict =
  | number
  | { readonly outcome: 'written-before'; readonly position: number }
  | { readonly outcome: 'conflict'; readonly streamId: string; readonly actualRevision: Revision };

/** The same, or that there was no room for it: nothing of it was written. */
export type WriterVerdict = Verdict | 'disk-full';

/** Appends to decide and write in one transaction, packed; or the end of all writing. */
export type WriterRequest =
  { readonly kind: 'write'; readonly batch: PackedAppends } | { readonly kind: 'close' };

export type WriterReply =
  | { readonly kind: 'ready'; readonly position: number; readonly settings: ConnectionSettings }
  | WrittenBatch
  | WriterFailure
  | { readonly kind: 'closed' };

export interface WrittenBatch {
  readonly kind: 'written';
  /** One for each append, in order. */
  readonly verdicts: readonly WriterVerdict[];
  /** Time the commit took, flush included; 0 when there was nothing to write. */
  readonly flushMs: number;
  /** Whether only revocations are written, because the disk is full. */
  readonly isDiskFull: boolean;
}

export interface WriterFailure {
  readonly kind: 'failed';
  readonly reason: 'disk-full' | 'busy' | 'broken';
  readonly message: string;
}

/** Appends laid out as one flat list: copying it between threads costs half of copying objects. */
export type PackedAppends = readonly (string | number)[];

export function packAppends(appends: readonly EncodedAppend[]): PackedAppends {
  const packed: (string | number)[] = [appends.length];
  for (const { streamId, expected, unchanged, events } of appends) {
    packed.push(streamId, expected, unchanged.length, events.length);
    for (const guard of unchanged) packed.push(guard.streamId, guard.revision);
    for (const { eventId, type, schemaVersion, occurredAt, data, metadata } of events) {
      packed.push(eventId, type, schemaVersion, occurredAt, data, metadata);
    }
  }
  return packed;
}

export function unpackAppends(packed: PackedAppends): readonly EncodedAppend[] {
  let next = 0;
  // What packAppends wrote is read in the same order, which the compiler cannot follow.
  const text = () => packed[next++] as string;
  const number = () => packed[next++] as number;
  return times(number(), () => {
    const streamId = text();
    const expected = number();
    const guards = number();
    const events = number();
    return {
      streamId,
      expected,
      unchanged: times(guards, () => ({ streamId: text(), revision: number() })),
      events: times(events, () => ({
        eventId: text(),
        type: text(),
        schemaVersion: number(),
        occurredAt: text(),
        data: text(),
        metadata: text(),
      })),
    };
  });
}

function times<T>(count: number, make: () => T): readonly T[] {
  const made: T[] = [];
  for (let index = 0; index < count; index += 1) made.push(make());
  return made;
}
