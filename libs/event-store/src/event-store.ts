import type { LedgerEvent, OrgId, Timestamp } from '@ledger/domain';

/** How many events a stream holds: a count, not an index. 0 means that the stream does not exist. */
export type Revision = number;

/** Place of an event in the whole log, rising, perhaps with gaps. 0n is before the first event. */
export type Position = bigint;

/** Where an event lies. */
export interface EventPlace {
  readonly streamId: string;
  readonly revision: Revision;
  readonly position: Position;
}

/** Who did it, from where, in answer to what. Never holds a secret. */
export interface EventMetadata {
  /** Names the command. A repeated request carries the same one, and so meets its first outcome. */
  readonly commandId: string;
  /** Keyed digest of the request body; only where the caller sent an idempotency key. */
  readonly fingerprint?: string;
  /**
   * Revision after which the events of the stream, up to this one, fold to all that it says now. Absent is 0:
   * all of them are needed. Spares reading, and says nothing that the log does not say without it.
   */
  readonly foldFrom?: Revision;
  readonly requestId: string;
  readonly correlationId: string;
  readonly causationId: string | null;
  readonly actor: {
    readonly kind: 'user' | 'org_token' | 'system';
    readonly id: string;
    readonly ip?: string;
    readonly userAgent?: string;
  };
  /** The organization that the fact belongs to; null for facts about people. */
  readonly orgId: OrgId | null;
  /** The dialect that the command came through. */
  readonly dialect: string;
}

/** An event about to be appended. */
export interface NewEvent<Event extends LedgerEvent = LedgerEvent> {
  /** UUID, derived from command id and index, so that a repeated append is recognised. */
  readonly eventId: string;
  readonly payload: Event;
  readonly metadata: EventMetadata;
}

export interface StoredEvent<Event extends LedgerEvent = LedgerEvent> extends NewEvent<Event> {
  readonly streamId: string;
  /** 1 for the first event of the stream. */
  readonly revision: Revision;
  readonly position: Position;
  readonly occurredAt: Timestamp;
}

/** A stream that must not have moved since it was read, or nothing is appended (decision 3). */
export interface Unchanged {
  readonly streamId: string;
  readonly revision: Revision;
}

/** `position` is that of the last event of the batch, also when a repeat wrote nothing new. */
export type AppendResult =
  | { readonly outcome: 'appended'; readonly revision: Revision; readonly position: Position }
  | {
      readonly outcome: 'conflict';
      /** The stream that had moved: the one appended to, or one of those that had to stay unchanged. */
      readonly streamId: string;
      readonly actualRevision: Revision;
    };

/** The store cannot say what became of an append, or cannot be reached. Safe to repeat. */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable';
  readonly code = 'STORE_UNAVAILABLE';
}

/** No event of the log lies at this position; known only to stores whose positions have gaps. */
export class UnknownPosition extends RangeError {
  override readonly name = 'UnknownPosition';
  readonly code = 'UNKNOWN_POSITION';
}

/** The log does not hold what it held before: damaged, cut, or of another ledger. Never repaired silently. */
export class StoreDamaged extends Error {
  override readonly name = 'StoreDamaged';
  readonly code = 'STORE_DAMAGED';
  /** Which event it is, where it is one. */
  readonly place?: EventPlace;

  constructor(message: string, { place, ...options }: ErrorOptions & { place?: EventPlace } = {}) {
    super(message, options);
    if (place) this.place = place;
  }
}

/**
 * The ledger's only source of truth: streams of facts that are added to and never changed.
 *
 * Every adapter passes `describeEventStore`; what that suite leaves open is not promised.
 */
export abstract class EventStore {
  /**
   * Adds events to the end of one stream: all of them, or none. Resolves once they are durable.
   *
   * @param expected Revision at which the caller decided, in events; 0 demands a new stream.
   * @param unchanged Further streams that must still stand at the given revisions. The embedded store
   *   checks them in the same transaction; EventStoreDB right before (docs/adr/0004).
   * @returns `conflict`, and nothing written, when a stream has moved on. Retrying is the caller's choice.
   * @throws StoreUnavailable When the outcome is unknown. Safe to repeat: the same event ids at the same
   *   revisions are written once, and the repeat answers `appended`.
   */
  abstract append(
    streamId: string,
    expected: Revision,
    events: readonly NewEvent[],
    unchanged?: readonly Unchanged[],
  ): Promise<AppendResult>;

  /**
   * Events of one stream after revision `after` (default 0), oldest first: at most `limit` of them, or all that
   * there are; empty when there are none.
   */
  abstract read(
    streamId: string,
    after?: Revision,
    limit?: number,
  ): Promise<readonly StoredEvent[]>;

  /** The newest event of one stream, at the same cost however long it is; undefined when there is none. */
  abstract readLast(streamId: string): Promise<StoredEvent | undefined>;

  /**
   * At most `limit` events of the whole log after `position`, oldest first. Never skips an event: ends before
   * one that cannot be read, and throws when that is the first.
   *
   * @throws UnreadableEvent, StoreDamaged With the `place` of that event, where it is one.
   * @throws UnknownPosition For a position that is none, nor right before one, from a store that cannot read there.
   */
  abstract readAllAfter(position: Position, limit: number): Promise<readonly StoredEvent[]>;

  /** Position of the newest event, 0n for an empty log. */
  abstract head(): Promise<Position>;

  /**
   * Calls `listener` soon after the log has grown, perhaps once for many events. A hint to read on:
   * correctness must not notice its absence. Returns how to stop.
   */
  abstract onAppended(listener: () => void): () => void;

  /** Finishes appends under way, then lets go of files and connections. Safe to repeat. */
  abstract close(): Promise<void>;
}
