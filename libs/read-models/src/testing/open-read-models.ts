import type { WindowLength } from '@ledger/domain';
import type { EventStore } from '@ledger/event-store';
import { projectionRuns } from '../projections/projections.js';
import type { Projection } from '../projector/projection.js';
import { Projector } from '../projector/projector.js';
import { ReadModelDatabase } from '../projector/read-model-database.js';
import { AuditLog } from '../queries/audit-log.js';
import { CredentialIndex } from '../queries/credential-index.js';
import { Directory } from '../queries/directory.js';
import { Propagation } from '../queries/propagation.js';
import { QuotaStandings } from '../queries/quota-standings.js';
import { TokenList } from '../queries/token-list.js';

/** Few, so that tests meet rows that were forgotten. */
const CACHED_MAX = 5;

export interface ReadModelOptions {
  readonly file?: string;
  readonly ledgerId?: string;
  readonly windowLength?: WindowLength;
  /** Takes the place of the projection of the same name, or runs after the others. */
  readonly replace?: readonly Projection<never>[];
}

/** The read models of one process, wired and not yet started. */
export function wireReadModels(store: EventStore, options: ReadModelOptions = {}) {
  const { file = ':memory:', ledgerId = 'ledger-1', windowLength = 'month' } = options;
  const database = new ReadModelDatabase(file, ledgerId);
  const directory = new Directory();
  const runs = [...projectionRuns(directory, CACHED_MAX)];
  for (const projection of options.replace ?? []) {
    const place = runs.findIndex((run) => run.projection.name === projection.name);
    if (place < 0) runs.push({ projection } as never);
    else runs[place] = { ...runs[place], projection } as never;
  }
  const projector = new Projector(store, database, runs);
  const index = new CredentialIndex(projector);
  const quotas = new QuotaStandings(projector, windowLength);
  const tokens = new TokenList(projector, database);
  const audit = new AuditLog(projector, database);
  const propagation = new Propagation(projector, database);
  /** Every row of every table, columns included, as it lies in the file. */
  const dump = (): Readonly<Record<string, readonly string[]>> =>
    Object.fromEntries(
      runs.map(({ projection: { name } }) => {
        const rows = database.query(`SELECT * FROM "${projector.tableOf(name)}" ORDER BY key`);
        return [name, rows.map((row) => JSON.stringify(row))];
      }),
    );
  return { store, database, projector, index, directory, quotas, tokens, audit, propagation, dump };
}

export type ReadModels = ReturnType<typeof wireReadModels>;

/** The same, started and at the head of the log. */
export async function openReadModels(
  store: EventStore,
  options: ReadModelOptions = {},
): Promise<ReadModels> {
  const readModels = wireReadModels(store, options);
  await readModels.projector.start();
  await readModels.projector.caughtUp();
  return readModels;
}
