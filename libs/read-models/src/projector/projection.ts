import type { StoredEvent } from '@ledger/event-store';

/** The rows of one projection, by key, as one event sees and changes them. */
export interface Rows<Row> {
  get(key: string): Row | undefined;
  put(key: string, row: Row): void;
}

/** A value copied out of the row into a column of its own, so that queries can filter and sort by it. */
export interface Column<Row> {
  readonly type: 'TEXT' | 'INTEGER';
  readonly of: (row: Row) => string | number | null;
}

/**
 * A read model: how events become rows. Pure: no clock, no randomness, nothing read but its own rows, so
 * that a rebuild from zero gives the same rows again.
 */
export interface Projection<Row> {
  readonly name: string;
  /** Raise on any change to `apply` or `columns`: the rows are then rebuilt from the first event. */
  readonly version: number;
  readonly columns: Readonly<Record<string, Column<Row>>>;
  /** Each an index over the columns it names. */
  readonly indexes: readonly (readonly string[])[];
  /** Texts by which a row is found beside its key. Each belongs to one row for ever: none is taken back. */
  readonly lookUps?: (row: Row) => readonly string[];
  apply(event: StoredEvent, rows: Rows<Row>): void;
}

/** All rows of a small read model in memory, for answers that need to see them together. */
export abstract class ResidentRows<Row> {
  readonly #rows = new Map<string, Row>();

  get(key: string): Row | undefined {
    return this.#rows.get(key);
  }

  get size(): number {
    return this.#rows.size;
  }

  set(key: string, row: Row): void {
    const before = this.#rows.get(key);
    this.#rows.set(key, row);
    this.changed(before, row);
  }

  clear(): void {
    this.#rows.clear();
    this.cleared();
  }

  /** Keeps whatever further indexes the look-ups need. */
  protected abstract changed(before: Row | undefined, after: Row): void;
  protected abstract cleared(): void;
}
