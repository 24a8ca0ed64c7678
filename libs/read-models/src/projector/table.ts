import { LRUCache } from 'lru-cache';
import type { EventPlace, Position, SkippedEvents, StoredEvent } from '@ledger/event-store';
import type { Projection, ResidentRows, Rows } from './projection.js';
import type { Generation, ReadModelDatabase, TableChanges } from './read-model-database.js';

/** An event that a projection cannot take: a bug, or a fact that does not fit the ones before it. */
export class EventNotApplied extends Error {
  override readonly name = 'EventNotApplied';
  readonly place: EventPlace;

  constructor(
    projection: string,
    { payload, streamId, revision, position }: StoredEvent,
    cause: unknown,
  ) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super(`${projection} cannot apply ${payload.type} at position ${position}: ${reason}`, {
      cause,
    });
    this.place = { streamId, revision, position };
  }
}

/** Applies an event to every table, with regard to what operators decided. @throws EventNotApplied */
export function applyTo(tables: Iterable<Table>, event: StoredEvent, skipped: SkippedEvents): void {
  const mayPass = skipped.covers(event);
  for (const table of tables) {
    if (mayPass) table.applyIfPossible(event);
    else table.apply(event);
  }
}

/** How a live table answers those who ask for single rows. */
export interface RowAccess<Row extends object = object> {
  /** Is given all rows, and kept so. */
  readonly resident?: ResidentRows<Row>;
  /** How many rows, and look-ups, stay in memory once they were asked for. */
  readonly cachedMax?: number;
}

interface RowCache {
  readonly rows: LRUCache<string, object>;
  /** Whether keys are known to have no row. Apart from the rows, so that made-up keys push out no row. */
  readonly absent: LRUCache<string, boolean>;
  /** Keys by what they are looked up by. */
  readonly keys: LRUCache<string, string>;
}

/** Changed rows, and what they bring the table to. */
interface Changes {
  readonly rows: Map<string, object>;
  /** Keys of these rows by what they are looked up by, while the table is live. */
  readonly keys: Map<string, string>;
  readonly position: Position;
}

/** The rows of one projection in one generation: what is written, and over it what is not yet. */
export class Table {
  #unwritten = new Map<string, object>();
  #unwrittenKeys = new Map<string, string>();
  /** What is being written, under what has changed since. */
  #inWriting: Changes | undefined;
  readonly #rows: Rows<object>;
  #resident: ResidentRows<object> | undefined;
  #cache: RowCache | undefined;
  #position: Position;
  #writtenPosition: Position;
  #isLive: boolean;
  readonly name: string;

  private constructor(
    private readonly database: ReadModelDatabase,
    readonly projection: Projection<object>,
    { table, position }: Generation,
    /** Whether it was begun empty, rather than found with rows. */
    readonly isBegun: boolean,
  ) {
    this.name = table;
    this.#position = position;
    this.#writtenPosition = position;
    this.#isLive = !isBegun;
    this.#rows = { get: (key) => this.get(key), put: (key, row) => this.#put(key, row) };
  }

  /** The live table where it is of this version, else an empty one. */
  static open(database: ReadModelDatabase, projection: Projection<object>, head: Position): Table {
    const live = database.live(projection.name);
    // A checkpoint beyond the log was made from another log, so its rows are worth nothing.
    const isUsable = live?.version === projection.version && live.position <= head;
    return isUsable
      ? new Table(database, projection, live, false)
      : Table.begin(database, projection);
  }

  /** An empty table beside the live one. */
  static begin(database: ReadModelDatabase, projection: Projection<object>): Table {
    return new Table(database, projection, database.begin(projection), true);
  }

  get position(): Position {
    return this.#position;
  }

  /** Whether it is still being made: nobody reads it, and after a crash nothing of it is used. */
  get isUnfinished(): boolean {
    return !this.#isLive;
  }

  /** How many changed rows are not written yet. */
  get unwritten(): number {
    return this.#unwritten.size + (this.#inWriting?.rows.size ?? 0);
  }

