import { setImmediate as nextTurn } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import {
  EventStore,
  SkippedEvents,
  StoreUnavailable,
  type Position,
  type StoredEvent,
} from '@ledger/event-store';
import type { Projection } from './projection.js';
import { ReadModelDatabase } from './read-model-database.js';
import { isDiskFull } from './read-model-file.js';
import { EVENTS_MAX, replay, type RebuildProgress } from './replay.js';
import { compareRows, type RowComparison } from './row-comparison.js';
import { applyTo, Table, unwrittenRows, writingTables, type RowAccess } from './table.js';
import { Waiters } from './waiters.js';

/** One projection as the projector runs it. */
export interface ProjectionRun<Row extends object = object> extends RowAccess<Row> {
  readonly projection: Projection<Row>;
}

/** What one read model holds, and how far it has come. */
export interface ReadModelState {
  readonly name: string;
  readonly version: number;
  readonly rows: number;
  readonly position: Position;
}

/** A read model as it is about to be replaced by its rebuilt rows, while both are there. */
export interface Replacement {
  readonly name: string;
  compare(): RowComparison;
}

type OnProgress = (progress: RebuildProgress) => void;
type Inspect = (replacement: Replacement) => void;

/** How long changed rows may wait to be written; queries that read the file write them first. */
const WRITE_AFTER_MS = 200;
/** More are written sooner: a query that reads the file waits for as many, some milliseconds. */
const ROWS_UNWRITTEN_MAX = 2_000;
/** All other calls wait for so many, half a millisecond, and at the end for the commit, one or two. */
const ROWS_AT_ONCE = 100;
/** The same as the time above on a full disk, where each try costs something. */
const WRITE_AGAIN_AFTER_MS = 1_000;
/** How often the log is looked at although nothing was heard of it: a hint may be lost. */
const LOOK_EVERY_MS = 1_000;

/**
 * Drives every read model of this process from the log: in order, from its checkpoint, one event at a time.
 *
 * Changed rows are live in memory at once and written together with the checkpoint, a piece at a time. An event
 * that cannot be applied stops the projector at the event before it: `failure` then holds the reason, and
 * whoever asks must fail closed (decision 4). A store that cannot be reached is asked again.
 */
export class Projector {
  readonly #logger = new Logger(Projector.name);
  readonly #tables = new Map<string, Table>();
  readonly #waiters = new Waiters();
  #position: Position = 0n;
  #failure: Error | undefined;
  /** As decided when this process started, or rebuilt: whoever decides more starts it again. */
  #skipped = SkippedEvents.none;
  /** What has the tables to itself at present: following the log, or the last steps of a rebuild. */
  #running: Promise<void> | undefined;
  #rebuilding: Promise<void> | undefined;
  #rebuiltAtStart: readonly string[] = [];
  #closing: Promise<void> | undefined;
  #wanted = false;
  #pausing = false;
  #isCutOff = false;
  #writeTimer: NodeJS.Timeout | undefined;
  /** What is being written, a piece at a time. */
  #writing: Generator<void, void, void> | undefined;
  #pieceDue: NodeJS.Immediate | undefined;
  #isDiskFull = false;
  #lookTimer: NodeJS.Timeout | undefined;
  #unsubscribe: () => void = () => undefined;

  constructor(
    private readonly store: EventStore,
    private readonly database: ReadModelDatabase,
    private readonly runs: readonly ProjectionRun[],
  ) {
    database.onDamage = (error) => this.#fail(error);
  }

  /**
   * Rebuilds what is new or of another version, catches up, loads resident rows, and follows the log.
   *
   * @throws Error For an event that cannot be applied. What the file held before, it still holds.
   */
  async start(onProgress?: OnProgress): Promise<void> {
    const head = await this.store.head();
    this.#skipped = await SkippedEvents.in(this.store);
    const opened = this.runs.map(({ projection }) => Table.open(this.database, projection, head));
    await this.#replay(opened, onProgress);
    for (const [index, table] of opened.entries()) this.#goLive(table, this.runs[index]!);
    this.#position = opened[0]?.position ?? 0n;
    this.#rebuiltAtStart = opened
      .filter(({ isBegun }) => isBegun)
      .map(({ projection }) => projection.name);
    this.#unsubscribe = this.store.onAppended(() => this.#wake());
    this.#lookTimer = setInterval(() => this.#wake(), LOOK_EVERY_MS).unref();
    this.#wake();
  }

  /** Position that every read model of this process holds. */
  get position(): Position {
    return this.#position;
  }

  /** Why the projector stands still, or undefined while it runs. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** The read models that had no usable rows when this process started. */
  get rebuiltAtStart(): readonly string[] {
    return this.#rebuiltAtStart;
  }

