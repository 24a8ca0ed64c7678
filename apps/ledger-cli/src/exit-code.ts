/** What the process ends with, so that scripts need not read messages. Listed in docs/cli.md. */
export const ExitCode = {
  ok: 0,
  failed: 1,
  usage: 2,
  forbidden: 3,
  notFound: 4,
  conflict: 5,
  exhausted: 6,
  unavailable: 7,
  integrity: 8,
} as const;

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** A failure in words for whoever ran the command, with the exit code that says its kind. */
export class CliFault extends Error {
  override readonly name = 'CliFault';

  constructor(
    readonly exitCode: ExitCode,
    message: string,
    /** Members of the `error` document that `--json` prints, beside `message` and `exitCode`. */
    readonly details: Readonly<Record<string, unknown>> = {},
  ) {
    super(message);
  }
}

export function usageFault(message: string): CliFault {
  return new CliFault(ExitCode.usage, message, { code: 'USAGE' });
}

const STORE_CODES: Readonly<Record<string, ExitCode>> = {
  STORE_UNAVAILABLE: ExitCode.unavailable,
  STORE_DAMAGED: ExitCode.integrity,
  LEDGER_EXISTS: ExitCode.conflict,
};

/** Any failure as a fault. What the store throws is told by its `code`, which the store documents. */
export function asFault(error: unknown): CliFault {
  if (error instanceof CliFault) return error;
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'FAILED';
  return new CliFault(STORE_CODES[code] ?? ExitCode.failed, message, { code });
}
