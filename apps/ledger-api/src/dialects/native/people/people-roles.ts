import { Injectable } from '@nestjs/common';
import { Directory, type OrganizationRow } from '@ledger/read-models';
import type { Caller } from '../../../http/caller.js';
import { readableLog } from '../events/readable-log.js';
import { NativeAccess } from '../native-access.js';
import { insufficientScope, notFound, refusal } from '../problems/problem.js';
import { EVENTS_SCOPE, type PeopleAccess } from './people-contract.js';

type OfOrganization = Extract<PeopleAccess, { who: 'people-of-organization' }>;

/** Who may do what on every native route, those of people and of the log included. */
@Injectable()
export class PeopleRoles extends NativeAccess {
  constructor(private readonly people: Directory) {
    super(people);
  }

  override check(
    access: PeopleAccess,
    caller: Caller,
    asked: string | undefined,
    requestId: string,
  ): OrganizationRow | undefined {
    switch (access.who) {
      case 'operators':
        if (caller.kind === 'user' && caller.user.user.operator) return undefined;
        throw refusal('FORBIDDEN', requestId);
      case 'people':
        if (caller.kind === 'user') return undefined;
        throw refusal('FORBIDDEN', requestId);
      case 'people-of-organization':
        return this.#organizationFor(access, caller, asked ?? '', requestId);
      case 'event-readers':
        this.#checkEventReader(caller, requestId);
        return undefined;
      default:
        return super.check(access, caller, asked, requestId);
    }
  }

  #organizationFor(
    { users, operators }: OfOrganization,
    caller: Caller,
    asked: string,
    requestId: string,
  ): OrganizationRow {
    const organization = organizationAsked(this.people, asked);
    if (!organization) throw notFound(requestId);
    if (caller.kind === 'token') {
      if (caller.token.orgId !== organization.orgId) throw notFound(requestId);
      throw refusal('FORBIDDEN', requestId);
    }
    const { userId, operator } = caller.user.user;
    const role = this.people.roleIn(organization, userId);
    if (role === 'admin' || (role === 'member' && users === 'members')) return organization;
    if (operator && operators) return organization;
    // An operator knows of every organization, so nothing is hidden by a refusal.
    if (role === null && !operator) throw notFound(requestId);
    throw refusal('FORBIDDEN', requestId);
  }

  #checkEventReader(caller: Caller, requestId: string): void {
    const readable = readableLog(caller, this.people);
    if (readable === 'every' || readable.size > 0) return;
    if (caller.kind === 'token') throw insufficientScope(requestId, EVENTS_SCOPE);
    throw refusal('FORBIDDEN', requestId);
  }
}

/** An organization by its id, in any case, or by its slug. */
export function organizationAsked(
  directory: Directory,
  asked: string,
): OrganizationRow | undefined {
  return directory.organization(asked) ?? directory.organization(asked.toLowerCase());
}
