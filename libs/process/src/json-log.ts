import { destination, pino, stdTimeFunctions, type DestinationStream, type Logger } from 'pino';
import type { ProcessSettings } from './process-settings.js';
import { redacted, scrubLine } from './redaction.js';

/** Lines waiting for a reader that has stopped reading; more are dropped, and counted. */
const WAITING_BYTES_MAX = 4 * 1024 * 1024;

/** Without children: what they are bound to would pass by all that keeps secrets out. */
export type Log = Pick<Logger, 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'isLevelEnabled'>;

export interface LogOptions {
  readonly level: ProcessSettings['LOG_LEVEL'];
  /** Which program writes. */
  readonly name?: string;
  /** Where lines go; standard output when absent. */
  readonly lines?: LogLines;
}

/** Where log lines go. A log that cannot be written never holds up or fails a request (L2). */
export interface LogLines extends DestinationStream {
  /** How many lines could not be written. */
  readonly lost: number;
  flushSync(): void;
}

/** One JSON object a line: time, level, name, and what is told, without secrets (S13, H19). */
export function createLog({
  level,
  name = 'token-ledger',
  lines = standardOutput(),
}: LogOptions): Log {
  return pino(
    {
      base: { name },
      level,
      timestamp: stdTimeFunctions.isoTime,
      formatters: {
        level: (label) => ({ level: label }),
        log: redacted,
      },
      // Errors are described with everything else, before pino's own serializer could print their members.
      serializers: { err: (error: unknown) => error },
      hooks: { streamWrite: scrubLine },
    },
    lines,
  );
}

/** Writes to standard output without waiting for whoever reads it. */
export function standardOutput(): LogLines {
  const output = destination({ dest: 1, sync: false, maxLength: WAITING_BYTES_MAX });
  let lost = 0;
  let isBroken = false;
  output.on('drop', () => (lost += 1));
  output.on('error', () => {
    lost += 1;
    isBroken = true;
  });
  return {
    get lost() {
      return lost;
    },
    write(line) {
      // A reader that has gone does not come back.
      if (isBroken) lost += 1;
      else output.write(line);
    },
    flushSync() {
      if (!isBroken) output.flushSync();
    },
  };
}
