import { EventCodec } from '../../codec/event-codec.js';
import type { PersonalDataCipher } from '../../codec/personal-data.js';
import {
  EventStore,
  StoreDamaged,
  StoreUnavailable,
  type AppendResult,
  type NewEvent,
  type Position,
  type Revision,
  type StoredEvent,
  type Unchanged,
} from '../../event-store.js';
import { assertLimit, assertRevision } from '../append-decision.js';
import { AppendHints } from '../append-hints.js';
import { Appender, type AppendStats } from './appender.js';
import { connectionSettings, type ConnectionTarget } from './connection-settings.js';
import { LogReader } from './log-reader.js';
import { LogSubscription } from './log-subscription.js';
import { Reader } from './reading.js';
import { EventMapping } from './recorded-events.js';
import { ServerConnection, type LinkStats } from './server-connection.js';
import { StreamTurns } from './stream-turns.js';

const DEADLINE_MS = 1_800;
const OPEN_TIMEOUT_MS = 10_000;
const PENDING_APPENDS_MAX = 1_000;
const STREAM_PREFIX = 'ledger-';

export interface EventStoreDbOptions extends ConnectionTarget {
  /** Made from the ledger's key. */
  readonly cipher: PersonalDataCipher;
  /**
   * Longest that an append takes, repeats included, and that a read waits without an answer. An append that waits
   * for others on its stream, or guards streams, may take as long again for each of the two.
   */
  readonly deadlineMs?: number;
  /** Longest that `open` waits for the database. */
  readonly openTimeoutMs?: number;
  /** Appends that may wait at once; one more is refused. */
  readonly pendingAppendsMax?: number;
  /** Begins the name of every stream of this ledger, and of no other stream. */
  readonly streamPrefix?: string;
}

/** Counters since the store was opened. */
export interface EventStoreDbStats extends LinkStats, AppendStats {
  readonly pendingAppends: number;
  readonly readTimeouts: number;
  readonly subscriptions: number;
}

/**
 * The event store on an EventStoreDB server or cluster. Positions are commit positions, with gaps. Any number of
 * processes may share one log.
 */
export class EventStoreDbStore extends EventStore {
  readonly #hints = new AppendHints();
  readonly #connection: ServerConnection;
  readonly #appender: Appender;
  readonly #reader: Reader;
  readonly #log: LogReader;
  readonly #mapping: EventMapping;
  readonly #subscription: LogSubscription;
  readonly #turns: StreamTurns;
  readonly #pending = new Set<Promise<unknown>>();
  readonly #pendingMax: number;
  #closing: Promise<void> | undefined;

