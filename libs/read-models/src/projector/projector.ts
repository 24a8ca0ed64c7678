import { setImmediate as nextTurn } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { EventStore, type Position, type StoredEvent } from '@ledger/event-store';
import type { Projection, ResidentRows } from './projection.js';
import { ReadModelDatabase } from './read-model-database.js';
import { compareRows, type RowComparison } from './row-comparison.js';
import { Table } from './table.js';

/** One projection as the projector runs it. `resident` is filled from its rows, where it is given. */
export interface ProjectionRun<Row = unknown> {
  readonly projection: Projection<Row>;
  readonly resident?: ResidentRows<Row>;
}

export interface RebuildProgress {
  readonly position: Position;
  readonly head: Position;
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

const EVENTS_MAX = 1_000;
const ROWS_UNWRITTEN_MAX = 50_000;
/** How long changed rows may wait to be written; queries that read the file write them first. */
const WRITE_AFTER_MS = 200;

interface Waiter {
  readonly position: Position;
  readonly resolve: (reached: boolean) => void;
  readonly timer: NodeJS.Timeout;
}

/**
 * Drives every read model of this process from the log: in order, from its checkpoint, one event at a time.
 *
 * Changed rows are live in memory at once and written in batches, together with the checkpoint. An event
 * that cannot be applied stops the projector at the event before it: `failure` then holds the reason, and
 * whoever asks must fail closed (decision 4).
 */
export class Projector {
  readonly #logger = new Logger(Projector.name);
  readonly #tables = new Map<string, Table>();
  readonly #waiters = new Set<Waiter>();
  #position: Position = 0n;
  #failure: Error | undefined;
  #running: Promise<void> | undefined;
  #wanted = false;
  #closed = false;
  #writeTimer: NodeJS.Timeout | undefined;
  #unsubscribe: () => void = () => undefined;
  #rebuiltAtStart: readonly string[] = [];

  constructor(
    private readonly store: EventStore,
    private readonly database: ReadModelDatabase,
    private readonly runs: readonly ProjectionRun[],
  ) {}

