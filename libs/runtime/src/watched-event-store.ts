import {
  EventStore,
  EventStoreDbStore,
  SkippedEvents,
  SqliteEventStore,
  StoreDamaged,
  StoreUnavailable,
  UnreadableEvent,
  type AppendResult,
  type CommitStats,
  type EventStoreDbStats,
  type NewEvent,
  type Position,
  type Revision,
  type StoredEvent,
  type Unchanged,
} from '@ledger/event-store';
import { StoreBreaker, storeIsSilent } from './store-breaker.js';

/** What became of all appends so far. */
export interface AppendCounts {
  readonly appended: number;
  readonly conflict: number;
  /** Not confirmed: the outcome is unknown, or nothing was written. */
  readonly unavailable: number;
  /** Events in the appends that succeeded. */
  readonly events: number;
  readonly pending: number;
}

export interface WatchOptions {
  /** How long the store may answer no append, or no read, before waiting for it ends; absent: for ever. */
  readonly silenceMs?: number;
}

/** What may wait for a store at once, whichever it is; one more is refused (R8). */
const APPENDS_PENDING_MAX = 1_000;

/**
 * An event store, whichever it is, watched from outside: what it was asked and how long it takes. Bounds how many
 * appends wait for it, and for how long.
 */
export class WatchedEventStore extends EventStore {
  readonly #pendingSince = new Map<number, number>();
  readonly #counts = { appended: 0, conflict: 0, unavailable: 0, events: 0 };
  #next = 0;
  readonly #writes: StoreBreaker | undefined;
  readonly #reads: StoreBreaker | undefined;
  #failure: Error | undefined;
  #skipped = SkippedEvents.none;

  constructor(
    private readonly store: EventStore,
    { silenceMs }: WatchOptions = {},
  ) {
    super();
    if (silenceMs === undefined) return;
    const probe = (): Promise<Position> => store.head();
    this.#writes = new StoreBreaker({ silenceMs, probe });
    this.#reads = new StoreBreaker({ silenceMs, probe });
  }

  get counts(): AppendCounts {
    return { ...this.#counts, pending: this.#pendingSince.size };
  }

  /** How long the oldest append that is still unanswered has waited, in milliseconds; 0 when none waits. */
  get oldestPendingMs(): number {
    const [since] = this.#pendingSince.values();
    return since === undefined ? 0 : performance.now() - since;
  }

  /** Why no write can ever succeed again, or undefined while they can. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** What the embedded store counts about its commits; undefined for a store that makes none here. */
  get commits(): CommitStats | undefined {
    return this.store instanceof SqliteEventStore ? this.store.stats() : undefined;
  }

  /** What the adapter of EventStoreDB counts; undefined for any other store. */
  get database(): EventStoreDbStats | undefined {
    return this.store instanceof EventStoreDbStore ? this.store.stats() : undefined;
  }

  /** For how long the store has been known not to answer, in milliseconds; undefined while it does. */
  get silentMs(): number | undefined {
    return this.#writes?.silentMs ?? this.#reads?.silentMs;
  }

  /** Calls `listener` when the store stops answering reads. Returns how to stop. */
  onSilence(listener: () => void): () => void {
    return this.#reads?.onSilence(listener) ?? (() => undefined);
  }

  /** To be called by whoever is told that no write can succeed any more. */
  fail(error: Error): void {
    this.#failure ??= error;
  }

  /** From now on leaves out what cannot be read, where an operator decided so (docs/adr/0014). */
  goPast(skipped: SkippedEvents): void {
    this.#skipped = skipped;
  }

  override append(
    streamId: string,
    expected: Revision,
    events: readonly NewEvent[],
    unchanged?: readonly Unchanged[],
  ): Promise<AppendResult> {
    if (this.#pendingSince.size >= APPENDS_PENDING_MAX) {
      this.#counts.unavailable += 1;
      const text = `${APPENDS_PENDING_MAX} appends wait already: nothing was written`;
      return Promise.reject(new StoreUnavailable(text));
    }
    // A store that answers no read would not answer an append either: that need not be found out again.
    if (this.#reads?.silentMs !== undefined) return Promise.reject(storeIsSilent());
    const send = (): Promise<AppendResult> => this.#send(streamId, expected, events, unchanged);
    return this.#writes ? this.#writes.guard(send) : send();
  }

  override read(
    streamId: string,
    after?: Revision,
    limit?: number,
  ): Promise<readonly StoredEvent[]> {
    return this.#ask(() => this.store.read(streamId, after, limit));
  }

  override readLast(streamId: string): Promise<StoredEvent | undefined> {
    return this.#ask(() => this.store.readLast(streamId));
  }

  override readAllAfter(position: Position, limit: number): Promise<readonly StoredEvent[]> {
    const events =
      this.#skipped === SkippedEvents.none
        ? this.store.readAllAfter(position, limit)
        : this.#readPast(position, limit);
    return this.#reads ? this.#reads.observe(events) : events;
  }

  override head(): Promise<Position> {
    const head = this.store.head();
    return this.#reads ? this.#reads.observe(head) : head;
  }

  override onAppended(listener: () => void): () => void {
    return this.store.onAppended(listener);
  }

  override close(): Promise<void> {
    this.#writes?.close();
    this.#reads?.close();
    return this.store.close();
  }

  #ask<T>(send: () => Promise<T>): Promise<T> {
    return this.#reads ? this.#reads.guard(send) : send();
  }

  async #readPast(position: Position, limit: number): Promise<readonly StoredEvent[]> {
    for (let from = position; ;) {
      try {
        return await this.store.readAllAfter(from, limit);
      } catch (error) {
        const isOne = error instanceof UnreadableEvent || error instanceof StoreDamaged;
        if (!isOne || !error.place || !this.#skipped.covers(error.place)) throw error;
        from = error.place.position;
      }
    }
  }

  #send(
    streamId: string,
    expected: Revision,
    events: readonly NewEvent[],
    unchanged?: readonly Unchanged[],
  ): Promise<AppendResult> {
    const id = this.#next++;
    this.#pendingSince.set(id, performance.now());
    const result = this.store.append(streamId, expected, events, unchanged);
    // Beside the caller's own wait, not before it: watching must not cost a turn of the event loop.
    void result.then(
      ({ outcome }) => {
        this.#pendingSince.delete(id);
        this.#counts[outcome] += 1;
        if (outcome === 'appended') this.#counts.events += events.length;
      },
      () => {
        this.#pendingSince.delete(id);
        this.#counts.unavailable += 1;
      },
    );
    return result;
  }
}
