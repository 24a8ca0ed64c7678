import { resolve } from 'node:path';
import { Secret } from '@ledger/commands';
import {
  createDirectory,
  DataDirectoryFault,
  DEMO_TENANT,
  expectsLedger,
  exposedFiles,
  openDirectory,
  openInMemory,
  registerFirstTenant,
  type Ledger,
  type LedgerConfig,
} from '@ledger/runtime';
import type { Operations } from './operations.js';
import { writeLine } from './log-lines.js';

/** A rebuild that is over sooner is not worth a line. */
const REBUILD_LINE_MS = 5_000;

export interface OpenedLedger {
  readonly ledger: Ledger;
  /** The admin's personal token, when the ledger was made just now. */
  readonly personalToken?: Secret;
}

/**
 * Opens the ledger of this deployment; outside production makes it, where there is nothing yet.
 *
 * @param onStoreFailure Called once when no write can ever succeed again.
 * @throws DataDirectoryFault, StoreDamaged, StoreUnavailable With what is wrong.
 */
export async function openConfiguredLedger(
  config: LedgerConfig,
  { state, log }: Pick<Operations, 'state' | 'log'>,
  onStoreFailure: (error: Error) => void,
): Promise<OpenedLedger> {
  const { LEDGER_BOOTSTRAP_TOKEN: personalToken, QUOTA_WINDOW: windowLength } = config;
  const tenant = { ...DEMO_TENANT, ...(personalToken ? { personalToken } : {}) };
  const settings = { windowLength, retryWindowMs: config.LEDGER_RETRY_WINDOW_MS };
  if (config.LEDGER_STORE === 'memory') {
    const ledger = await openInMemory(settings);
    const made = await registerFirstTenant(ledger, tenant);
    return { ledger, personalToken: made.personalToken };
  }
  const directory = resolve(config.LEDGER_DATA_DIR);
  const made = expectsLedger(directory)
    ? undefined
    : await create(directory, config, () => createDirectory(directory, tenant, windowLength));
  const exposed = exposedFiles(directory);
  if (exposed.length > 0) writeLine(log, 'files.exposed', { files: exposed });
  let toldAt = performance.now();
  const ledger = await openDirectory(directory, {
    ...settings,
    onStoreFailure,
    onRebuild: (progress) => {
      state.rebuilding(progress);
      if (performance.now() - toldAt < REBUILD_LINE_MS) return;
      toldAt = performance.now();
      writeLine(log, 'read-models.rebuilding', { ...progress });
    },
  });
  return made ? { ledger, personalToken: made.personalToken } : { ledger };
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
