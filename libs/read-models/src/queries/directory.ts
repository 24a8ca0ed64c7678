import type { OrgId, Role, UserId } from '@ledger/domain';
import { ResidentRows } from '../projector/projection.js';
import type {
  DirectoryRow,
  OrganizationRow,
  UserRow,
} from '../projections/organizations.projection.js';

/** Organizations and people in memory: by id, by slug, and who belongs where. */
export class Directory extends ResidentRows<DirectoryRow> {
  readonly #orgBySlug = new Map<string, OrgId>();
  readonly #orgsByMember = new Map<UserId, Set<OrgId>>();

  organization(idOrSlug: string): OrganizationRow | undefined {
    const row = this.get(this.#orgBySlug.get(idOrSlug) ?? idOrSlug);
    return row?.kind === 'organization' ? row : undefined;
  }

  user(userId: string): UserRow | undefined {
    const row = this.get(userId);
    return row?.kind === 'user' ? row : undefined;
  }

  /** Every organization, in the order of creation. */
  organizations(): readonly OrganizationRow[] {
    return this.#inOrder(this.#orgBySlug.values(), () => '');
  }

  /**
   * The organizations that a user belongs to, in the order in which they joined them: whoever makes somebody
   * a member of one more does not change which is their first.
   */
  organizationsOf(userId: UserId): readonly OrganizationRow[] {
    return this.#inOrder(this.#orgsByMember.get(userId) ?? [], ({ members }) => {
      return members.find((member) => member.userId === userId)?.joinedAt ?? '';
    });
  }

  roleIn(organization: OrganizationRow, userId: UserId): Role | null {
    return organization.members.find((member) => member.userId === userId)?.role ?? null;
  }

  /** The same order in a process that saw them come and in one that loaded them. */
  #inOrder(
    orgIds: Iterable<OrgId>,
    by: (row: OrganizationRow) => string,
  ): readonly OrganizationRow[] {
    const ranked = [...orgIds].map((orgId) => {
      const row = this.organization(orgId)!;
      return { row, rank: `${by(row)} ${row.createdAt} ${row.orgId}` };
    });
    return ranked.sort((a, b) => (a.rank < b.rank ? -1 : 1)).map(({ row }) => row);
  }

  protected override changed(before: DirectoryRow | undefined, after: DirectoryRow): void {
    if (after.kind !== 'organization') return;
    this.#orgBySlug.set(after.slug, after.orgId);
    if (before?.kind === 'organization') {
      for (const { userId } of before.members) this.#orgsByMember.get(userId)?.delete(after.orgId);
    }
    for (const { userId } of after.members) {
      const orgs = this.#orgsByMember.get(userId) ?? new Set();
      this.#orgsByMember.set(userId, orgs.add(after.orgId));
    }
  }

  protected override cleared(): void {
    this.#orgBySlug.clear();
    this.#orgsByMember.clear();
  }
}
