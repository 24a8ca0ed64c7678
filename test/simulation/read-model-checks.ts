import { PROJECTIONS, type Projection } from '@ledger/read-models';
import type { StoredEvent } from '@ledger/event-store';
import type { Ledger } from '@ledger/runtime';
import { mustHold } from './violation.js';

/**
 * The read models of a node hold, byte by byte, what its log gives from the first event on: rows and the
 * columns beside them, by key, as they are written.
 *
 * @throws Violation
 */
export function checkReadModels(
  { projector, database }: Ledger,
  log: readonly StoredEvent[],
): void {
  const { position } = projector;
  const events = log.slice(0, Number(position));
  for (const projection of PROJECTIONS) {
    const { name } = projection;
    const written = database.query(`SELECT * FROM "${projector.tableOf(name)}" ORDER BY key`);
    mustHold(
      JSON.stringify(written) === JSON.stringify(rebuilt(projection, events)),
      `the read model ${name} at position ${position} equals a rebuild from zero`,
    );
  }
}

function rebuilt(projection: Projection<object>, events: readonly StoredEvent[]): object[] {
  const rows = new Map<string, object>();
  const table = {
    get: (key: string) => rows.get(key),
    put: (key: string, row: object) => void rows.set(key, row),
  };
  for (const event of events) projection.apply(event, table);
  const columns = Object.entries(projection.columns);
  return [...rows]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, row]) => ({
      key,
      ...Object.fromEntries(columns.map(([column, { of }]) => [column, of(row)])),
      row: JSON.stringify(row),
    }));
}
