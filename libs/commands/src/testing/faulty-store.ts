import {
  EventStore,
  type AppendResult,
  type NewEvent,
  type Position,
  type Revision,
  type StoredEvent,
  type Unchanged,
} from '@ledger/event-store';

/** One append on its way: a test may delay it, fail it, or carry it out and lose the answer. */
export type AppendHook = (
  append: () => Promise<AppendResult>,
  streamId: string,
  events: readonly NewEvent[],
) => Promise<AppendResult>;

/** A store between a node and the true one. Counts what passes, and lets a test interfere. */
export class FaultyStore extends EventStore {
  appends = 0;
  reads = 0;
  /** How many events the reads of streams gave. */
  eventsRead = 0;
  onAppend: AppendHook = (append) => append();
  onRead: (streamId: string) => Promise<void> = async () => undefined;
  onReadAll: (position: Position) => Promise<void> = async () => undefined;
  /** Whether listeners hear that the log has grown. */
  hints = true;

  constructor(private readonly store: EventStore) {
    super();
  }

  /** Holds appends back until `open` is called; `reached` resolves when the first of them has come. */
  holdAppends(): { readonly reached: Promise<void>; readonly open: () => void } {
    let open = (): void => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    const reached = new Promise<void>((resolve) => {
      this.onAppend = async (append) => {
        resolve();
        await gate;
        return append();
      };
    });
    return { reached, open };
  }

  override append(
    streamId: string,
    expected: Revision,
    events: readonly NewEvent[],
    unchanged?: readonly Unchanged[],
  ): Promise<AppendResult> {
    this.appends += 1;
    return this.onAppend(
      () => this.store.append(streamId, expected, events, unchanged),
      streamId,
      events,
    );
  }

  override async read(
    streamId: string,
    after?: Revision,
    limit?: number,
  ): Promise<readonly StoredEvent[]> {
    this.reads += 1;
    await this.onRead(streamId);
    const events = await this.store.read(streamId, after, limit);
    this.eventsRead += events.length;
    return events;
  }

  override async readLast(streamId: string): Promise<StoredEvent | undefined> {
    this.reads += 1;
    await this.onRead(streamId);
    const event = await this.store.readLast(streamId);
    if (event) this.eventsRead += 1;
    return event;
  }

  override async readAllAfter(position: Position, limit: number): Promise<readonly StoredEvent[]> {
    await this.onReadAll(position);
    return this.store.readAllAfter(position, limit);
  }

  override head(): Promise<Position> {
    return this.store.head();
  }

  override onAppended(listener: () => void): () => void {
    return this.store.onAppended(() => {
      if (this.hints) listener();
    });
  }

  override close(): Promise<void> {
    return this.store.close();
  }
}
