import {
  ChangeOrganizationCommand,
  ChangeOrganizationHandler,
  IssuePersonalTokenCommand,
  IssuePersonalTokenHandler,
  RegisterUserCommand,
  RegisterUserHandler,
  systemContext,
} from '@ledger/commands';
import { registerFirstTenant, type Ledger } from '@ledger/runtime';
import type { World } from './world.js';

/** Starts every node, and makes an organization with an admin, a member and a token to begin with. */
export async function firstStart(world: World): Promise<void> {
  const [first, ...others] = world.nodes;
  const ledger = await first!.start();
  const { users, digests } = world;
  const { orgId, userId, personalToken } = await registerFirstTenant(ledger, {
    ...{ slug: 'acme', name: 'Acme', plan: 'team' },
    ...{ adminEmail: 'ada@example.org', adminName: 'Ada' },
  });
  const personal = ledger.credentials.find({ digest: personalToken.digest });
  if (personal?.kind !== 'user') throw new Error('the admin has a personal token');
  const token = { tokenId: personal.personalTokenId, secret: personalToken.reveal() };
  users.push({ userId, tokens: [token] }, await addMember(ledger, orgId, digests));
  digests.add(personalToken.digest);
  world.orgId = orgId;
  for (const node of others) await node.start();
  const request = { kind: 'create', name: 'first', scopes: ['*'], expiresAt: null } as const;
  await world.send(first!, { ...request, maxQuota: 40 }, token.secret, null, userId);
}

async function addMember(
  { commands, clock }: Ledger,
  orgId: World['orgId'],
  digests: World['digests'],
): Promise<World['users'][number]> {
  const context = systemContext('first start');
  const person = { email: 'grace@example.org', name: 'Grace', operator: false };
  const registered = await new RegisterUserHandler(commands, clock).execute(
    new RegisterUserCommand(person, context),
  );
  if (registered.outcome === 'rejected') throw new Error('the system may register users');
  const { userId } = registered.state!;
  const { secret, tokenId } = await new IssuePersonalTokenHandler(commands, clock).execute(
    new IssuePersonalTokenCommand(userId, 'first', context),
  );
  digests.add(secret.digest);
  const change = { type: 'SetMember', userId, role: 'member' } as const;
  await new ChangeOrganizationHandler(commands, clock).execute(
    new ChangeOrganizationCommand(orgId, change, context),
  );
  return { userId, tokens: [{ tokenId, secret: secret.reveal() }] };
}
