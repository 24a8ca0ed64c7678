import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import {
  Clock,
  CreateOrganizationCommand,
  CreateOrganizationHandler,
  IssuePersonalTokenCommand,
  IssuePersonalTokenHandler,
  RegisterUserCommand,
  RegisterUserHandler,
  systemContext,
  type CommandContext,
  type DecideAndAppend,
  type Secret,
} from '@ledger/commands';
import { invariant, type OrgId, type UserId, type WindowLength } from '@ledger/domain';
import { AesGcmCipher, SqliteEventStore } from '@ledger/event-store';
import { openDirectory } from './ledger.js';
import { createMasterKey } from './master-key.js';

/** The first organization and the first person of a ledger. */
export interface FirstTenant {
  readonly slug: string;
  readonly name: string;
  readonly plan: string;
  readonly adminEmail: string;
  readonly adminName: string;
  /** The admin's personal token, a UUID v4; a random one when absent. */
  readonly personalToken?: string;
}

export const DEMO_TENANT: FirstTenant = {
  slug: 'demo',
  name: 'Demo',
  plan: 'enterprise',
  adminEmail: 'admin@demo.invalid',
  adminName: 'Demo Admin',
};

export interface Bootstrapped {
  readonly orgId: OrgId;
  readonly userId: UserId;
  readonly personalToken: Secret;
}

type WritePath = { readonly commands: DecideAndAppend; readonly clock: Clock };

/**
 * The first tenant of a log that several nodes may find empty at once, or that one of them began and did not
 * finish. All of them arrive at the same names and the same personal token, so that they make it once.
 *
 * @throws Error When they were started with different personal tokens.
 */
export function registerDemoTenant(ledger: WritePath, tenant: FirstTenant): Promise<Bootstrapped> {
  const body = JSON.stringify(tenant);
  const stepOf = (route: string): CommandContext => ({
    ...systemContext(randomUUID()),
    repeat: { key: 'first-start', route, body },
  });
  return register(ledger, tenant, stepOf);
}

/**
 * Registers an operator, gives them a personal token, and makes them admin of a new organization.
 *
 * @throws Error When the slug is taken.
 */
export function registerFirstTenant(ledger: WritePath, tenant: FirstTenant): Promise<Bootstrapped> {
  const context = systemContext(randomUUID());
  return register(ledger, tenant, () => context);
}

async function register(
  { commands, clock }: WritePath,
  tenant: FirstTenant,
  contextOf: (step: string) => CommandContext,
): Promise<Bootstrapped> {
  const { adminEmail: email, adminName } = tenant;
  const registered = await new RegisterUserHandler(commands, clock).execute(
    new RegisterUserCommand({ email, name: adminName, operator: true }, contextOf('person')),
  );
  if (registered.outcome === 'rejected') throw refused(registered.rejection.code, tenant);
  const { userId } = registered.state!;
  const issued = await new IssuePersonalTokenHandler(commands, clock).execute(
    new IssuePersonalTokenCommand(
      userId,
      'bootstrap',
      contextOf('personal token'),
      tenant.personalToken,
    ),
  );
  invariant(issued.outcome.outcome === 'accepted', 'the system may issue personal tokens');
  const { slug, name, plan } = tenant;
  const created = await new CreateOrganizationHandler(commands, clock).execute(
    new CreateOrganizationCommand(
      { slug, name, plan, firstAdmin: userId },
      contextOf('organization'),
    ),
  );
  if (created.outcome === 'rejected') throw refused(created.rejection.code, tenant);
  return { orgId: created.state!.orgId, userId, personalToken: issued.secret };
}

function refused(code: string, { slug }: FirstTenant): Error {
  if (code !== 'IDEMPOTENCY_KEY_REUSED')
    return new Error(`the organization ${slug} exists already`);
  return new Error(
    'another node began the first start of this ledger with other settings, or more than a day ago. Start ' +
      'all nodes with the same LEDGER_BOOTSTRAP_TOKEN; once one of them has made the ledger, none needs it.',
  );
}

/**
 * Makes the ledger of a data directory that does not exist yet.
 *
 * It is built beside its final place and moved there whole, so that a crash on the way leaves no
 * half-made ledger behind. @throws Error When the directory exists.
 */
export async function createDirectory(
  directory: string,
  tenant: FirstTenant,
  windowLength: WindowLength,
): Promise<Bootstrapped> {
  const target = resolve(directory);
  if (existsSync(target)) throw new Error(`${target} exists already`);
  const parent = dirname(target);
  mkdirSync(parent, { recursive: true });
  const prefix = `.${basename(target)}.creating-`;
  for (const leftover of readdirSync(parent).filter((name) => name.startsWith(prefix))) {
    rmSync(join(parent, leftover), { recursive: true, force: true });
  }
  const draft = join(parent, `${prefix}${process.pid}`);
  mkdirSync(draft, { mode: 0o700 });
  const cipher = new AesGcmCipher(createMasterKey(draft));
  const created = await SqliteEventStore.create({ directory: draft, cipher });
  await created.close();
  const ledger = await openDirectory(draft, { windowLength, retryWindowMs: 0 });
  let bootstrapped: Bootstrapped;
  try {
    bootstrapped = await registerFirstTenant(ledger, tenant);
  } finally {
    await ledger.close();
  }
  renameSync(draft, target);
  return bootstrapped;
}
