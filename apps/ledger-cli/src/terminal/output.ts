import { asFault, ExitCode, type CliFault } from '../exit-code.js';

/** Bytes that would move the cursor or recolour the terminal, were they printed as they came. */
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g;

/** Text from the service or the log, made safe to print: names are what their authors chose. */
export function printable(text: string): string {
  return text.replaceAll(/[\t\n]/g, ' ').replaceAll(CONTROLS, '\ufffd');
}

/** Prints a result: one JSON document, or the text that a person reads. */
export function print(options: { readonly json?: boolean }, value: unknown, text: string): void {
  const line = options.json ? JSON.stringify(value, bigintsAsText) : text;
  if (line !== '') process.stdout.write(`${line}\n`);
}

/** Says something about the run. Never on stdout, which belongs to the result. */
export function say(message: string): void {
  process.stderr.write(`${message}\n`);
}

/** Prints a failure and sets the exit code. With `--json` the failure is the one document on stdout. */
export function fail(error: unknown, json: boolean): void {
  const fault = asFault(error);
  process.exitCode = fault.exitCode;
  say(`token-ledger: ${fault.message}`);
  if (json)
    process.stdout.write(`${JSON.stringify({ error: asDocument(fault) }, bigintsAsText)}\n`);
}

/**
 * Lets `token-ledger … | head` end quietly: who stops reading has what they wanted. Any other failure
 * to write the result is a failure of the command.
 */
export function endWithReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    process.exit(error.code === 'EPIPE' ? ExitCode.ok : ExitCode.failed);
  });
}

/** Writes to stdout and waits while the reader is slower than the writer. */
export async function writeThrough(text: string): Promise<void> {
  if (process.stdout.write(text)) return;
  await new Promise<void>((resolve) => process.stdout.once('drain', resolve));
}

function asDocument({ message, exitCode, details }: CliFault): Record<string, unknown> {
  return { code: 'FAILED', ...details, message, exitCode };
}

function bigintsAsText(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}
