import {
  evolveOrganization,
  evolveUser,
  subjectOfStream,
  type OrgId,
  type Role,
  type Timestamp,
  type User,
  type UserId,
} from '@ledger/domain';
import type { Projection } from '../projector/projection.js';

/** An organization as authorization and lists see it. */
export interface OrganizationRow {
  readonly kind: 'organization';
  readonly orgId: OrgId;
  readonly slug: string;
  readonly name: string | null;
  readonly image: string | null;
  readonly plan: string;
  readonly createdAt: Timestamp;
  readonly members: readonly MemberRow[];
  readonly revision: number;
}

export interface MemberRow {
  readonly userId: UserId;
  readonly role: Role;
  /** Since when they belong to it without a break. */
  readonly joinedAt: Timestamp;
}

export interface UserRow {
  readonly kind: 'user';
  readonly user: User;
  readonly createdAt: Timestamp;
  readonly revision: number;
}

export type DirectoryRow = OrganizationRow | UserRow;

/** One row an organization or user: slug, people and roles, by the fold that commands are decided on. */
export const organizations: Projection<DirectoryRow> = {
  name: 'organizations',
  version: 3,
  columns: {},
  indexes: [],
  apply({ payload: event, revision }, rows) {
    switch (event.type) {
      case 'EventSkipped': {
        const organization = rows.get(subjectOfStream('org', event.streamId) ?? '');
        // Who belongs to it is not known any more, so nobody does until that is said anew.
        if (organization?.kind === 'organization') {
          rows.put(organization.orgId, { ...organization, members: [] });
        }
        return;
      }
      case 'OrganizationCreated':
      case 'OrganizationRenamed':
      case 'OrganizationPlanChanged':
      case 'MemberAdded':
      case 'MemberRoleChanged':
      case 'MemberRemoved': {
        const before = rows.get(event.orgId);
        const known = before?.kind === 'organization' ? before : undefined;
        // A row that holds the event already is left alone, so that a redelivery changes nothing.
        if (known && revision <= known.revision) return;
        const members = new Map(known?.members.map(({ userId, role }) => [userId, role]));
        const joined = new Map(known?.members.map(({ userId, joinedAt }) => [userId, joinedAt]));
        const state = known && { ...known, members, lastAt: event.occurredAt };
        const { lastAt: _lastAt, ...after } = evolveOrganization(state, event);
        return rows.put(event.orgId, {
          ...after,
          kind: 'organization',
          createdAt: known?.createdAt ?? event.occurredAt,
          members: [...after.members].map(([userId, role]) => {
            return { userId, role, joinedAt: joined.get(userId) ?? event.occurredAt };
          }),
          revision,
        });
      }
      case 'UserRegistered':
      case 'PersonalTokenIssued':
      case 'PersonalTokenRevoked': {
        const before = rows.get(event.userId);
        const known = before?.kind === 'user' ? before : undefined;
        if (known && revision <= known.revision) return;
        return rows.put(event.userId, {
          kind: 'user',
          user: evolveUser(known?.user, event),
          createdAt: known?.createdAt ?? event.occurredAt,
          revision,
        });
      }
      default:
        return;
    }
  },
};
