import type { RouteContract } from './route-contract.js';
import { count, exactly, instant, orNull, pageOf, ref, text, uuid } from './schemas.js';

const SECRETS = '/v1/orgs/{org}/tokens/{id}/secrets';
const TAG = 'Tokens';

const livingSecret = exactly({
  id: uuid,
  preview: { ...text, description: 'Prefix and last four characters.' },
  issuedAt: instant,
  validUntil: orNull({ ...instant, description: 'End of its grace; null for the current secret.' }),
  lastUsedAt: orNull({ ...instant, description: 'To the minute for uses that cost nothing.' }),
  usesSinceRotation: {
    ...count,
    description:
      'Recorded uses since the token was last rotated: every charge, and of uses that cost nothing one a minute. A verification without a cost leaves no record.',
  },
  safeToClose: {
    type: 'boolean',
    description:
      'Whether nobody has used the old secret for as long as LEDGER_SAFE_TO_CLOSE_MS says. False for the current secret.',
  },
});

export const LIST_SECRETS: RouteContract = {
  method: 'GET',
  path: SECRETS,
  operationId: 'listTokenSecrets',
  tag: TAG,
  summary: 'List the living secrets of a token, newest first',
  description: 'The current one, and the one before while its grace is open. All on one page.',
  access: { who: 'organization', scope: 'ledger:tokens:read', users: 'members' },
  status: 200,
  answer: { description: 'At most two.', schema: pageOf(livingSecret) },
  problems: [],
};

export const REVOKE_SECRET: RouteContract = {
  method: 'POST',
  path: `${SECRETS}/{secretId}/revoke`,
  operationId: 'revokeTokenSecret',
  tag: TAG,
  summary: 'End the grace of a rotated secret before its time',
  description:
    'Repeated, it gives the same answer again. The current secret ends by rotating or revoking the token.',
  access: { who: 'organization', scope: 'ledger:tokens:revoke', users: 'members' },
  isWrite: true,
  takesIfMatch: true,
  status: 200,
  answer: {
    description: 'The token, with its current secret alone.',
    schema: exactly({ token: ref('Token') }),
    headers: ['ETag'],
  },
  problems: ['FORBIDDEN', 'TOKEN_REVOKED'],
};

export const SECRET_ROUTES: readonly RouteContract[] = [LIST_SECRETS, REVOKE_SECRET];
