import { setImmediate as nextTurn } from 'node:timers/promises';
import type { EventStore, Position, SkippedEvents } from '@ledger/event-store';
import type { ReadModelDatabase } from './read-model-database.js';
import { applyTo, unwrittenRows, writeTables, type Table } from './table.js';

export interface RebuildProgress {
  readonly position: Position;
  readonly head: Position;
}

export interface ReplayOptions {
  readonly skipped: SkippedEvents;
  readonly onProgress?: ((progress: RebuildProgress) => void) | undefined;
  /** Asked before each step; a replay that must stop rejects. */
  readonly mustStop: () => boolean;
}

export const EVENTS_MAX = 1_000;
/** Writing blocks the calls that the process answers meanwhile, so no more rows than this at once. */
export const ROWS_AT_ONCE_MAX = 2_000;
/** What a table that is being made may hold in memory: a row that many events change is then written once. */
const ROWS_HELD_MAX = 100_000;

/** Applies the log, as far as it reaches now, to tables that are behind, each from where it stands. */
export async function replay(
  store: EventStore,
  database: ReadModelDatabase,
  tables: readonly Table[],
  { skipped, onProgress, mustStop }: ReplayOptions,
): Promise<void> {
  const head = await store.head();
  const finished = tables.filter(({ isUnfinished }) => !isUnfinished);
  const unfinished = tables.filter(({ isUnfinished }) => isUnfinished);
  let position = tables.reduce((least, table) => {
    return table.position < least ? table.position : least;
  }, head);
  while (position < head) {
    const events = await store.readAllAfter(position, EVENTS_MAX);
    if (mustStop()) throw new Error('the read models were closed on the way');
    const last = events.at(-1);
    if (!last) break;
    for (const event of events) applyTo(tables, event, skipped);
    position = last.position;
    if (unwrittenRows(finished) >= ROWS_AT_ONCE_MAX) writeTables(database, finished);
    if (unwrittenRows(unfinished) >= ROWS_HELD_MAX) await writeHeld(database, unfinished);
    onProgress?.({ position, head });
    // A long replay must leave room for the calls that the live tables answer meanwhile.
    await nextTurn();
  }
  for (const table of tables) table.skipTo(position);
  await writeHeld(database, unfinished);
  writeTables(database, tables);
}

/**
 * Writes rows in steps, without their checkpoint: nobody reads an unfinished table, and one that a crash
 * leaves behind is made anew from the first event.
 */
async function writeHeld(database: ReadModelDatabase, tables: readonly Table[]): Promise<void> {
  for (const table of tables) {
    for (const part of table.takeHeldRows(ROWS_AT_ONCE_MAX)) {
      database.write([part]);
      if (part.rows.size === ROWS_AT_ONCE_MAX) await nextTurn();
    }
  }
}
