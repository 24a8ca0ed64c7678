import { randomBytes } from 'node:crypto';
import { AesGcmCipher } from '../codec/aes-gcm-cipher.js';
import { EventCodec } from '../codec/event-codec.js';
import type { PersonalDataCipher } from '../codec/personal-data.js';
import {
  EventStore,
  StoreUnavailable,
  type AppendResult,
  type NewEvent,
  type Position,
  type Revision,
  type StoredEvent,
  type Unchanged,
} from '../event-store.js';
import { assertLimit, assertRevision, decideAppend, type LogView } from './append-decision.js';
import { AppendHints } from './append-hints.js';

/**
 * Keeps the log in memory: for tests, and gone with the process. What it hands out went through the
 * codec and is frozen, so a test notices what JSON would lose and who changes a fact.
 */
export class MemoryEventStore extends EventStore {
  readonly #log: StoredEvent[] = [];
  readonly #streams = new Map<string, StoredEvent[]>();
  readonly #hints = new AppendHints();
  readonly #codec: EventCodec;
  readonly #view: LogView = {
    revisionOf: (streamId) => this.#streams.get(streamId)?.length ?? 0,
    eventsAfter: (streamId, after, count) =>
      (this.#streams.get(streamId) ?? [])
        .slice(after, after + count)
        .map(({ eventId, position }) => ({ eventId, position: Number(position) })),
  };
  #closed = false;

  constructor(cipher: PersonalDataCipher = new AesGcmCipher(randomBytes(32))) {
    super();
    this.#codec = new EventCodec(cipher);
  }

  /** There is no await between the check and the write: with one, all of many racing writers would win. */
  async append(
    streamId: string,
    expected: Revision,
    events: readonly NewEvent[],
    unchanged: readonly Unchanged[] = [],
  ): Promise<AppendResult> {
    this.#assertOpen();
    assertRevision(expected);
    const decision = decideAppend(this.#view, { streamId, expected, events, unchanged });
    if (decision.outcome === 'conflict') return decision;
    const revision = expected + events.length;
    if (decision.outcome === 'written-before') {
      return { outcome: 'appended', revision, position: BigInt(decision.position) };
    }
    const stored = events.map((event, index) =>
      this.#asStored(streamId, event, expected + index + 1, this.#log.length + index + 1),
    );
    const stream = this.#streams.get(streamId) ?? [];
    this.#streams.set(streamId, stream);
    stream.push(...stored);
    this.#log.push(...stored);
    this.#hints.announce();
    return { outcome: 'appended', revision, position: BigInt(this.#log.length) };
  }

  async read(
    streamId: string,
    after: Revision = 0,
    limit?: number,
  ): Promise<readonly StoredEvent[]> {
    this.#assertOpen();
    assertRevision(after);
    assertLimit(limit);
    const end = limit === undefined ? undefined : after + limit;
    return (this.#streams.get(streamId) ?? []).slice(after, end);
  }

  async readLast(streamId: string): Promise<StoredEvent | undefined> {
    this.#assertOpen();
    return this.#streams.get(streamId)?.at(-1);
  }

  async readAllAfter(position: Position, limit: number): Promise<readonly StoredEvent[]> {
    this.#assertOpen();
    assertLimit(limit);
    const start = Number(position);
    return this.#log.slice(start, start + limit);
  }

  async head(): Promise<Position> {
    this.#assertOpen();
    return BigInt(this.#log.length);
  }

  onAppended(listener: () => void): () => void {
    return this.#hints.subscribe(listener);
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  #asStored(streamId: string, event: NewEvent, revision: Revision, position: number): StoredEvent {
    const decoded = this.#codec.decode(streamId, this.#codec.encode(streamId, event));
    return deepFreeze({ ...decoded, streamId, revision, position: BigInt(position) });
  }

  #assertOpen(): void {
    if (this.#closed) throw new StoreUnavailable('the event store is closed');
  }
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  Object.values(value).forEach(deepFreeze);
  return Object.freeze(value);
}
