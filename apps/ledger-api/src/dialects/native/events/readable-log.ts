import { grants, type OrgId } from '@ledger/domain';
import type { Directory } from '@ledger/read-models';
import type { Caller } from '../../../http/caller.js';
import { EVENTS_SCOPE } from '../people/people-contract.js';

/** Whose events a caller may read right now: every organization's and everybody's, or these only. */
export function readableLog(caller: Caller, directory: Directory): 'every' | ReadonlySet<OrgId> {
  if (caller.kind === 'token') {
    const { orgId, scopes } = caller.token;
    return new Set(grants(scopes, EVENTS_SCOPE) ? [orgId] : []);
  }
  const { userId, operator } = caller.user.user;
  if (operator) return 'every';
  const administered = directory
    .organizationsOf(userId)
    .filter((organization) => directory.roleIn(organization, userId) === 'admin');
  return new Set(administered.map(({ orgId }) => orgId));
}
