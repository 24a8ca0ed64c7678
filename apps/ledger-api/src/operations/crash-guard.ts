import type { Log } from '@ledger/process';
import { writeLine } from './log-lines.js';

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

function asError(error: unknown): unknown {
  return error instanceof Error ? error : { message: String(error), name: typeof error, stack: '' };
}
