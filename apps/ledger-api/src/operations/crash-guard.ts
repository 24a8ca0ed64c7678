import type { Log } from '@ledger/process';
import { writeLine } from './log-lines.js';

const STORE_FAILURE_MS = 500;

/**
 * Ends the process when something was thrown that nobody caught: what it would do next, nobody knows (O6).
 * A supervisor starts it again, from the log.
 */
export function endOnCrash(log: Log, exit: (code: number) => void): void {
  for (const origin of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(origin, (error: unknown) => {
      writeLine(log, 'process.crashed', { origin, err: asError(error) });
      exit(1);
    });
  }
}

/**
 * For the store to call when it takes no more writes. Answers under way still go out; nothing more can be
 * acknowledged, so the process ends within a second (R3).
 */
export function endOnStoreFailure(log: Log, exit: (code: number) => void): (error: Error) => void {
  return (error) => {
    writeLine(log, 'store.failed', { err: error });
    setTimeout(() => exit(1), STORE_FAILURE_MS);
  };
}

function asError(error: unknown): unknown {
  return error instanceof Error ? error : { message: String(error), name: typeof error, stack: '' };
}
