import { type Command, Option } from 'commander';
import { defineCommand, runs } from '../define-command.js';
import { members, table } from '../terminal/table.js';
import { path } from './api-client.js';
import {
  asksService,
  connect,
  writes,
  type ConnectionOptions,
  type WriteOptions,
} from './connection.js';
import { listOptions, readList, type ListOptions } from './list-pages.js';
import { instant, position } from './option-values.js';
import { withSecret } from './secret-text.js';
import { attributeBody, attributeOptions, type AttributeOptions } from './token-body.js';

export interface TokenView {
  readonly id: string;
  readonly name: string;
  readonly status: string;
  readonly scopes: readonly string[];
  readonly maxQuota: number | null;
  readonly expiresAt: string | null;
  readonly lastUsedAt: string | null;
}

interface Filters {
  readonly org: string;
  readonly status?: string;
  readonly q?: string;
  readonly scope?: string;
  readonly owner?: string;
  readonly dialect?: string;
  readonly unusedSince?: string;
  readonly sort?: string;
}

const SORTS = ['createdAt', 'lastUsedAt', 'name'].flatMap((name) => [name, `-${name}`]);

/** Making tokens and finding them. What changes one is in token-changes.ts. */
export function addTokenCommands(token: Command): void {
  addCreate(token);
  addList(token);
  addShow(token);
}

function addCreate(token: Command): void {
  const create = writes(
    attributeOptions(
      defineCommand(token, {
        usage: 'create',
        summary: 'make a token; its secret is printed this once',
        examples: [
          'token-ledger token create --org demo --name ci --scope invoices:read --max-quota 1000',
          'token-ledger token create --org demo --name nightly --scope invoices,reports:read ' +
            '--expires-at 2030-12-31T00:00:00Z --metadata team=billing --json',
        ],
      })
        .requiredOption('--org <org>', 'slug or id of the organization')
        .requiredOption('--name <name>', 'what it is called'),
    ),
  );
  runs<WriteOptions & AttributeOptions & { org: string }>(create, async (options) => {
    const answer = await connect(options).send<{ token: TokenView; secret: string }>({
      method: 'POST',
      path: path`/v1/orgs/${options.org}/tokens`,
      body: attributeBody(options),
      idempotencyKey: options.idempotencyKey,
    });
    return { value: answer, text: withSecret(answer) };
  });
}

function addList(token: Command): void {
  const command = listOptions(
    asksService(
      defineCommand(token, {
        usage: 'list',
        summary: "an organization's tokens",
        examples: [
          'token-ledger token list --org demo --status active --sort=-lastUsedAt',
          'token-ledger token list --org demo --unused-since 2026-01-01T00:00:00Z --all --json',
        ],
      }),
    ),
  );
  command
    .requiredOption('--org <org>', 'slug or id of the organization')
    .addOption(
      new Option('--status <status>', 'only those that stand so').choices([
        ...['active', 'expiring', 'expired', 'revoked'],
      ]),
    )
    .option('--q <text>', 'only those with this in their name or preview')
    .option('--scope <scope>', 'only those that grant this')
    .option('--owner <id>', 'only those of this owner')
    .option('--dialect <dialect>', 'only those of this dialect')
    .option('--unused-since <instant>', 'only those not used since then', instant)
    .addOption(new Option('--sort <by>', 'order, `-` for descending').choices(SORTS));
  runs<ConnectionOptions & ListOptions & Filters>(command, async (options) => {
    const { org, status, q, scope, owner: ownerId, dialect, unusedSince, sort } = options;
    const query = { status, q, scope, ownerId, dialect, unusedSince, sort };
    const at = path`/v1/orgs/${org}/tokens`;
    const page = await readList<TokenView>(connect(options), at, query, options);
    return { value: page, text: tokenTable(page.items) };
  });
}

function addShow(token: Command): void {
  const show = asksService(
    defineCommand(token, {
      usage: 'show <token-id>',
      summary: 'one token, now or as it was',
      examples: [
        'token-ledger token show "$TOKEN_ID" --org demo',
        'token-ledger token show "$TOKEN_ID" --org demo --at-position "$POSITION" --json',
      ],
    }),
  );
  show
    .requiredOption('--org <org>', 'slug or id of the organization')
    .addOption(
      new Option('--at <instant>', 'as it was then').argParser(instant).conflicts('atPosition'),
    )
    .option('--at-position <position>', 'as it was at that place in the log', position);
  runs<ConnectionOptions & { org: string; at?: string; atPosition?: string }>(
    show,
    async (options, [id = '']) => {
      const { org, at, atPosition } = options;
      const answer = await connect(options).send<TokenView>({
        method: 'GET',
        path: path`/v1/orgs/${org}/tokens/${id}`,
        query: { at, atPosition },
      });
      return { value: answer, text: members(answer) };
    },
  );
}

function tokenTable(tokens: readonly TokenView[]): string {
  return table(tokens, [
    { heading: 'ID', of: ({ id }) => id },
    { heading: 'NAME', of: ({ name }) => name },
    { heading: 'STATUS', of: ({ status }) => status },
    { heading: 'SCOPES', of: ({ scopes }) => scopes },
    { heading: 'MAX QUOTA', of: ({ maxQuota }) => maxQuota ?? 'none' },
    { heading: 'EXPIRES', of: ({ expiresAt }) => expiresAt },
    { heading: 'LAST USED', of: ({ lastUsedAt }) => lastUsedAt },
  ]);
}
