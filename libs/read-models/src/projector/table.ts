import type { Position, StoredEvent } from '@ledger/event-store';
import type { Projection, ResidentRows, Rows } from './projection.js';
import type { Generation, ReadModelDatabase, TableChanges } from './read-model-database.js';

/** The rows of one projection in one generation: what is written, and over it what is not yet. */
export class Table {
  readonly #unwritten = new Map<string, unknown>();
  readonly #rows: Rows<unknown>;
  #resident: ResidentRows<unknown> | undefined;
  #position: Position;
  #writtenPosition: Position;
  readonly name: string;

  constructor(
    private readonly database: ReadModelDatabase,
    readonly projection: Projection<unknown>,
    { table, position }: Generation,
  ) {
    this.name = table;
    this.#position = position;
    this.#writtenPosition = position;
    this.#rows = { get: (key) => this.get(key), put: (key, row) => this.#put(key, row) };
  }

  get position(): Position {
    return this.#position;
  }

  /** How many changed rows are not written yet. */
  get unwritten(): number {
    return this.#unwritten.size;
  }

  get(key: string): unknown {
    // Resident rows are complete, so what they lack does not exist.
    if (this.#resident) return this.#resident.get(key);
    return this.#unwritten.get(key) ?? this.database.get(this.name, key);
  }

  apply(event: StoredEvent): void {
    this.projection.apply(event, this.#rows);
    this.#position = event.position;
  }

  /** Moves on over a stretch of the log that holds nothing more. */
  skipTo(position: Position): void {
    if (position > this.#position) this.#position = position;
  }

  /** Fills `resident` with the rows of this table, and keeps it so. */
  fill(resident: ResidentRows<unknown>): void {
    resident.clear();
    for (const { key, row } of this.database.all(this.name)) resident.set(key, row);
    for (const [key, row] of this.#unwritten) resident.set(key, row);
    this.#resident = resident;
  }

  /** Hands over what is not written yet, with the position it brings the table to. */
  takeChanges(): TableChanges | undefined {
    if (this.#position === this.#writtenPosition) return undefined;
    const rows = new Map(this.#unwritten);
    this.#unwritten.clear();
    this.#writtenPosition = this.#position;
    return { projection: this.projection, table: this.name, rows, position: this.#position };
  }

  #put(key: string, row: unknown): void {
    this.#unwritten.set(key, row);
    this.#resident?.set(key, row);
  }
}
