import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { CliFault, ExitCode, usageFault } from '../exit-code.js';
import { ApiClient } from './api-client.js';

const DEFAULT_URL = 'http://127.0.0.1:8080';

export interface ConnectionOptions {
  readonly json?: boolean;
  readonly url?: string;
  readonly tokenFile?: string;
}

export interface WriteOptions extends ConnectionOptions {
  readonly idempotencyKey?: string;
}

/** Adds the options of a command that asks the service. */
export function asksService(command: Command): Command {
  return command
    .option('--url <url>', `where the service listens (LEDGER_URL; default ${DEFAULT_URL})`)
    .option('--token-file <file>', 'file that holds the credential (else LEDGER_TOKEN)');
}

/** Adds the options of a command that changes something. */
export function writes(command: Command): Command {
  return asksService(command).option(
    '--idempotency-key <key>',
    'name of this request, to repeat one whose answer was lost (random when absent)',
  );
}

/** The service as the options and the environment say. @throws CliFault When something is missing. */
export function connect({ url, tokenFile }: ConnectionOptions): ApiClient {
  return new ApiClient(baseUrl(url ?? process.env['LEDGER_URL'] ?? ''), credential(tokenFile));
}

function baseUrl(given: string): URL {
  const text = given === '' ? DEFAULT_URL : given;
  if (!URL.canParse(text)) throw usageFault(`${text} is not a URL`);
  const url = new URL(text);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw usageFault(`the URL of the service begins with http:// or https://, not ${url.protocol}`);
  }
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw usageFault('the URL of the service holds neither a credential nor a query');
  }
  return url;
}

/** There is no option for the value itself: arguments are visible to everyone on the machine. */
function credential(tokenFile: string | undefined): string {
  const secret = tokenFile === undefined ? process.env['LEDGER_TOKEN'] : readSecret(tokenFile);
  const trimmed = secret?.trim() ?? '';
  if (trimmed === '') {
    const source = tokenFile === undefined ? 'LEDGER_TOKEN is not set' : `${tokenFile} is empty`;
    throw new CliFault(
      ExitCode.forbidden,
      `there is no credential: ${source}. Set LEDGER_TOKEN, or give a file with --token-file.`,
      { code: 'NO_CREDENTIAL' },
    );
  }
  if (!/^[\x21-\x7e]+$/.test(trimmed)) throw usageFault('the credential is not one line of ASCII');
  return trimmed;
}

/** Reads a secret from a file, `-` being stdin. */
export function readSecret(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch (error) {
    const name = file === '-' ? 'stdin' : file;
    throw usageFault(`${name} cannot be read: ${error instanceof Error ? error.message : error}`);
  }
}
