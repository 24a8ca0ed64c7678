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

/**
 * Registers an operator, gives them a personal token, and makes them admin of a new organization.
 *
 * @throws Error When the slug is taken.
 */
export async function registerFirstTenant(
  { commands, clock }: { readonly commands: DecideAndAppend; readonly clock: Clock },
  tenant: FirstTenant,
): Promise<Bootstrapped> {
  const context = systemContext(randomUUID());
  const { adminEmail: email, adminName } = tenant;
  const registered = await new RegisterUserHandler(commands, clock).execute(
    new RegisterUserCommand({ email, name: adminName, operator: true }, context),
  );
  invariant(registered.outcome === 'accepted', 'the system may register users');
  const { userId } = registered.state!;
  const issued = await new IssuePersonalTokenHandler(commands, clock).execute(
    new IssuePersonalTokenCommand(userId, 'bootstrap', context, tenant.personalToken),
  );
  invariant(issued.outcome.outcome === 'accepted', 'the system may issue personal tokens');
  const { slug, name, plan } = tenant;
  const created = await new CreateOrganizationHandler(commands, clock).execute(
    new CreateOrganizationCommand({ slug, name, plan, firstAdmin: userId }, context),
  );
  if (created.outcome === 'rejected') throw new Error(`the organization ${slug} exists already`);
  return { orgId: created.state!.orgId, userId, personalToken: issued.secret };
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