  /** What each read model holds, all its rows written. Counts them, so not for every request. */
  states(): readonly ReadModelState[] {
    return [...this.#tables.values()].map(({ projection, position }) => {
      const { name, version } = projection;
      return { name, version, rows: this.database.count(this.tableOf(name)), position };
    });
  }

  /** Resolves true once `position` is held, false after `timeoutMs` or when the projector stands still. */
  reached(position: Position, timeoutMs: number): Promise<boolean> {
    if (position <= this.#position) return Promise.resolve(true);
    if (this.#failure || this.#closing) return Promise.resolve(false);
    this.#wake();
    return this.#waiters.wait(position, timeoutMs);
  }

  /** Resolves once everything that is in the log now is held. */
  async caughtUp(): Promise<void> {
    await this.reached(await this.store.head(), 60_000);
  }

  /**
   * The table of a projection with all its rows written, for queries in SQL.
   *
   * @throws StoreUnavailable While the disk is full: the rows in the file would not be those of now.
   */
  tableOf(name: string): string {
    const table = this.#tables.get(name);
    if (!table) throw new Error(`the projection ${name} does not run here`);
    if (table.unwritten > 0) this.#write();
    if (this.#isDiskFull && table.unwritten > 0) {
      throw new StoreUnavailable('the disk is full: the rows of the read models cannot be written');
    }
    return table.name;
  }

  /** One row by key, written or not. */
  row<Row>(name: string, key: string): Row | undefined {
    return this.#tables.get(name)?.get(key) as Row | undefined;
  }

  /** The key of the row that is looked up by this text, see {@link Projection.lookUps}. */
  keyOf(name: string, lookUp: string): string | undefined {
    return this.#tables.get(name)?.keyOf(lookUp);
  }

  /**
   * Rebuilds projections from the first event, in tables beside the live ones, which go on answering;
   * then lets the new ones answer. A crash on the way leaves the live ones as they were. A projector that
   * stood still runs again afterwards. Called again on the way, it is the same rebuild.
   *
   * @param inspect Called for each read model right before it is replaced, while nothing moves.
   */
  rebuild(onProgress?: OnProgress, inspect?: Inspect): Promise<void> {
    this.#rebuilding ??= this.#rebuild(onProgress, inspect).finally(() => {
      this.#rebuilding = undefined;
    });
    return this.#rebuilding;
  }

  /** Stops following the log and writes what is unwritten. Safe to repeat. */
  close(): Promise<void> {
    this.#closing ??= this.#shutDown();
    return this.#closing;
  }

  async #rebuild(onProgress?: OnProgress, inspect?: Inspect): Promise<void> {
    this.#write();
    this.#skipped = await SkippedEvents.in(this.store);
    const shadows = this.runs.map(({ projection }) => Table.begin(this.database, projection));
    await this.#replay(shadows, onProgress);
    // The live tables move on meanwhile, so the last steps are taken while they stand still.
    await this.#pause(async () => {
      // Both at one position, so that what is compared differs by its making alone.
      const live = this.#failure ? [] : this.#tables.values();
      await this.#replay([...shadows, ...live]);
      if (inspect) for (const shadow of shadows) inspect(this.#replacementBy(shadow));
      for (const [index, shadow] of shadows.entries()) this.#goLive(shadow, this.runs[index]!);
      this.#position = shadows[0]?.position ?? this.#position;
      this.#failure = undefined;
      this.#waiters.settle(this.#position);
    });
  }

  async #shutDown(): Promise<void> {
    this.#unsubscribe();
    clearInterval(this.#lookTimer);
    await Promise.allSettled([this.#running, this.#rebuilding]);
    this.#waiters.giveUp();
    this.#write();
    await this.database.close();
  }

  #replacementBy(shadow: Table): Replacement {
    const { projection } = shadow;
    const { name } = projection;
    return {
      name,
      compare: () => compareRows(this.database, projection, this.tableOf(name), shadow.name),
    };
  }

  #goLive(table: Table, access: RowAccess): void {
    table.goLive(access);
    this.#tables.set(table.projection.name, table);
  }

  #replay(tables: readonly Table[], onProgress?: OnProgress): Promise<void> {
    const mustStop = (): boolean => this.#closing !== undefined;
    const skipped = this.#skipped;
    return replay(this.store, this.database, tables, { skipped, onProgress, mustStop });
  }

  #wake(): void {
    this.#wanted = true;
    if (this.#running || !this.#mayFollow()) return;
    this.#running = this.#follow().finally(() => {
      this.#running = undefined;
      if (this.#wanted) this.#wake();
    });
  }

  #mayFollow(): boolean {
    return !this.#pausing && !this.#failure && !this.#closing;
  }

  async #follow(): Promise<void> {
    try {
      while (this.#wanted && this.#mayFollow()) {
        this.#wanted = false;
        let events = await this.store.readAllAfter(this.#position, EVENTS_MAX);
        while (events.length > 0 && this.#mayFollow()) {
          this.#apply(events);
          // What is far behind must leave room for the calls that are answered meanwhile.
          if (events.length === EVENTS_MAX) await nextTurn();
          events = await this.store.readAllAfter(this.#position, EVENTS_MAX);
        }
      }
      if (this.#isCutOff) this.#logger.log('reads on');
      this.#isCutOff = false;
    } catch (error) {
      if (error instanceof StoreUnavailable) this.#cutOff(error);
      else this.#fail(error);
    }
  }

  /** Told once, however often it is tried in vain. */
  #cutOff({ message }: StoreUnavailable): void {
    if (!this.#isCutOff) this.#logger.warn(`cannot read on, and will try again: ${message}`);
    this.#isCutOff = true;
  }

  #apply(events: readonly StoredEvent[]): void {
    for (const event of events) {
      applyTo(this.#tables.values(), event, this.#skipped);
      this.#position = event.position;
    }
    this.#waiters.settle(this.#position);
    const isDue = unwrittenRows(this.#tables.values()) >= ROWS_UNWRITTEN_MAX;
    if (isDue && !this.#writing && !this.#isDiskFull) this.#writeInPieces();
    else this.#writeIn(WRITE_AFTER_MS);
  }

  #fail(error: unknown): void {
    if (this.#failure) return;
    this.#failure = error instanceof Error ? error : new Error(String(error));
    this.#logger.error(
      `read models stopped at position ${this.#position}: ${this.#failure.message}`,
      this.#failure.stack,
    );
    this.#waiters.settle(this.#position);
    this.#waiters.giveUp();
  }

  #writeIn(ms: number): void {
    this.#writeTimer ??= setTimeout(() => {
      this.#writeTimer = undefined;
      this.#writeInPieces();
    }, ms).unref();
  }

  /** Writes what is unwritten now, and lets calls be answered in between. */
  #writeInPieces(): void {
    // A rebuild writes to the same file, and not into the middle of this.
    if (this.#rebuilding) return this.#write();
    if (this.#writing) return this.#writeIn(WRITE_AFTER_MS);
    this.#writing = this.#beginWriting(ROWS_AT_ONCE);
    this.#nextPiece();
  }

  #nextPiece(): void {
    this.#pieceDue = setImmediate(() => {
      if (this.#writesOn()) this.#nextPiece();
    });
  }

  /** Writes all that is unwritten, for who cannot wait. */
  #write(): void {
    clearImmediate(this.#pieceDue);
    while (this.#writesOn());
    this.#writing = this.#beginWriting(Infinity);
    while (this.#writesOn());
  }

  #beginWriting(rowsAtOnce: number): Generator<void, void, void> {
    clearTimeout(this.#writeTimer);
    this.#writeTimer = undefined;
    return writingTables(this.database, this.#tables.values(), rowsAtOnce);
  }

  /** Writes a piece. @returns Whether there is more of it. */
  #writesOn(): boolean {
    if (!this.#writing) return false;
    try {
      // After a failure the rows in memory may hold half an event, which must not reach the file.
      if (this.#failure) this.#writing.return();
      else if (!this.#writing.next().done) return true;
      else this.#isDiskFull = false;
    } catch (error) {
      if (isDiskFull(error)) this.#writeLater();
      else this.#fail(error);
    }
    this.#writing = undefined;
    return false;
  }

  /** The rows in memory are right, and credentials are judged by those: only the file is behind (R4). */
  #writeLater(): void {
    if (!this.#isDiskFull) this.#logger.warn('the disk is full: read models are kept in memory');
    this.#isDiskFull = true;
    if (this.#closing) return;
    clearTimeout(this.#writeTimer);
    this.#writeTimer = undefined;
    this.#writeIn(WRITE_AGAIN_AFTER_MS);
  }

  /** Does work while the live tables stand still. */
  async #pause(work: () => Promise<void>): Promise<void> {
    this.#pausing = true;
    while (this.#running) await this.#running;
    const working = work();
    // Whoever waits for the tables to be free need not hear why the work failed.
    this.#running = working.catch(() => undefined);
    try {
      await working;
    } finally {
      this.#running = undefined;
      this.#pausing = false;
      this.#wake();
    }
  }
}