  /** Loads resident rows, rebuilds what is new or of another version, catches up, and follows the log. */
  async start(onProgress?: (progress: RebuildProgress) => void): Promise<void> {
    const head = await this.store.head();
    const opened: Table[] = [];
    const begun: string[] = [];
    for (const { projection, resident } of this.runs) {
      const live = this.database.live(projection.name);
      // A checkpoint beyond the log was made from another log, so its rows are worth nothing.
      const isUsable = live?.version === projection.version && live.position <= head;
      const generation = isUsable ? live : this.database.begin(projection);
      if (!isUsable) begun.push(projection.name);
      const table = new Table(this.database, projection, generation);
      if (resident) table.fill(resident);
      opened.push(table);
    }
    await this.#replay(opened, onProgress);
    for (const table of opened) this.#goLive(table);
    this.#position = opened[0]?.position ?? 0n;
    this.#rebuiltAtStart = begun;
    this.#unsubscribe = this.store.onAppended(() => this.#wake());
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
    if (this.#failure || this.#closed) return Promise.resolve(false);
    this.#wake();
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#waiters.delete(waiter);
        resolve(false);
      }, timeoutMs);
      const waiter: Waiter = { position, resolve, timer };
      this.#waiters.add(waiter);
    });
  }

  /** Resolves once everything that is in the log now is held. */
  async caughtUp(): Promise<void> {
    await this.reached(await this.store.head(), 60_000);
  }

  /** The table of a projection with all its rows written, for queries in SQL. */
  tableOf(name: string): string {
    const table = this.#tables.get(name);
    if (!table) throw new Error(`the projection ${name} does not run here`);
    if (table.unwritten > 0) this.#write();
    return table.name;
  }

  /** One row by key, written or not. */
  row<Row>(name: string, key: string): Row | undefined {
    return this.#tables.get(name)?.get(key) as Row | undefined;
  }

  /**
   * Rebuilds projections from the first event, in tables beside the live ones, which go on answering;
   * then lets the new ones answer. A crash on the way leaves the live ones as they were.
   *
   * @param inspect Called for each read model right before it is replaced, while nothing moves.
   */
  async rebuild(
    onProgress?: (progress: RebuildProgress) => void,
    inspect?: (replacement: Replacement) => void,
  ): Promise<void> {
    const shadows = this.runs.map(({ projection }) => {
      return new Table(this.database, projection, this.database.begin(projection));
    });
    await this.#replay(shadows, onProgress);
    // The live tables move on meanwhile, so the last steps are taken while they stand still.
    await this.#pause(async () => {
      await this.#replay(shadows);
      if (inspect) for (const shadow of shadows) inspect(this.#replacementBy(shadow));
      for (const [index, shadow] of shadows.entries()) {
        const { resident } = this.runs[index]!;
        if (resident) shadow.fill(resident);
        this.#goLive(shadow);
      }
      this.#position = shadows[0]?.position ?? this.#position;
      this.#settleWaiters(({ position }) => position <= this.#position);
    });
  }

  /** Stops following the log and writes what is unwritten. Safe to repeat. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#unsubscribe();
    await this.#running;
    this.#settleWaiters(() => true);
    this.#write();
    this.database.close();
  }

  #replacementBy(shadow: Table): Replacement {
    const { projection } = shadow;
    const { name } = projection;
    return {
      name,
      compare: () => compareRows(this.database, projection, this.tableOf(name), shadow.name),
    };
  }

  #goLive(table: Table): void {
    const { name } = table.projection;
    if (this.database.live(name)?.table !== table.name) this.database.promote(name, table.name);
    this.#tables.set(name, table);
  }

  /** Applies the log to tables that are behind, each from where it stands. */
  async #replay(
    tables: readonly Table[],
    onProgress?: (progress: RebuildProgress) => void,
  ): Promise<void> {
    const head = await this.store.head();
    let position = tables.reduce((least, table) => {
      return table.position < least ? table.position : least;
    }, head);
    for (;;) {
      const events = await this.store.readAllAfter(position, EVENTS_MAX);
      const last = events.at(-1);
      if (!last) break;
      for (const table of tables) {
        for (const event of events) if (event.position > table.position) table.apply(event);
      }
      position = last.position;
      const unwritten = tables.reduce((sum, table) => sum + table.unwritten, 0);
      if (unwritten >= ROWS_UNWRITTEN_MAX) this.#writeTables(tables);
      onProgress?.({ position, head });
      // A long replay must leave room for the calls that the live tables answer meanwhile.
      await nextTurn();
    }
    for (const table of tables) table.skipTo(position);
    this.#writeTables(tables);
  }

  #wake(): void {
    this.#wanted = true;
    if (this.#running || this.#failure || this.#closed) return;
    this.#running = this.#follow().finally(() => {
      this.#running = undefined;
      if (this.#wanted && !this.#failure && !this.#closed) this.#wake();
    });
  }

  async #follow(): Promise<void> {
    try {
      while (this.#wanted && !this.#closed) {
        this.#wanted = false;
        for (;;) {
          const events = await this.store.readAllAfter(this.#position, EVENTS_MAX);
          if (events.length === 0) break;
          this.#apply(events);
        }
      }
    } catch (error) {
      this.#fail(error);
    }
  }

  #apply(events: readonly StoredEvent[]): void {
    for (const event of events) {
      for (const table of this.#tables.values()) table.apply(event);
      this.#position = event.position;
    }
    this.#settleWaiters(({ position }) => position <= this.#position);
    let unwritten = 0;
    for (const table of this.#tables.values()) unwritten += table.unwritten;
    if (unwritten >= ROWS_UNWRITTEN_MAX) this.#write();
    else this.#writeTimer ??= setTimeout(() => this.#write(), WRITE_AFTER_MS).unref();
  }

  #fail(error: unknown): void {
    this.#failure = error instanceof Error ? error : new Error(String(error));
    this.#logger.error(
      `read models stopped at position ${this.#position}: ${this.#failure.message}`,
      this.#failure.stack,
    );
    this.#settleWaiters(() => true);
  }

  #settleWaiters(isDue: (waiter: Waiter) => boolean): void {
    for (const waiter of this.#waiters) {
      if (!isDue(waiter)) continue;
      this.#waiters.delete(waiter);
      clearTimeout(waiter.timer);
      waiter.resolve(waiter.position <= this.#position);
    }
  }

  #write(): void {
    clearTimeout(this.#writeTimer);
    this.#writeTimer = undefined;
    // After a failure the rows in memory may hold half an event, which must not reach the file.
    if (this.#failure) return;
    try {
      this.#writeTables([...this.#tables.values()]);
    } catch (error) {
      this.#fail(error);
    }
  }

  #writeTables(tables: readonly Table[]): void {
    const changes = tables.map((table) => table.takeChanges()).filter((each) => each !== undefined);
    if (changes.length > 0) this.database.write(changes);
  }

  async #pause(work: () => Promise<void>): Promise<void> {
    while (this.#running) await this.#running;
    this.#running = work().finally(() => {
      this.#running = undefined;
      this.#wake();
    });
    await this.#running;
  }
}
