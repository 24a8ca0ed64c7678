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
import { listOptions, readList, type ListOptions, type Page } from './list-pages.js';

interface OrganizationOptions {
  readonly name?: string;
  readonly plan?: string;
  readonly firstAdmin?: string;
}

interface Organization {
  readonly id: string;
  readonly slug: string;
  readonly name: string | null;
  readonly plan: string;
  readonly createdAt: string;
}

interface Member {
  readonly userId: string;
  readonly role: string;
  readonly email?: string;
  readonly name?: string | null;
}

export function addOrganizationCommands(org: Command): void {
  const create = writes(
    defineCommand(org, {
      usage: 'create <slug>',
      summary: 'make an organization (operators)',
      examples: ['token-ledger org create acme --name "Acme Corporation" --plan enterprise'],
    }),
  );
  create
    .option('--name <name>', 'display name')
    .option('--plan <plan>', 'plan')
    .option('--first-admin <user-id>', 'its first admin (you, when absent)');
  runs<OrganizationOptions & WriteOptions>(create, async (options, [slug]) => {
    const { name, plan, firstAdmin, idempotencyKey } = options;
    const body = { slug, name, plan, firstAdmin };
    const request = { method: 'POST', path: '/v1/orgs', body, idempotencyKey } as const;
    return shown(await connect(options).send<Organization>(request));
  });

  const list = listOptions(
    asksService(
      defineCommand(org, {
        usage: 'list',
        summary: 'the organizations that you may see',
        examples: ['token-ledger org list --json'],
      }),
    ),
  );
  runs<ConnectionOptions & ListOptions>(list, async (options) => {
    const page = await readList<Organization>(connect(options), '/v1/orgs', {}, options);
    return { value: page, text: organizationTable(page) };
  });

  const show = asksService(
    defineCommand(org, {
      usage: 'show <org>',
      summary: 'one organization, by slug or id',
      examples: ['token-ledger org show demo'],
    }),
  );
  runs<ConnectionOptions>(show, async (options, [org = '']) => {
    const request = { method: 'GET', path: path`/v1/orgs/${org}` } as const;
    return shown(await connect(options).send<Organization>(request));
  });

  const update = writes(
    defineCommand(org, {
      usage: 'update <org>',
      summary: 'change what an organization is called, or its plan',
      examples: ['token-ledger org update demo --name "Demo, the second"'],
    }),
  );
  update.option('--name <name>', 'display name').option('--plan <plan>', 'plan');
  runs<OrganizationOptions & WriteOptions>(update, async (options, [org = '']) => {
    const { name, plan, idempotencyKey } = options;
    const body = { name, plan };
    const request = { method: 'PATCH', path: path`/v1/orgs/${org}`, body, idempotencyKey } as const;
    return shown(await connect(options).send<Organization>(request));
  });
}

export function addMemberCommands(member: Command): void {
  const list = listOptions(
    asksService(
      defineCommand(member, {
        usage: 'list',
        summary: 'who belongs to an organization',
        examples: ['token-ledger member list --org demo'],
      }),
    ),
  );
  list.requiredOption('--org <org>', 'slug or id of the organization');
  runs<ConnectionOptions & ListOptions & { org: string }>(list, async (options) => {
    const at = path`/v1/orgs/${options.org}/members`;
    const page = await readList<Member>(connect(options), at, {}, options);
    const columns = [
      { heading: 'USER', of: ({ userId }: Member) => userId },
      { heading: 'ROLE', of: ({ role }: Member) => role },
      { heading: 'EMAIL', of: ({ email }: Member) => email },
      { heading: 'NAME', of: ({ name }: Member) => name },
    ];
    return { value: page, text: table(page.items, columns) };
  });

  const set = writes(
    defineCommand(member, {
      usage: 'set <user-id>',
      summary: 'add a person to an organization, or change their role',
      examples: ['token-ledger member set "$USER_ID" --org demo --role member'],
    }),
  );
  set
    .requiredOption('--org <org>', 'slug or id of the organization')
    .addOption(
      new Option('--role <role>', 'what they may do')
        .choices(['admin', 'member'])
        .makeOptionMandatory(),
    );
  runs<WriteOptions & { org: string; role: string }>(set, async (options, [userId = '']) => {
    const { org, role, idempotencyKey } = options;
    const at = path`/v1/orgs/${org}/members/${userId}`;
    const request = { method: 'PUT', path: at, body: { role }, idempotencyKey } as const;
    const answer = (await connect(options).send<object>(request)) ?? { userId, role };
    return { value: answer, text: members(answer) };
  });

  const remove = writes(
    defineCommand(member, {
      usage: 'remove <user-id>',
      summary: 'take a person out of an organization',
      examples: ['token-ledger member remove "$MEMBER_ID" --org demo'],
    }),
  ).requiredOption('--org <org>', 'slug or id of the organization');
  runs<WriteOptions & { org: string }>(remove, async (options, [userId = '']) => {
    const { org, idempotencyKey } = options;
    const at = path`/v1/orgs/${org}/members/${userId}`;
    const answer = await connect(options).send<object>({
      method: 'DELETE',
      path: at,
      idempotencyKey,
    });
    return { value: answer ?? { userId, removed: true }, text: `${userId} left ${org}` };
  });
}

function shown(organization: Organization) {
  return { value: organization, text: members(organization) };
}

function organizationTable({ items }: Page<Organization>): string {
  return table(items, [
    { heading: 'SLUG', of: ({ slug }) => slug },
    { heading: 'NAME', of: ({ name }) => name },
    { heading: 'PLAN', of: ({ plan }) => plan },
    { heading: 'CREATED', of: ({ createdAt }) => createdAt },
    { heading: 'ID', of: ({ id }) => id },
  ]);
}
