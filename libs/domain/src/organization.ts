import type { Authority } from './authority.js';
import { invariant, latest, type OrgId, type Timestamp, type UserId } from './primitives.js';
import { accept, reject, type Decision } from './rejection.js';

export type Role = 'admin' | 'member';

interface OrganizationFact {
  readonly orgId: OrgId;
  readonly occurredAt: Timestamp;
}

/** Facts about one organization and its people. Live in `org-<orgId>`. */
export type OrganizationEvent = OrganizationFact &
  (
    | {
        readonly type: 'OrganizationCreated';
        readonly slug: string;
        readonly name: string | null;
        readonly image: string | null;
        readonly plan: string;
      }
    | {
        readonly type: 'OrganizationRenamed';
        readonly from: string | null;
        readonly to: string | null;
      }
    | { readonly type: 'OrganizationPlanChanged'; readonly from: string; readonly to: string }
    | { readonly type: 'MemberAdded'; readonly userId: UserId; readonly role: Role }
    | {
        readonly type: 'MemberRoleChanged';
        readonly userId: UserId;
        readonly from: Role;
        readonly to: Role;
      }
    | { readonly type: 'MemberRemoved'; readonly userId: UserId }
  );

/** Who holds a slug. Lives in `slug-<slug>`, whose one event makes the slug unique. */
export interface SlugReserved {
  readonly type: 'SlugReserved';
  readonly slug: string;
  readonly orgId: OrgId;
  readonly occurredAt: Timestamp;
}

export interface Organization {
  readonly orgId: OrgId;
  readonly slug: string;
  readonly name: string | null;
  readonly image: string | null;
  readonly plan: string;
  readonly members: ReadonlyMap<UserId, Role>;
  readonly lastAt: Timestamp;
}

/** Undefined until OrganizationCreated. */
export type OrganizationState = Organization | undefined;

interface OrganizationCommandBase {
  readonly orgId: OrgId;
  readonly now: Timestamp;
}

export type OrganizationCommand = OrganizationCommandBase &
  (
    | {
        readonly type: 'CreateOrganization';
        readonly slug: string;
        readonly name: string | null;
        readonly plan: string;
        /** Made admin in the same append, so that no organization is ever without one. */
        readonly firstAdmin: UserId;
      }
    | { readonly type: 'UpdateOrganization'; readonly name?: string | null; readonly plan?: string }
    /** Adds a member, or changes the role of one. */
    | { readonly type: 'SetMember'; readonly userId: UserId; readonly role: Role }
    | { readonly type: 'RemoveMember'; readonly userId: UserId }
  );

export function decideOrganization(
  organization: OrganizationState,
  command: OrganizationCommand,
  authority: Authority,
): Decision<OrganizationEvent> {
  if (authority.kind === 'dead') return reject({ code: 'ACTOR_NOT_LIVE' });
  const { orgId } = command;
  if (command.type === 'CreateOrganization') {
    const isOperator = authority.kind === 'user' && authority.operator;
    if (!isOperator && authority.kind !== 'system') return reject({ code: 'FORBIDDEN' });
    if (organization) return reject({ code: 'SLUG_TAKEN' });
    const { slug, name, plan, firstAdmin, now: occurredAt } = command;
    return accept<OrganizationEvent>(
      { type: 'OrganizationCreated', orgId, slug, name, image: null, plan, occurredAt },
      { type: 'MemberAdded', orgId, userId: firstAdmin, role: 'admin', occurredAt },
    );
  }
  if (!organization) return reject({ code: 'ORGANIZATION_NOT_FOUND' });
  const isAdmin = authority.kind === 'user' && authority.role === 'admin';
  if (!isAdmin && authority.kind !== 'system') return reject({ code: 'FORBIDDEN' });
  const occurredAt = latest(command.now, organization.lastAt);
  switch (command.type) {
    case 'UpdateOrganization':
      return accept(...updates(organization, command, occurredAt));
    case 'SetMember': {
      const { userId, role } = command;
      const from = organization.members.get(userId);
      if (from === role) return accept();
      if (from === undefined)
        return accept({ type: 'MemberAdded', orgId, userId, role, occurredAt });
      if (isLastAdmin(organization, userId)) return reject({ code: 'LAST_ADMIN' });
      return accept({ type: 'MemberRoleChanged', orgId, userId, from, to: role, occurredAt });
    }
    case 'RemoveMember': {
      const { userId } = command;
      if (!organization.members.has(userId)) return accept();
      if (isLastAdmin(organization, userId)) return reject({ code: 'LAST_ADMIN' });
      return accept({ type: 'MemberRemoved', orgId, userId, occurredAt });
    }
  }
}

export function evolveOrganization(
  organization: OrganizationState,
  event: OrganizationEvent,
): Organization {
  if (event.type === 'OrganizationCreated') {
    const { orgId, slug, name, image, plan, occurredAt: lastAt } = event;
    return { orgId, slug, name, image, plan, members: new Map(), lastAt };
  }
  invariant(organization !== undefined, `${event.type} follows OrganizationCreated`);
  const members = new Map(organization.members);
  const next = { ...organization, members, lastAt: latest(event.occurredAt, organization.lastAt) };
  switch (event.type) {
    case 'OrganizationRenamed':
      return { ...next, name: event.to };
    case 'OrganizationPlanChanged':
      return { ...next, plan: event.to };
    case 'MemberAdded':
      members.set(event.userId, event.role);
      return next;
    case 'MemberRoleChanged':
      members.set(event.userId, event.to);
      return next;
    case 'MemberRemoved':
      members.delete(event.userId);
      return next;
  }
}

function isLastAdmin({ members }: Organization, userId: UserId): boolean {
  const admins = [...members].filter(([, role]) => role === 'admin');
  return admins.length === 1 && admins[0]![0] === userId;
}

function updates(
  organization: Organization,
  { name, plan }: { readonly name?: string | null; readonly plan?: string },
  occurredAt: Timestamp,
): readonly OrganizationEvent[] {
  const { orgId } = organization;
  const events: OrganizationEvent[] = [];
  if (name !== undefined && name !== organization.name) {
    events.push({
      type: 'OrganizationRenamed',
      orgId,
      from: organization.name,
      to: name,
      occurredAt,
    });
  }
  if (plan !== undefined && plan !== organization.plan) {
    const from = organization.plan;
    events.push({ type: 'OrganizationPlanChanged', orgId, from, to: plan, occurredAt });
  }
  return events;
}
