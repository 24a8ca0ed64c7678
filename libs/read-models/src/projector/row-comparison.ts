import { isDeepStrictEqual } from 'node:util';
import type { Projection } from './projection.js';
import type { ReadModelDatabase } from './read-model-database.js';

/** How the rows that a rebuild made compare with those that it replaces. */
export interface RowComparison {
  readonly name: string;
  readonly rows: number;
  /** Rows that were there and that the log does not give. */
  readonly surplus: number;
  /** Rows that the log gives and that were not there. */
  readonly missing: number;
  readonly changed: number;
  /** Key of one row that differs; null when none does. */
  readonly example: string | null;
}

/** Compares two tables of one projection by what their rows mean: the order of members is no part of it. */
export function compareRows(
  database: ReadModelDatabase,
  projection: Projection<object>,
  before: string,
  after: string,
): RowComparison {
  let surplus = 0;
  let missing = 0;
  let changed = 0;
  let example: string | null = null;
  for (const difference of database.differences(projection, before, after)) {
    if (difference.after === null) surplus += 1;
    else if (difference.before === null) missing += 1;
    else if (difference.columnsDiffer || !isSameRow(difference.before, difference.after))
      changed += 1;
    else continue;
    example ??= difference.key;
  }
  const { name } = projection;
  return { name, rows: database.count(after), surplus, missing, changed, example };
}

function isSameRow(before: string, after: string): boolean {
  return isDeepStrictEqual(JSON.parse(before), JSON.parse(after));
}
