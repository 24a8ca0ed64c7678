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
import type { AppendStats } from './appender.js';
import type { ConnectionTarget } from './connection-settings.js';
import { Deadline } from './deadline.js';
import { LedgerMarks, type LedgerMark } from './ledger-mark.js';
import type { LinkStats } from './server-connection.js';
import { StreamTurns } from './stream-turns.js';
import type { DatabaseParts } from './wiring.js';

const DEADLINE_MS = 1_800;
const OPEN_TIMEOUT_MS = 10_000;
const PENDING_APPENDS_MAX = 1_000;
const STREAM_PREFIX = 'ledger-';

export interface EventStoreDbOptions extends ConnectionTarget {
  /** Made from the ledger's key. */
  readonly cipher: PersonalDataCipher;
  /** Longest that an append takes, its guards and repeats included, and that a read waits for an answer. */
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
  readonly #turns = new StreamTurns();
  readonly #marks: LedgerMarks;
  readonly #pending = new Set<Promise<unknown>>();
  #closing: Promise<void> | undefined;

  private constructor(
    private readonly parts: DatabaseParts,
    private readonly hints: AppendHints,
    private readonly limits: Limits,
  ) {
    super();
    this.#marks = new LedgerMarks(parts, limits.deadlineMs);
  }

  /**
   * Connects, and reads where the log ends: whoever gets a store has seen that the database answers its user.
   *
   * @throws StoreUnavailable When the database cannot be reached in time, or refuses its user.
   * @throws Error For a connection string that cannot be read, or a certificate file that is not there.
   */
  static async open(options: EventStoreDbOptions): Promise<EventStoreDbStore> {
    const { streamPrefix: prefix = STREAM_PREFIX, deadlineMs = DEADLINE_MS } = options;
    const { pendingAppendsMax = PENDING_APPENDS_MAX, openTimeoutMs = OPEN_TIMEOUT_MS } = options;
    assertPrefix(prefix);
    const { wire } = await import('./wiring.js');
    const hints = new AppendHints();
    const parts = wire({ ...options, prefix, deadlineMs, onGrown: () => hints.announce() });
    const store = new EventStoreDbStore(parts, hints, { deadlineMs, pendingAppendsMax });
    try {
      await parts.connection.link(openTimeoutMs);
      await store.head();
    } catch (error) {
      await store.close();
      throw error;
    }
    parts.subscription.start();
    return store;
  }

  /** Whose log this is; undefined for one that nobody has begun. @throws StoreUnavailable, StoreDamaged */
  async mark(): Promise<LedgerMark | undefined> {
    this.#assertOpen();
    return this.#marks.read();
  }

  /**
   * Begins the log, unless another process was faster. Safe to repeat.
   *
   * @returns The mark that stands, which may be that of the other one. @throws StoreUnavailable, StoreDamaged
   */
  async markAs(mark: LedgerMark): Promise<LedgerMark> {
    this.#assertOpen();
    return this.#marks.write(mark);
  }

  /** Counters for metrics. Cheap. */
  stats(): EventStoreDbStats {
    return {
      ...this.parts.connection.stats,
      ...this.parts.appender.stats,
      pendingAppends: this.#pending.size,
      readTimeouts: this.parts.reader.timeouts,
      subscriptions: this.parts.subscription.subscriptions,
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
    if (this.#pending.size >= this.limits.pendingAppendsMax) {
      throw new StoreUnavailable(
        `${this.limits.pendingAppendsMax} appends wait already: nothing was written`,
      );
    }
    const deadline = new Deadline(this.limits.deadlineMs);
    const wanted: WantedAppend = { streamId, expected, events, unchanged };
    const guarded = unchanged.map((guard) => guard.streamId);
    const turn = { written: streamId, guarded, waitMs: deadline.leftMs };
    const append = this.#turns.run(turn, () =>
      events.length === 0 ? this.#check(wanted, deadline) : this.#write(wanted, deadline),
    );
    this.#pending.add(append);
    try {
      return await append;
    } finally {
      this.#pending.delete(append);
    }
  }

