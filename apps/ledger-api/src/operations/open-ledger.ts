import { resolve } from 'node:path';
import { Secret } from '@ledger/commands';
import {
  createDirectory,
  databaseTarget,
  DataDirectoryFault,
  DEMO_TENANT,
  expectsLedger,
  exposedFiles,
  openDirectory,
  openInMemory,
  openShared,
  registerDemoTenant,
  registerFirstTenant,
  type FirstTenant,
  type Ledger,
  type LedgerConfig,
  type LedgerParts,
} from '@ledger/runtime';
import type { Operations } from './operations.js';
import { writeLine } from './log-lines.js';

/** A rebuild, or a wait, that is over sooner is not worth a line. */
const LINE_EVERY_MS = 5_000;

export interface OpenedLedger {
  readonly ledger: Ledger;
  /** The admin's personal token, when the ledger was made just now. */
  readonly personalToken?: Secret;
}

type Watching = Pick<Operations, 'state' | 'log'>;
type Settings = Pick<LedgerParts, 'windowLength' | 'retryWindowMs'>;

/**
 * Opens the ledger of this deployment; outside production makes it, where there is nothing yet.
 *
 * @param onStoreFailure Called once when no write can ever succeed again.
 * @throws DataDirectoryFault, SharedStoreFault, StoreDamaged, StoreUnavailable With what is wrong.
 */
export async function openConfiguredLedger(
  config: LedgerConfig,
  operations: Watching,
  onStoreFailure: (error: Error) => void,
): Promise<OpenedLedger> {
  const { LEDGER_BOOTSTRAP_TOKEN: personalToken, QUOTA_WINDOW: windowLength } = config;
  const tenant = { ...DEMO_TENANT, ...(personalToken ? { personalToken } : {}) };
  const settings = { windowLength, retryWindowMs: config.LEDGER_RETRY_WINDOW_MS };
  switch (config.LEDGER_STORE) {
    case 'memory': {
      const ledger = await openInMemory(settings);
      const made = await registerFirstTenant(ledger, tenant);
      return { ledger, personalToken: made.personalToken };
    }
    case 'eventstoredb':
      return openFromDatabase(config, settings, tenant, operations);
    case 'sqlite':
      return openFromDisk(config, settings, tenant, { ...operations, onStoreFailure });
  }
}

async function openFromDisk(
  config: LedgerConfig,
  settings: Settings,
  tenant: FirstTenant,
  operations: Watching & { readonly onStoreFailure: (error: Error) => void },
): Promise<OpenedLedger> {
  const directory = resolve(config.LEDGER_DATA_DIR);
  const { windowLength } = settings;
  const made = expectsLedger(directory)
    ? undefined
    : await create(directory, config, () => createDirectory(directory, tenant, windowLength));
  warnOfExposed(directory, operations);
  const { onStoreFailure } = operations;
  const onRebuild = tellRebuild(operations);
  const ledger = await openDirectory(directory, { ...settings, onStoreFailure, onRebuild });
  return made ? { ledger, personalToken: made.personalToken } : { ledger };
}

async function openFromDatabase(
  config: LedgerConfig,
  settings: Settings,
  tenant: FirstTenant,
  operations: Watching,
): Promise<OpenedLedger> {
  const directory = resolve(config.LEDGER_DATA_DIR);
  const begins = config.NODE_ENV !== 'production';
  const { state, log } = operations;
  const isDue = atMostEvery(LINE_EVERY_MS, -Infinity);
  const ledger = await openShared({
    ...settings,
    ...{ directory, begins, database: databaseTarget(config) },
    keyFile: config.LEDGER_MASTER_KEY_FILE,
    stalenessMaxMs: config.LEDGER_STALENESS_MAX_MS,
    startTimeoutMs: config.LEDGER_START_TIMEOUT_MS,
    onRebuild: tellRebuild(operations),
    onWaiting: (reason) => {
      state.waiting(`EventStoreDB: ${reason}`);
      if (isDue()) writeLine(log, 'store.waiting', { reason });
    },
  });
  warnOfExposed(directory, operations);
  if (!begins || ledger.directory.organizations().length > 0) return { ledger };
  try {
    const { personalToken } = await registerDemoTenant(ledger, tenant);
    return { ledger, personalToken };
  } catch (error) {
    await ledger.close();
    throw error;
  }
}

function warnOfExposed(directory: string, { log }: Watching): void {
  const exposed = exposedFiles(directory);
  if (exposed.length > 0) writeLine(log, 'files.exposed', { files: exposed });
}

function tellRebuild({ state, log }: Watching): NonNullable<LedgerParts['onRebuild']> {
  const isDue = atMostEvery(LINE_EVERY_MS, performance.now());
  return (progress) => {
    state.rebuilding(progress);
    if (isDue()) writeLine(log, 'read-models.rebuilding', { ...progress });
  };
}

function atMostEvery(ms: number, last: number): () => boolean {
  let toldAt = last;
  return () => {
    if (performance.now() - toldAt < ms) return false;
    toldAt = performance.now();
    return true;
  };
}

async function create<Made>(
  directory: string,
  { NODE_ENV }: LedgerConfig,
  make: () => Promise<Made>,
): Promise<Made> {
  if (NODE_ENV !== 'production') return make();
  throw new DataDirectoryFault(
    `there is no ledger in ${directory}, and in production none is made implicitly. Make one with ` +
      '`npx token-ledger bootstrap`, or set LEDGER_DATA_DIR to where it is.',
  );
}
