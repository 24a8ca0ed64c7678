import { existsSync, readdirSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { asFault, CliFault, ExitCode } from '../exit-code.js';
import { refuseShared, type Runtime } from './shared-ledger.js';

const DEFAULT_DIRECTORY = './data';

export interface DirectoryOptions {
  readonly json?: boolean;
  readonly dataDir?: string;
}

/** Adds the options of a command that opens the data directory itself. */
export function opensDirectory(command: Command): Command {
  return command.option(
    '--data-dir <directory>',
    `the data directory (LEDGER_DATA_DIR; default ${DEFAULT_DIRECTORY})`,
  );
}

export function directoryOf({ dataDir }: DirectoryOptions): string {
  return resolve(dataDir ?? (process.env['LEDGER_DATA_DIR'] || DEFAULT_DIRECTORY));
}

/**
 * Does `work` on a ledger that is there.
 *
 * @throws CliFault Not found when there is none; else as the store says, with what to do about it.
 */
export async function onLedger<Found>(
  options: DirectoryOptions,
  work: (directory: string, runtime: Runtime) => Promise<Found>,
): Promise<Found> {
  refuseShared();
  const directory = directoryOf(options);
  if (!existsSync(directory) || readdirSync(directory).length === 0) {
    const message =
      `there is no ledger in ${directory}. ` +
      'Name the right one with --data-dir, or make one with `token-ledger bootstrap`.';
    throw new CliFault(ExitCode.notFound, message, { code: 'NO_LEDGER' });
  }
  try {
    return await work(directory, await import('./runtime.js'));
  } catch (error) {
    throw withAdvice(error);
  }
}

/** The window length as the service takes it from the environment: read models are filled by it. */
export function windowLength({ readConfig }: Runtime) {
  return readConfig({ QUOTA_WINDOW: process.env['QUOTA_WINDOW'] }).QUOTA_WINDOW;
}

function withAdvice(error: unknown): CliFault {
  const fault = asFault(error);
  if (fault.exitCode === ExitCode.unavailable) {
    const advice =
      'If the service runs on this directory, stop it first, and start it again afterwards: the store ' +
      'has one user at a time and cannot be opened for reading beside it.';
    return new CliFault(fault.exitCode, `${fault.message}.\n${advice}`, fault.details);
  }
  if (fault.exitCode !== ExitCode.integrity) return fault;
  const advice =
    '`token-ledger verify` says more. Leave the files as they are until that is clear.';
  return new CliFault(fault.exitCode, `${fault.message}.\n${advice}`, fault.details);
}