  /** @throws StoreDamaged, StoreUnavailable */
  async read(
    streamId: string,
    after: Revision = 0,
    limit?: number,
  ): Promise<readonly StoredEvent[]> {
    this.#assertOpen();
    assertRevision(after);
    assertLimit(limit);
    return this.parts.log.stream(streamId, after, limit);
  }

  /** @throws StoreDamaged, StoreUnavailable */
  async readLast(streamId: string): Promise<StoredEvent | undefined> {
    this.#assertOpen();
    return this.parts.log.lastOf(streamId);
  }

  /** @throws StoreDamaged, StoreUnavailable */
  async readAllAfter(position: Position, limit: number): Promise<readonly StoredEvent[]> {
    this.#assertOpen();
    assertLimit(limit);
    return this.parts.log.after(position, limit);
  }

  async head(): Promise<Position> {
    this.#assertOpen();
    return this.parts.log.head();
  }

  onAppended(listener: () => void): () => void {
    return this.hints.subscribe(listener);
  }

  close(): Promise<void> {
    this.#closing ??= this.#shutDown();
    return this.#closing;
  }

  async #shutDown(): Promise<void> {
    await Promise.allSettled(this.#pending);
    this.parts.subscription.close();
    this.parts.connection.close();
  }

  /** An append of no events, which the server would answer without looking at the stream. */
  async #check(wanted: WantedAppend, deadline: Deadline): Promise<AppendResult> {
    const end = await this.parts.log.endOf(wanted.streamId, deadline);
    if (end.revision !== wanted.expected) return conflict(wanted.streamId, end.revision);
    const moved = await this.#firstMoved(wanted.unchanged, deadline);
    return moved ?? { outcome: 'appended', ...end };
  }

  async #write(wanted: WantedAppend, deadline: Deadline): Promise<AppendResult> {
    const { streamId, expected, events, unchanged } = wanted;
    const proposed = events.map((event) => this.parts.mapping.proposed(streamId, event));
    const moved = await this.#firstMoved(unchanged, deadline);
    if (moved) {
      const { revision } = await this.parts.log.endOf(streamId, deadline);
      if (revision === expected) return moved;
      if (revision < expected) return conflict(streamId, revision);
      // The stream is past the expected revision: the server cannot write, only recognise a repeat.
    }
    const name = this.parts.mapping.streamName(streamId);
    const answer = await this.parts.appender.append(name, expected, proposed, deadline);
    if (answer.kind === 'conflict') return conflict(streamId, answer.lastRevision + 1);
    const revision = expected + events.length;
    if (answer.lastRevision + 1 !== revision) {
      throw new StoreDamaged(`${streamId} went on at ${answer.lastRevision + 1}: it was deleted`);
    }
    const position =
      answer.position ?? (await this.parts.log.positionOf(streamId, revision, deadline));
    this.parts.log.noticed(position);
    return { outcome: 'appended', revision, position };
  }

  /** Looked at right before the append: what moves in between goes unnoticed (docs/adr/0004). */
  async #firstMoved(
    unchanged: readonly Unchanged[],
    deadline: Deadline,
  ): Promise<AppendResult | undefined> {
    const ends = await Promise.all(
      unchanged.map(({ streamId }) => this.parts.log.endOf(streamId, deadline)),
    );
    const moved = unchanged.findIndex(({ revision }, index) => ends[index]?.revision !== revision);
    const guard = unchanged[moved];
    return guard && conflict(guard.streamId, ends[moved]?.revision ?? 0);
  }

  #assertOpen(): void {
    if (this.#closing) throw new StoreUnavailable('the event store is closed');
  }
}

interface Limits {
  readonly deadlineMs: number;
  readonly pendingAppendsMax: number;
}

interface WantedAppend {
  readonly streamId: string;
  readonly expected: Revision;
  readonly events: readonly NewEvent[];
  readonly unchanged: readonly Unchanged[];
}

function conflict(streamId: string, actualRevision: Revision): AppendResult {
  return { outcome: 'conflict', streamId, actualRevision };
}

/** @throws RangeError */
function assertPrefix(prefix: string): void {
  // An underscore begins the stream that holds the mark, which is not part of any log.
  if (/^(\$|_|$)/.test(prefix)) {
    throw new RangeError(`'${prefix}' cannot begin the names of a ledger's streams`);
  }
}
