import type { Organization, PersonalToken, Role, Timestamp, UserId } from '@ledger/domain';
import type { Directory, OrganizationRow, UserRow } from '@ledger/read-models';
import { composed } from '../plain-text.js';

export interface OrganizationView {
  readonly id: string;
  readonly slug: string;
  readonly name: string | null;
  readonly plan: string;
  readonly createdAt: Timestamp;
  /** The caller's own role; null for an operator who does not belong to it. */
  readonly role: Role | null;
}

export interface MemberView {
  readonly userId: string;
  readonly email: string | null;
  readonly name: string | null;
  readonly role: Role;
}

export interface UserView {
  readonly id: string;
  readonly email: string;
  readonly name: string | null;
  readonly operator: boolean;
  readonly createdAt: Timestamp;
  readonly organizations: readonly {
    readonly id: string;
    readonly slug: string;
    readonly name: string | null;
    readonly role: Role;
  }[];
}

/** A personal token by its preview; the secret is in the answer that issued it, and nowhere else. */
export interface PersonalTokenView {
  readonly id: string;
  readonly label: string;
  readonly preview: string;
  readonly issuedAt: Timestamp;
  readonly revokedAt: Timestamp | null;
}

export function organizationView(
  { orgId: id, slug, name, plan }: Pick<Organization, 'orgId' | 'slug' | 'name' | 'plan'>,
  createdAt: Timestamp,
  role: Role | null,
): OrganizationView {
  return { id, slug, name, plan, createdAt, role };
}

export function memberView(directory: Directory, userId: UserId, role: Role): MemberView {
  const user = directory.user(userId)?.user;
  return { userId, email: user?.email ?? null, name: user?.name ?? null, role };
}

/** @param organizations Those that the viewer may know of. */
export function userView(
  { user, createdAt }: Pick<UserRow, 'user' | 'createdAt'>,
  organizations: readonly OrganizationRow[],
): UserView {
  const { userId: id, email, name, operator } = user;
  return {
    ...{ id, email, name, operator, createdAt },
    organizations: oldestFirst(organizations).flatMap((organization) => {
      const member = organization.members.find(({ userId }) => userId === id);
      if (!member) return [];
      const { orgId, slug } = organization;
      return [{ id: orgId, slug, name: organization.name, role: member.role }];
    }),
  };
}

/** The order of lists: that of creation. */
export function orderOf({ createdAt, orgId }: OrganizationRow): string {
  return `${createdAt} ${orgId}`;
}

function oldestFirst(organizations: readonly OrganizationRow[]): readonly OrganizationRow[] {
  return organizations.toSorted((a, b) => (orderOf(a) < orderOf(b) ? -1 : 1));
}

export function personalTokenView(token: PersonalToken): PersonalTokenView {
  const { tokenId: id, label, preview, issuedAt, revokedAt } = token;
  return { id, label, preview, issuedAt, revokedAt };
}

/** A name in the form in which what looks the same is the same. */
export function composedName(name: string | null): string | null {
  return name === null ? null : composed(name);
}
