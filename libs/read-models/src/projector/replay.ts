import { setImmediate as nextTurn } from 'node:timers/promises';
import type { EventStore, Position } from '@ledger/event-store';
import type { ReadModelDatabase } from './read-model-database.js';
import { unwrittenRows, writeTables, type Table } from './table.js';

export interface RebuildProgress {
  readonly position: Position;
  readonly head: Position;
}

export interface ReplayOptions {
  readonly onProgress?: ((progress: RebuildProgress) => void) | undefined;
  /** Asked before each step; a replay that must stop rejects. */
  readonly mustStop: () => boolean;
}

export const EVENTS_MAX = 1_000;
/** Writing blocks the calls that the process answers meanwhile, so no more rows than this at once. */
export const ROWS_UNWRITTEN_MAX = 10_000;

/** Applies the log, as far as it reaches now, to tables that are behind, each from where it stands. */
export async function replay(
  store: EventStore,
  database: ReadModelDatabase,
  tables: readonly Table[],
  { onProgress, mustStop }: ReplayOptions,
): Promise<void> {
  const head = await store.head();
  let position = tables.reduce((least, table) => {
    return table.position < least ? table.position : least;
  }, head);
  while (position < head) {
    const events = await store.readAllAfter(position, EVENTS_MAX);
    if (mustStop()) throw new Error('the read models were closed on the way');
    const last = events.at(-1);
    if (!last) break;
    for (const table of tables) for (const event of events) table.apply(event);
    position = last.position;
    if (unwrittenRows(tables) >= ROWS_UNWRITTEN_MAX) writeTables(database, tables);
    onProgress?.({ position, head });
    // A long replay must leave room for the calls that the live tables answer meanwhile.
    await nextTurn();
  }
  for (const table of tables) table.skipTo(position);
  writeTables(database, tables);
}
