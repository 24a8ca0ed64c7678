import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Bootstrapped, FirstTenant, Ledger, LedgerConfig } from '@ledger/runtime';
import { CliFault, ExitCode, usageFault } from '../exit-code.js';
import { say } from '../terminal/output.js';

/** The libraries that open a ledger, loaded only by the commands that do: they take a while. */
export type Runtime = typeof import('./runtime.js');

/** Whether the environment names a log in EventStoreDB, as it does for the service. */
export function isShared(): boolean {
  return process.env['LEDGER_STORE'] === 'eventstoredb';
}

/** @throws CliFault For a command that opens the files of the embedded store. */
export function refuseShared(): void {
  if (!isShared()) return;
  throw usageFault(
    'this command opens the files of the embedded store, and LEDGER_STORE=eventstoredb names another one. ' +
      'EventStoreDB checks its files by itself; the read models of a node are rebuilt when their file is deleted ' +
      'while it is stopped (docs/eventstoredb.md). Unset LEDGER_STORE to look at an embedded ledger',
  );
}

/** Begins the ledger in EventStoreDB, or adds a tenant to it. Nodes may run meanwhile. */
export async function bootstrapShared(
  runtime: Runtime,
  tenant: FirstTenant,
): Promise<Bootstrapped & { readonly ledgerId: string; readonly keyFile: string }> {
  const config = runtime.readConfig(process.env);
  const keyFile = keyFileOf(runtime, config);
  // A place of its own for what is needed once, so that a node on this machine is not in the way.
  const directory = mkdtempSync(join(tmpdir(), 'token-ledger-bootstrap-'));
  try {
    const ledger = await open(runtime, config, { directory, keyFile });
    try {
      return { ...(await addTenant(runtime, ledger, tenant)), ledgerId: ledger.ledgerId, keyFile };
    } finally {
      await ledger.close();
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Opens the log alone, where it lies in EventStoreDB. Nodes may run meanwhile. */
export function openLog(runtime: Runtime): ReturnType<Runtime['openSharedLog']> {
  const config = runtime.readConfig(process.env);
  return runtime.openSharedLog({
    database: runtime.databaseTarget(config),
    keyFile: keyFileOf(runtime, config),
    startTimeoutMs: config.LEDGER_START_TIMEOUT_MS,
    onWaiting: (reason) => say(`waiting for EventStoreDB: ${reason}`),
  });
}

function keyFileOf(runtime: Runtime, config: LedgerConfig): string {
  const { LEDGER_MASTER_KEY_FILE: file, LEDGER_DATA_DIR: directory } = config;
  return resolve(file ?? runtime.masterKeyFile(directory));
}

function open(
  runtime: Runtime,
  config: LedgerConfig,
  files: { readonly directory: string; readonly keyFile: string },
): Promise<Ledger> {
  return runtime.openShared({
    ...files,
    begins: true,
    database: runtime.databaseTarget(config),
    windowLength: config.QUOTA_WINDOW,
    retryWindowMs: 0,
    stalenessMaxMs: config.LEDGER_STALENESS_MAX_MS,
    startTimeoutMs: config.LEDGER_START_TIMEOUT_MS,
    onWaiting: (reason) => say(`waiting for EventStoreDB: ${reason}`),
  });
}

async function addTenant(
  runtime: Runtime,
  ledger: Ledger,
  tenant: FirstTenant,
): Promise<Bootstrapped> {
  // Asked before anything is written: a refusal halfway would leave a person nobody has the token of.
  if (ledger.directory.organization(tenant.slug)) {
    const message = `the organization ${tenant.slug} exists already in the ledger ${ledger.ledgerId}`;
    throw new CliFault(ExitCode.conflict, message, { code: 'SLUG_TAKEN' });
  }
  return runtime.registerFirstTenant(ledger, tenant);
}