  private constructor(options: EventStoreDbOptions) {
    super();
    const { cipher, deadlineMs = DEADLINE_MS, streamPrefix = STREAM_PREFIX } = options;
    assertPrefix(streamPrefix);
    this.#connection = new ServerConnection(connectionSettings(options), deadlineMs);
    this.#appender = new Appender(this.#connection, deadlineMs);
    this.#reader = new Reader(this.#connection, deadlineMs);
    this.#mapping = new EventMapping(new EventCodec(cipher), streamPrefix);
    this.#log = new LogReader(this.#reader, this.#mapping, streamPrefix);
    this.#turns = new StreamTurns(deadlineMs);
    this.#pendingMax = options.pendingAppendsMax ?? PENDING_APPENDS_MAX;
    this.#subscription = new LogSubscription(this.#connection, streamPrefix, (position) => {
      if (position !== undefined) this.#log.noticed(position);
      this.#hints.announce();
    });
  }

  /**
   * Connects, and reads where the log ends: whoever gets a store has seen that the database answers its user.
   *
   * @throws StoreUnavailable When the database cannot be reached in time, or refuses its user.
   * @throws Error For a connection string that cannot be read, or a certificate file that is not there.
   */
  static async open(options: EventStoreDbOptions): Promise<EventStoreDbStore> {
    const store = new EventStoreDbStore(options);
    try {
      await store.#connection.link(options.openTimeoutMs ?? OPEN_TIMEOUT_MS);
      await store.head();
    } catch (error) {
      await store.close();
      throw error;
    }
    store.#subscription.start();
    return store;
  }

  /** Counters for metrics. Cheap. */
  stats(): EventStoreDbStats {
    return {
      ...this.#connection.stats,
      ...this.#appender.stats,
      pendingAppends: this.#pending.size,
      readTimeouts: this.#reader.timeouts,
      subscriptions: this.#subscription.subscriptions,
    };
  }

  async append(
    streamId: string,
    expected: Revision,
    events: readonly NewEvent[],
    unchanged: readonly Unchanged[] = [],
  ): Promise<AppendResult> {
    this.#assertOpen();
    assertRevision(expected);
    if (this.#pending.size >= this.#pendingMax) {
      throw new StoreUnavailable(`${this.#pendingMax} appends wait already: nothing was written`);
    }
    const guarded = unchanged.map((guard) => guard.streamId);
    const append = this.#turns.run(streamId, guarded, () =>
      events.length === 0
        ? this.#check(streamId, expected, unchanged)
        : this.#write(streamId, expected, events, unchanged),
    );
    this.#pending.add(append);
    try {
      return await append;
    } finally {
      this.#pending.delete(append);
    }
  }

  /** @throws StoreDamaged, StoreUnavailable */
  async read(streamId: string, after: Revision = 0): Promise<readonly StoredEvent[]> {
    this.#assertOpen();
    assertRevision(after);
    return this.#log.stream(streamId, after);
  }

  /** @throws StoreDamaged, StoreUnavailable */
  async readAllAfter(position: Position, limit: number): Promise<readonly StoredEvent[]> {
    this.#assertOpen();
    assertLimit(limit);
    return this.#log.after(position, limit);
  }

  async head(): Promise<Position> {
    this.#assertOpen();
    return this.#log.head();
  }

  onAppended(listener: () => void): () => void {
    return this.#hints.subscribe(listener);
  }

  close(): Promise<void> {
    this.#closing ??= this.#shutDown();
    return this.#closing;
  }

  async #shutDown(): Promise<void> {
    await Promise.allSettled(this.#pending);
    this.#subscription.close();
    this.#connection.close();
  }

  /** An append of no events, which the server would answer without looking at the stream. */
  async #check(
    streamId: string,
    expected: Revision,
    unchanged: readonly Unchanged[],
  ): Promise<AppendResult> {
    const end = await this.#log.endOf(streamId);
    if (end.revision !== expected) return conflict(streamId, end.revision);
    const moved = await this.#firstMoved(unchanged);
    return moved ?? { outcome: 'appended', ...end };
  }

  async #write(
    streamId: string,
    expected: Revision,
    events: readonly NewEvent[],
    unchanged: readonly Unchanged[],
  ): Promise<AppendResult> {
    const proposed = events.map((event) => this.#mapping.proposed(streamId, event));
    const moved = await this.#firstMoved(unchanged);
    if (moved) {
      const { revision } = await this.#log.endOf(streamId);
      if (revision === expected) return moved;
      if (revision < expected) return conflict(streamId, revision);
      // The stream is past the expected revision: the server cannot write, only recognise a repeat.
    }
    const name = this.#mapping.streamName(streamId);
    const answer = await this.#appender.append(name, expected, proposed);
    if (answer.kind === 'conflict') return conflict(streamId, answer.lastRevision + 1);
    const revision = expected + events.length;
    if (answer.lastRevision + 1 !== revision) {
      throw new StoreDamaged(`${streamId} went on at ${answer.lastRevision + 1}: it was deleted`);
    }
    const position = answer.position ?? (await this.#log.positionOf(streamId, revision));
    this.#log.noticed(position);
    return { outcome: 'appended', revision, position };
  }

  /** Looked at right before the append: what moves in between goes unnoticed (docs/adr/0004). */
  async #firstMoved(unchanged: readonly Unchanged[]): Promise<AppendResult | undefined> {
    const ends = await Promise.all(unchanged.map(({ streamId }) => this.#log.endOf(streamId)));
    const moved = unchanged.findIndex(({ revision }, index) => ends[index]?.revision !== revision);
    const guard = unchanged[moved];
    return guard && conflict(guard.streamId, ends[moved]?.revision ?? 0);
  }

  #assertOpen(): void {
    if (this.#closing) throw new StoreUnavailable('the event store is closed');
  }
}

function conflict(streamId: string, actualRevision: Revision): AppendResult {
  return { outcome: 'conflict', streamId, actualRevision };
}

/** @throws RangeError */
function assertPrefix(prefix: string): void {
  if (prefix === '' || prefix.startsWith('$')) {
    throw new RangeError(`'${prefix}' cannot begin the names of a ledger's streams`);
  }
}
