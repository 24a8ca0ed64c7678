import { type Command, Option } from 'commander';
import { defineCommand, runs } from '../define-command.js';
import { usageFault } from '../exit-code.js';
import { fields, table } from '../terminal/table.js';
import { path } from './api-client.js';
import {
  asksService,
  connect,
  readSecret,
  writes,
  type ConnectionOptions,
  type WriteOptions,
} from './connection.js';
import { wholeNumber } from './option-values.js';

interface Standing {
  readonly limit: number | null;
  readonly consumed: number;
  readonly remaining: number | null;
  readonly resetAt: string;
}

interface QuotaView extends Standing {
  readonly window: string;
  readonly windows?: readonly Readonly<Record<string, unknown>>[];
}

interface ConsumeOptions extends WriteOptions {
  readonly secretFile?: string;
  readonly units: number;
  readonly operation?: string;
}

export function addQuotaCommands(quota: Command): void {
  const show = asksService(
    defineCommand(quota, {
      usage: 'show <token-id>',
      summary: 'what a token may spend in this window, and the windows before',
      examples: ['token-ledger quota show "$TOKEN_ID" --org demo'],
    }),
  ).requiredOption('--org <org>', 'slug or id of the organization');
  runs<ConnectionOptions & { org: string }>(show, async (options, [id = '']) => {
    const at = path`/v1/orgs/${options.org}/tokens/${id}/quota`;
    const answer = await connect(options).send<QuotaView>({ method: 'GET', path: at });
    return { value: answer, text: quotaText(answer) };
  });

  const consume = writes(
    defineCommand(quota, {
      usage: 'consume [token-id]',
      summary: 'charge a token, by its id or its secret',
      examples: ['token-ledger quota consume "$TOKEN_ID" --units 5 --operation "GET /invoices"'],
    }),
  );
  consume
    .addOption(
      new Option('--units <units>', 'how many')
        .argParser(wholeNumber(1, 2 ** 31 - 1))
        .makeOptionMandatory(),
    )
    .option('--operation <name>', 'what they are charged for')
    .option('--secret-file <file>', "file that holds the token's secret, `-` for stdin");
  runs<ConsumeOptions>(consume, async (options, [tokenId]) => {
    const { units, operation, secretFile, idempotencyKey } = options;
    if ((tokenId === undefined) === (secretFile === undefined)) {
      throw usageFault('name the token either by its id or by --secret-file');
    }
    const token = secretFile === undefined ? undefined : readSecret(secretFile).trim();
    const answer = await connect(options).send<{
      units: number;
      quota: Standing;
      position: string;
    }>({
      method: 'POST',
      path: '/v1/quota/consume',
      body: { tokenId, token, units, operation },
      idempotencyKey,
    });
    const entries = [['charged', answer.units] as const, ...standing(answer.quota)];
    return { value: answer, text: fields([...entries, ['position', answer.position]]) };
  });
}

function standing(quota: Standing): readonly (readonly [string, unknown])[] {
  const { limit, consumed, remaining, resetAt } = quota;
  return [
    ['limit', limit ?? 'none'],
    ['consumed', consumed],
    ['remaining', limit === null ? 'not limited' : remaining],
    ['resets', resetAt],
  ];
}

function quotaText(quota: QuotaView): string {
  const { window, windows = [] } = quota;
  const now = fields([['window', window], ...standing(quota)]);
  const names = Object.keys(windows[0] ?? {});
  if (names.length === 0) return now;
  const columns = names.map((name) => {
    return {
      heading: name.toUpperCase(),
      of: (row: Readonly<Record<string, unknown>>) => row[name],
    };
  });
  return `${now}\n\n${table(windows, columns)}`;
}
