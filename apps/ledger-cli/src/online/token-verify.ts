import type { Command } from 'commander';
import { defineCommand } from '../define-command.js';
import { ExitCode, usageFault } from '../exit-code.js';
import { print } from '../terminal/output.js';
import { fields } from '../terminal/table.js';
import { connect, readSecret, writes, type WriteOptions } from './connection.js';
import { list, resource, wholeNumber, type ResourceText } from './option-values.js';

interface VerifyOptions extends WriteOptions {
  readonly secretFile: string;
  readonly scope?: readonly string[];
  readonly resource?: ResourceText;
  readonly cost?: number;
  readonly operation?: string;
}

interface Verdict {
  readonly valid: boolean;
  readonly code: string;
  readonly tokenId?: string;
  readonly name?: string;
  readonly scopes?: readonly string[];
  readonly missingScopes?: readonly string[];
  readonly expiresAt?: string | null;
  readonly quota?: { readonly limit: number | null; readonly remaining: number | null };
}

export function addVerifyCommand(token: Command): void {
  const verify = writes(
    defineCommand(token, {
      usage: 'verify',
      summary: 'ask whether a secret is good for a call, and charge it when a cost is given',
      examples: [
        'token-ledger token verify --scope invoices:read < secret.txt',
        'token-ledger token verify --secret-file secret.txt --cost 5 --operation "GET /invoices" --json',
      ],
      notes: 'Ends with 0 when the secret is good, with 1 when it is not; `code` says why.',
    }),
  );
  verify
    .option('--secret-file <file>', 'file that holds the secret, `-` for stdin', '-')
    .option('--scope <scope>', 'a scope that the call needs; repeat', list)
    .option('--resource <resource>', 'organization=<slug>[,repository=…][,workspace=…]', resource)
    .option('--cost <units>', 'units to charge (0)', wholeNumber(0, 2 ** 31 - 1))
    .option('--operation <name>', 'what the call does, for the log');
  verify.action(async () => {
    const options = verify.opts<VerifyOptions>();
    const { scope: scopes, resource: about, cost, operation, idempotencyKey } = options;
    const token = readSecret(options.secretFile).trim();
    if (token === '')
      throw usageFault('there is no secret to ask about: stdin or the file is empty');
    const verdict = await connect(options).send<Verdict>({
      method: 'POST',
      path: '/v1/verify',
      body: { token, scopes, resource: about, cost, operation },
      idempotencyKey,
    });
    print(options, verdict, textOf(verdict));
    if (!verdict.valid) process.exitCode = ExitCode.failed;
  });
}

function textOf({ valid, code, quota, ...told }: Verdict): string {
  const verdict = valid ? 'valid' : `not valid: ${code}`;
  if (told.tokenId === undefined || told.tokenId === null) return verdict;
  const { tokenId, name, scopes, missingScopes, expiresAt } = told;
  const lines = fields([
    ['token', tokenId],
    ['name', name],
    ['scopes', scopes],
    ['missing scopes', missingScopes],
    ['expires', expiresAt],
    ['quota left', quota?.limit === null ? 'not limited' : quota?.remaining],
  ]);
  return `${verdict}\n${lines}`;
}
