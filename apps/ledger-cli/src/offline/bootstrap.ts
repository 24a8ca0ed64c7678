import { existsSync, readdirSync } from 'node:fs';
import type { Command } from 'commander';
import type { Bootstrapped, FirstTenant } from '@ledger/runtime';
import { defineCommand, runs } from '../define-command.js';
import { CliFault, ExitCode, usageFault } from '../exit-code.js';
import { fields } from '../terminal/table.js';
import {
  directoryOf,
  onLedger,
  opensDirectory,
  windowLength,
  type DirectoryOptions,
} from './data-directory.js';
import { bootstrapShared, isShared } from './shared-ledger.js';

const SLUG = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const EMAIL = /^[^\s@]+@[^\s@]+$/;

interface BootstrapOptions extends DirectoryOptions {
  readonly org: string;
  readonly orgName?: string;
  readonly name: string;
  readonly email: string;
  readonly plan: string;
}

export function addBootstrap(program: Command): void {
  const bootstrap = opensDirectory(
    defineCommand(program, {
      usage: 'bootstrap',
      summary: 'make a ledger, or add to one, an organization with its first admin',
      examples: [
        'token-ledger bootstrap --org acme --name "Kim Lee" --email kim@example.com --data-dir ledger',
      ],
      notes:
        'The directory is made when it is missing, in production too. The admin is an operator; their\n' +
        'personal token is printed this once. The service must not run meanwhile. With\n' +
        'LEDGER_STORE=eventstoredb and its settings in the environment the ledger is made in the database,\n' +
        'with a key file if there is none yet; nodes may run then.',
    }),
  );
  bootstrap
    .requiredOption('--org <slug>', 'slug of the organization')
    .option('--org-name <name>', 'its display name (the slug)')
    .requiredOption('--name <name>', 'name of its first admin')
    .requiredOption('--email <email>', 'address of its first admin')
    .option('--plan <plan>', 'plan', 'enterprise');
  runs<BootstrapOptions>(bootstrap, async (options) => {
    if (isShared()) return inDatabase(tenantOf(options));
    const directory = directoryOf(options);
    const isNew = !existsSync(directory);
    if (!isNew && readdirSync(directory).length === 0) throw emptyDirectory(directory);
    const tenant = tenantOf(options);
    const { orgId, userId, personalToken } = await (isNew
      ? createLedger(directory, tenant)
      : addTenant(options, tenant));
    const secret = personalToken.reveal();
    const value = { directory, created: isNew, orgId, slug: tenant.slug, userId, secret };
    const about = fields([
      ['organization', `${tenant.slug} (${orgId})`],
      ['admin', `${tenant.adminName} <${tenant.adminEmail}> (${userId})`],
      [isNew ? 'new ledger in' : 'ledger in', directory],
    ]);
    return { value, text: `personal token, shown this once: ${secret}\n\n${about}` };
  });
}

async function inDatabase(tenant: FirstTenant): Promise<{ value: object; text: string }> {
  const { orgId, userId, personalToken, ledgerId, keyFile } = await bootstrapShared(
    await import('./runtime.js'),
    tenant,
  );
  const secret = personalToken.reveal();
  const value = { ledgerId, keyFile, orgId, slug: tenant.slug, userId, secret };
  const about = fields([
    ['organization', `${tenant.slug} (${orgId})`],
    ['admin', `${tenant.adminName} <${tenant.adminEmail}> (${userId})`],
    ['ledger', ledgerId],
    ['key, the same for every node', keyFile],
  ]);
  return { value, text: `personal token, shown this once: ${secret}\n\n${about}` };
}

function tenantOf({
  org: slug,
  orgName,
  name: adminName,
  email,
  plan,
}: BootstrapOptions): FirstTenant {
  if (!SLUG.test(slug)) {
    throw usageFault('a slug is lower-case letters, digits and inner hyphens, at most 63 of them');
  }
  if (!EMAIL.test(email)) throw usageFault(`${email} is not an email address`);
  return { slug, name: orgName ?? slug, plan, adminEmail: email, adminName };
}

async function createLedger(directory: string, tenant: FirstTenant): Promise<Bootstrapped> {
  const runtime = await import('./runtime.js');
  return runtime.createDirectory(directory, tenant, windowLength(runtime));
}

async function addTenant(options: BootstrapOptions, tenant: FirstTenant): Promise<Bootstrapped> {
  return onLedger(options, async (directory, runtime) => {
    const settings = { windowLength: windowLength(runtime), retryWindowMs: 0 };
    const ledger = await runtime.openDirectory(directory, settings);
    try {
      // Asked before anything is written: a refusal halfway would leave a person nobody has the token of.
      if (ledger.directory.organization(tenant.slug)) {
        const message = `the organization ${tenant.slug} exists already in ${directory}`;
        throw new CliFault(ExitCode.conflict, message, { code: 'SLUG_TAKEN' });
      }
      return await runtime.registerFirstTenant(ledger, tenant);
    } finally {
      await ledger.close();
    }
  });
}

function emptyDirectory(directory: string): CliFault {
  return new CliFault(
    ExitCode.conflict,
    `${directory} is there and empty. A ledger may have been lost from it, so none is made in its place: ` +
      'remove the directory, or name one below it that does not exist yet.',
    { code: 'DIRECTORY_EMPTY' },
  );
}
