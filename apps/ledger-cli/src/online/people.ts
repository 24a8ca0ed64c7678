import type { Command } from 'commander';
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
import { withSecret } from './secret-text.js';

interface PersonalToken {
  readonly id: string;
  readonly label?: string;
  readonly preview?: string;
  readonly issuedAt?: string;
  readonly revokedAt?: string | null;
}

interface PersonalTokenOptions {
  readonly user: string;
}

export function addUserCommands(user: Command): void {
  const create = writes(
    defineCommand(user, {
      usage: 'create',
      summary: 'register a person (operators)',
      examples: ['token-ledger user create --email kim@example.com --name "Kim Lee"'],
    }),
  );
  create
    .requiredOption('--email <email>', 'address')
    .option('--name <name>', 'display name')
    .option('--operator', 'may create organizations and people, and read the whole log');
  runs<WriteOptions & { email: string; name?: string; operator?: boolean }>(
    create,
    async (options) => {
      const { email, name, operator, idempotencyKey } = options;
      const body = { email, name, operator };
      const request = { method: 'POST', path: '/v1/users', body, idempotencyKey } as const;
      const answer = await connect(options).send<object>(request);
      return { value: answer, text: members(answer) };
    },
  );

  const show = asksService(
    defineCommand(user, {
      usage: 'show <user-id>',
      summary: 'one person',
      examples: ['token-ledger user show "$USER_ID"'],
    }),
  );
  runs<ConnectionOptions>(show, async (options, [userId = '']) => {
    const request = { method: 'GET', path: path`/v1/users/${userId}` } as const;
    const answer = await connect(options).send<object>(request);
    return { value: answer, text: members(answer) };
  });
}

export function addPersonalTokenCommands(personalToken: Command): void {
  const create = writes(
    defineCommand(personalToken, {
      usage: 'create',
      summary: 'give a person a personal token; its secret is printed this once',
      examples: ['token-ledger personal-token create --user "$USER_ID" --label laptop'],
    }),
  );
  create
    .requiredOption('--user <user-id>', 'whose')
    .requiredOption('--label <label>', 'what it is for');
  runs<WriteOptions & PersonalTokenOptions & { label: string }>(create, async (options) => {
    const { user, label, idempotencyKey } = options;
    const at = path`/v1/users/${user}/personal-tokens`;
    const request = { method: 'POST', path: at, body: { label }, idempotencyKey } as const;
    const answer = await connect(options).send<{ secret: string }>(request);
    return { value: answer, text: withSecret(answer) };
  });

  const list = listOptions(
    asksService(
      defineCommand(personalToken, {
        usage: 'list',
        summary: "a person's personal tokens, without their secrets",
        examples: ['token-ledger personal-token list --user "$USER_ID"'],
      }),
    ),
  ).requiredOption('--user <user-id>', 'whose');
  runs<ConnectionOptions & ListOptions & PersonalTokenOptions>(list, async (options) => {
    const at = path`/v1/users/${options.user}/personal-tokens`;
    const page = await readList<PersonalToken>(connect(options), at, {}, options);
    const columns = [
      { heading: 'ID', of: ({ id }: PersonalToken) => id },
      { heading: 'LABEL', of: ({ label }: PersonalToken) => label },
      { heading: 'PREVIEW', of: ({ preview }: PersonalToken) => preview },
      { heading: 'CREATED', of: ({ issuedAt }: PersonalToken) => issuedAt },
      { heading: 'REVOKED', of: ({ revokedAt }: PersonalToken) => revokedAt },
    ];
    return { value: page, text: table(page.items, columns) };
  });

  const revoke = writes(
    defineCommand(personalToken, {
      usage: 'revoke <token-id>',
      summary: 'end a personal token at once',
      examples: ['token-ledger personal-token revoke "$PERSONAL_TOKEN_ID" --user "$USER_ID"'],
    }),
  ).requiredOption('--user <user-id>', 'whose');
  runs<WriteOptions & PersonalTokenOptions>(revoke, async (options, [tokenId = '']) => {
    const { user, idempotencyKey } = options;
    const at = path`/v1/users/${user}/personal-tokens/${tokenId}`;
    const answer = await connect(options).send<object>({
      method: 'DELETE',
      path: at,
      idempotencyKey,
    });
    return { value: answer ?? { id: tokenId, revoked: true }, text: `${tokenId} is revoked` };
  });
}
