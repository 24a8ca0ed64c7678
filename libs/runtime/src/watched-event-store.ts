import {
  EventStore,
  SqliteEventStore,
  type AppendResult,
  type CommitStats,
  type NewEvent,
  type Position,
  type Revision,
  type StoredEvent,
  type Unchanged,
} from '@ledger/event-store';

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

/** An event store, whichever it is, watched from outside: what it was asked and how long it takes. */
export class WatchedEventStore extends EventStore {
  readonly #pendingSince = new Map<number, number>();
  readonly #counts = { appended: 0, conflict: 0, unavailable: 0, events: 0 };
  #next = 0;
  #failure: Error | undefined;
  #isClosing = false;

  constructor(private readonly store: EventStore) {
    super();
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

  /**
   * To be called by whoever is told of the failure. @returns Whether it matters: what ends after the last
   * append was answered, because the store is being closed, has failed nobody.
   */
  fail(error: Error): boolean {
    if (this.#isClosing && this.#pendingSince.size === 0) return false;
    this.#failure ??= error;
    return true;
  }

  override append(
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

  override read(streamId: string, after?: Revision): Promise<readonly StoredEvent[]> {
    return this.store.read(streamId, after);
  }

  override readAllAfter(position: Position, limit: number): Promise<readonly StoredEvent[]> {
    return this.store.readAllAfter(position, limit);
  }

  override head(): Promise<Position> {
    return this.store.head();
  }

  override onAppended(listener: () => void): () => void {
    return this.store.onAppended(listener);
  }

  override close(): Promise<void> {
    this.#isClosing = true;
    return this.store.close();
  }
}