  get(key: string): object | undefined {
    // Resident rows are complete, so what they lack does not exist.
    if (this.#resident) return this.#resident.get(key);
    const cache = this.#cache;
    const known =
      cache?.rows.get(key) ?? this.#unwritten.get(key) ?? this.#inWriting?.rows.get(key);
    if (known !== undefined || cache?.absent.get(key)) return known;
    const read = this.database.get(this.name, key);
    if (read === undefined) cache?.absent.set(key, true);
    else cache?.rows.set(key, read);
    return read;
  }

  /** The key of the row with this look-up. For live tables. */
  keyOf(lookUp: string): string | undefined {
    const known =
      this.#cache?.keys.get(lookUp) ??
      this.#unwrittenKeys.get(lookUp) ??
      this.#inWriting?.keys.get(lookUp);
    if (known !== undefined) return known;
    const read = this.database.keyOf(this.name, lookUp);
    if (read !== undefined) this.#cache?.keys.set(lookUp, read);
    return read;
  }

  /** Applies an event, unless the table holds it already. @throws Error Naming what cannot be applied. */
  apply(event: StoredEvent): void {
    if (event.position <= this.#position) return;
    try {
      this.projection.apply(event, this.#rows);
    } catch (error) {
      throw new EventNotApplied(this.projection.name, event, error);
    }
    this.#position = event.position;
  }

  /**
   * Applies an event, unless that cannot be done: then nothing of it. For streams that an operator decided to go on
   * with (docs/adr/0014).
   */
  applyIfPossible(event: StoredEvent): void {
    if (event.position <= this.#position) return;
    const changed = new Map<string, object>();
    let unread: unknown;
    const get = (key: string): object | undefined => {
      try {
        return changed.get(key) ?? this.get(key);
      } catch (error) {
        unread = error;
        throw error;
      }
    };
    const rows: Rows<object> = { get, put: (key, row) => void changed.set(key, row) };
    try {
      this.projection.apply(event, rows);
      for (const [key, row] of changed) this.#put(key, row);
    } catch (error) {
      // Rows that cannot be read are no fault of the event. All else was decided: the ledger goes on without it.
      if (unread !== undefined) throw error;
    }
    this.#position = event.position;
  }

  /** Moves on over a stretch of the log that holds nothing more. */
  skipTo(position: Position): void {
    if (position > this.#position) this.#position = position;
  }

  /** Lets this table, whose rows must all be written, answer from now on. */
  goLive({ resident, cachedMax }: RowAccess = {}): void {
    const { name } = this.projection;
    if (this.database.live(name)?.table !== this.name) this.database.promote(name, this.name);
    this.#isLive = true;
    if (cachedMax !== undefined) {
      this.#cache = {
        rows: new LRUCache({ max: cachedMax }),
        absent: new LRUCache({ max: cachedMax }),
        keys: new LRUCache({ max: cachedMax }),
      };
    }
    if (!resident) return;
    resident.clear();
    for (const { key, row } of this.database.all(this.name)) resident.set(key, row);
    this.#resident = resident;
  }

  /** What is not written yet, with the position it brings the table to; to be ended by one of the next two. */
  beginWriting(): TableChanges | undefined {
    if (this.#position === this.#writtenPosition) return undefined;
    const { projection, name: table } = this;
    const changes = { rows: this.#unwritten, keys: this.#unwrittenKeys, position: this.#position };
    this.#inWriting = changes;
    this.#unwritten = new Map();
    this.#unwrittenKeys = new Map();
    return { projection, table, rows: changes.rows, position: changes.position };
  }

  written(): void {
    if (!this.#inWriting) return;
    this.#writtenPosition = this.#inWriting.position;
    this.#inWriting = undefined;
  }

  notWritten(): void {
    if (!this.#inWriting) return;
    const { rows, keys } = this.#inWriting;
    for (const [key, row] of this.#unwritten) rows.set(key, row);
    for (const [lookUp, key] of this.#unwrittenKeys) keys.set(lookUp, key);
    this.#unwritten = rows;
    this.#unwrittenKeys = keys;
    this.#inWriting = undefined;
  }

  /** Hands over the rows of an unfinished table in parts, in the order of their keys, and no position. */
  *takeHeldRows(rowsMax: number): IterableIterator<TableChanges> {
    const { projection, name: table } = this;
    // In order, since a tree that grows at one place is written several times faster.
    const keys = [...this.#unwritten.keys()].sort();
    for (let start = 0; start < keys.length; start += rowsMax) {
      const rows = new Map<string, object>();
      for (const key of keys.slice(start, start + rowsMax)) {
        rows.set(key, this.#unwritten.get(key)!);
        this.#unwritten.delete(key);
      }
      yield { projection, table, rows, position: this.#writtenPosition };
    }
  }

  #put(key: string, row: object): void {
    this.#unwritten.set(key, row);
    if (!this.#isLive) return;
    this.#resident?.set(key, row);
    this.#cache?.rows.set(key, row);
    // Not taken out: a cache that loses its only entry wipes the places of all that it may hold, in 0.4 ms.
    if (this.#cache?.absent.has(key)) this.#cache.absent.set(key, false);
    for (const lookUp of this.projection.lookUps?.(row) ?? []) {
      this.#unwrittenKeys.set(lookUp, key);
    }
  }
}

/** Writes what tables have not written yet, all in one transaction. What fails can be tried again. */
export function writeTables(database: ReadModelDatabase, tables: Iterable<Table>): void {
  const writing = writingTables(database, tables, Infinity);
  while (!writing.next().done);
}

/** The same, some rows at a time: in between, rows may be read and changed. Given up, it is as if it had failed. */
export function* writingTables(
  database: ReadModelDatabase,
  tables: Iterable<Table>,
  rowsAtOnce: number,
): Generator<void, void, void> {
  const all = [...tables];
  const changes = all.map((table) => table.beginWriting()).filter((each) => each !== undefined);
  if (changes.length === 0) return;
  try {
    yield* database.writing(changes, rowsAtOnce);
    for (const table of all) table.written();
  } finally {
    for (const table of all) table.notWritten();
  }
}

export function unwrittenRows(tables: Iterable<Table>): number {
  let rows = 0;
  for (const { unwritten } of tables) rows += unwritten;
  return rows;
}
