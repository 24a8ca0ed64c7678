import { EventCodec } from '../../codec/event-codec.js';
import type { PersonalDataCipher } from '../../codec/personal-data.js';
import {
  EventStore,
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
import { verifyLog, type ChainVerdict } from './chain-verification.js';
import { GroupCommit, type CommitStats } from './group-commit.js';
import { ledgerFiles } from './ledger-files.js';
import { createLedger, openLedger, type OpenLedger } from './ledger-opening.js';
import { LogTail } from './log-tail.js';
import { settingsOf, type ConnectionSettings } from './sqlite-connection.js';
import type { EncodedAppend, Verdict } from './writer-messages.js';

export interface SqliteEventStoreOptions {
  /** Holds the ledger's files, and nothing else. */
  readonly directory: string;
  /** Made from the ledger's key. Another key than the one the ledger was created with is refused. */
  readonly cipher: PersonalDataCipher;
  /** Called once when no further write can ever succeed: the process should end soon after. */
  readonly onFailure?: (error: StoreUnavailable) => void;
}

/**
 * The embedded event store: one SQLite database, written by one thread of one process, each append on the disk
 * before it is answered. Positions are gapless here. Reads run on the calling thread.
 */
export class SqliteEventStore extends EventStore {
  readonly #hints = new AppendHints();
  readonly #commits: GroupCommit;
  readonly #tail: LogTail;
  #closing: Promise<void> | undefined;

  private constructor(
    private readonly ledger: OpenLedger,
    private readonly codec: EventCodec,
    onFailure: (error: StoreUnavailable) => void,
  ) {
    super();
    this.#tail = new LogTail(ledger.end);
    this.#commits = new GroupCommit(ledger.thread, onFailure);
    void ledger.thread.death.then((error) => this.#commits.fail(error));
  }

  /**
   * Makes a new ledger in a directory without one, and opens it. The directory is made where needed.
   *
   * @throws LedgerExists When the directory holds a ledger, or what is left of one.
   */
  static async create(options: SqliteEventStoreOptions): Promise<SqliteEventStore> {
    createLedger(ledgerFiles(options.directory), options.cipher);
    return SqliteEventStore.open(options);
  }

  /**
   * Opens an existing ledger; never makes one. Checks that it is the ledger its head file speaks of, that it
   * holds every acknowledged event, and that the newest 1,000 events are as they were written.
   *
   * @throws StoreDamaged When the log is missing, cut, altered, of another ledger, or of another key.
   * @throws StoreUnavailable When another process has it open, or the disk fails.
   */
  static async open(options: SqliteEventStoreOptions): Promise<SqliteEventStore> {
    const { directory, cipher, onFailure = () => undefined } = options;
    const codec = new EventCodec(cipher);
    const ledger = await openLedger(ledgerFiles(directory), cipher, codec);
    return new SqliteEventStore(ledger, codec, onFailure);
  }

  /** Random name of this ledger, given when it was created. */
  get ledgerId(): string {
    return this.ledger.id;
  }

  async append(
    streamId: string,
    expected: Revision,
    events: readonly NewEvent[],
    unchanged: readonly Unchanged[] = [],
  ): Promise<AppendResult> {
    this.#assertOpen();
    assertRevision(expected);
    const encoded = events.map((event) => this.codec.encode(streamId, event));
    const append: EncodedAppend = { streamId, expected, events: encoded, unchanged };
    const verdict = await this.#commits.append(append, (written) =>
      this.#remember(append, events, written),
    );
    if (typeof verdict !== 'number' && verdict.outcome === 'conflict') return verdict;
    const position = BigInt(typeof verdict === 'number' ? verdict : verdict.position);
    return { outcome: 'appended', revision: expected + events.length, position };
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
    return this.ledger.reader.stream(streamId, after, limit);
  }

  /** @throws StoreDamaged, StoreUnavailable */
  async readLast(streamId: string): Promise<StoredEvent | undefined> {
    this.#assertOpen();
    return this.ledger.reader.lastOf(streamId);
  }

  /** @throws StoreDamaged, StoreUnavailable */
  async readAllAfter(position: Position, limit: number): Promise<readonly StoredEvent[]> {
    this.#assertOpen();
    assertLimit(limit);
    return (
      this.#tail.readAfter(position, limit) ??
      this.ledger.reader.logAfter(Number(position), this.#tail.head, limit)
    );
  }

  async head(): Promise<Position> {
    this.#assertOpen();
    return BigInt(this.#tail.head);
  }

  onAppended(listener: () => void): () => void {
    return this.#hints.subscribe(listener);
  }

  /**
   * Checks the whole log up to its present head: every hash, and that every event is found in its stream. Takes
   * a few seconds for a million events; others are served in between. Changes nothing.
   *
   * @param onProgress Called every few hundred events with how many have been checked.
   * @returns `broken` with the first event that is not as it was written.
   */
  async verifyChain(onProgress: (events: number) => void = () => undefined): Promise<ChainVerdict> {
    this.#assertOpen();
    return verifyLog(this.ledger.reader, this.ledger.id, this.#tail.head, onProgress);
  }

  /** Counters for metrics. Cheap. */
  stats(): CommitStats {
    return this.#commits.stats;
  }

  /** How the connections run, as read back from SQLite: the writer's when it was opened. */
  connectionSettings(): {
    readonly reader: ConnectionSettings;
    readonly writer: ConnectionSettings;
  } {
    this.#assertOpen();
    return { reader: settingsOf(this.ledger.connection), writer: this.ledger.writerSettings };
  }

  close(): Promise<void> {
    this.#closing ??= this.#shutDown();
    return this.#closing;
  }

  async #shutDown(): Promise<void> {
    await this.#commits.idle();
    const { connection, thread, lock } = this.ledger;
    try {
      await thread.close();
    } finally {
      // Only now: the last writer to leave would copy the log into the database, also on a failing disk.
      connection.close();
      lock.release();
    }
  }

  /** Runs in the order of the log, before anyone hears of the append. */
  #remember(append: EncodedAppend, events: readonly NewEvent[], verdict: Verdict): void {
    if (typeof verdict !== 'number') return;
    const { streamId, expected } = append;
    const before = verdict - events.length;
    events.forEach(({ eventId, payload, metadata }, index) => {
      const position = BigInt(before + index + 1);
      const revision = expected + index + 1;
      const { occurredAt } = payload;
      const encoded = append.events[index];
      this.#tail.push(
        { eventId, payload, metadata, occurredAt, streamId, revision, position },
        (encoded?.data.length ?? 0) + (encoded?.metadata.length ?? 0),
      );
    });
    this.#hints.announce();
  }

  #assertOpen(): void {
    if (this.#closing) throw new StoreUnavailable('the event store is closed');
  }
}
