import { Injectable } from '@nestjs/common';
import { grants, type OrgId } from '@ledger/domain';
import { Directory, type OrganizationRow } from '@ledger/read-models';
import type { Caller } from '../../http/caller.js';
import { insufficientScope, notFound, refusal } from './problems/problem.js';
import { VERIFY_SCOPE, type Access } from './routes/route-contract.js';

/** Who may do what on the native API, by roles and `ledger:` scopes. */
@Injectable()
export class NativeAccess {
  constructor(private readonly directory: Directory) {}

  /**
   * @param asked The organization in the path, by id or slug.
   * @returns The organization that the call is about. @throws Refusal
   */
  check(
    access: Access,
    caller: Caller,
    asked: string | undefined,
    requestId: string,
  ): OrganizationRow | undefined {
    switch (access.who) {
      case 'anyone':
      case 'caller':
        return undefined;
      case 'verifiers':
        this.#checkVerifier(caller, requestId);
        return undefined;
      case 'organization':
        return this.#organization(access, caller, asked ?? '', requestId);
    }
  }

  /** Whose secrets a caller may judge; null for every organization's. */
  mayVerify(caller: Caller, orgId: OrgId): boolean {
    if (caller.kind === 'token') return caller.token.orgId === orgId;
    const { userId, operator } = caller.user.user;
    if (operator) return true;
    const organization = this.directory.organization(orgId);
    return organization !== undefined && this.directory.roleIn(organization, userId) === 'admin';
  }

  /** Whether a caller may hand out resources of an organization: its own, or one it administers. */
  mayGrant(caller: Caller, organization: OrganizationRow | undefined, slug: string): boolean {
    const named = this.directory.organization(slug);
    if (!named || named.slug !== slug) return false;
    if (named.orgId === organization?.orgId) return true;
    if (caller.kind === 'token') return false;
    return this.directory.roleIn(named, caller.user.user.userId) === 'admin';
  }

  #checkVerifier(caller: Caller, requestId: string): void {
    if (caller.kind === 'token') {
      if (!grants(caller.token.scopes, VERIFY_SCOPE)) {
        throw insufficientScope(requestId, VERIFY_SCOPE);
      }
      return;
    }
    const { userId, operator } = caller.user.user;
    if (operator) return;
    const isAdmin = this.directory
      .organizationsOf(userId)
      .some((organization) => this.directory.roleIn(organization, userId) === 'admin');
    if (!isAdmin) throw refusal('FORBIDDEN', requestId);
  }

  #organization(
    { scope, users }: Extract<Access, { who: 'organization' }>,
    caller: Caller,
    asked: string,
    requestId: string,
  ): OrganizationRow {
    const organization =
      this.directory.organization(asked) ?? this.directory.organization(asked.toLowerCase());
    if (!organization) throw notFound(requestId);
    if (caller.kind === 'token') {
      if (caller.token.orgId !== organization.orgId) throw notFound(requestId);
      if (!grants(caller.token.scopes, scope)) throw insufficientScope(requestId, scope);
      return organization;
    }
    const role = this.directory.roleIn(organization, caller.user.user.userId);
    if (role === null) throw notFound(requestId);
    if (users === 'admins' && role !== 'admin') throw refusal('FORBIDDEN', requestId);
    return organization;
  }
}
