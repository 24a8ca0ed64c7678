import type { QuotaStanding, Rejection, RejectionCode } from '@ledger/domain';
import { Refusal, type Answer } from '../../../http/answer.js';
import { badCredential, invalidRequest, notFound, problem } from './problem.js';

/** What the answer to a rejection needs to know beside it. */
export interface RejectedRequest {
  readonly requestId: string;
  readonly nowMs: number;
  /** Name of the quota policy: how long a window lasts. */
  readonly quotaPolicy: string;
}

type Answers = {
  readonly [Code in RejectionCode]: (
    rejection: Extract<Rejection, { code: Code }>,
    request: RejectedRequest,
  ) => Answer;
};

const absent = (_rejection: Rejection, { requestId }: RejectedRequest): Answer =>
  notFound(requestId).answer;

/** What this dialect says to each refusal. A new one stops the build here. */
const ANSWERS: Answers = {
  ACTOR_NOT_LIVE: (_rejection, { requestId }) => badCredential(requestId).answer,
  ORGANIZATION_NOT_FOUND: absent,
  USER_NOT_FOUND: absent,
  TOKEN_NOT_FOUND: absent,
  GATEWAY_NOT_FOUND: absent,
  FORBIDDEN: (_rejection, { requestId }) => problem('FORBIDDEN', requestId),
  IDEMPOTENCY_KEY_REUSED: (_rejection, { requestId }) =>
    problem('IDEMPOTENCY_KEY_REUSED', requestId),
  TOKEN_REVOKED: ({ revokedAt }, { requestId }) =>
    problem('TOKEN_REVOKED', requestId, { members: { revokedAt } }),
  REVISION_MISMATCH: ({ revision }, { requestId }) =>
    problem('PRECONDITION_FAILED', requestId, { members: { revision } }),
  TOKEN_EXPIRED: ({ expiresAt }, { requestId }) =>
    problem('TOKEN_EXPIRED', requestId, { members: { expiresAt } }),
  GRACE_OPEN: ({ validUntil }, { requestId }) =>
    problem('GRACE_OPEN', requestId, { members: { validUntil } }),
  SECRET_IS_CURRENT: (_rejection, { requestId }) => {
    const message = 'is the current secret: rotate the token to replace it, or revoke the token';
    return invalidRequest(requestId, [{ parameter: 'secretId', message }]).answer;
  },
  SECRET_NOT_FOUND: absent,
  GRACE_NOT_OFFERED: (_rejection, { requestId }) => {
    const message = "must be 0: the token's dialect rotates without a grace period";
    return invalidRequest(requestId, [{ pointer: '/graceSeconds', message }]).answer;
  },
  SCOPES_NOT_HELD: ({ missingScopes }, { requestId }) =>
    problem('SCOPES_NOT_HELD', requestId, { members: { missingScopes } }),
  RESOURCES_NOT_HELD: (_rejection, { requestId }) => {
    const detail = 'The resources of the token exceed those of the caller.';
    return problem('FORBIDDEN', requestId, { detail });
  },
  QUOTA_ABOVE_OWN: ({ ownMaxQuota, requestedMaxQuota }, { requestId }) =>
    problem('QUOTA_ABOVE_OWN', requestId, { members: { ownMaxQuota, requestedMaxQuota } }),
  LEASE_NOT_FOUND: (_rejection, { requestId }) => {
    const detail = 'The token holds no such lease.';
    return problem('NOT_FOUND', requestId, { detail });
  },
  LEASE_RETURNED: ({ returnedUnits }, { requestId }) =>
    problem('LEASE_RETURNED', requestId, { members: { returnedUnits } }),
  RETURN_ABOVE_LEASE: ({ leasedUnits }, { requestId }) => {
    const message = `must be at most ${leasedUnits}: the lease was of no more units`;
    return invalidRequest(requestId, [{ pointer: '/unusedUnits', message }]).answer;
  },
  COST_ABOVE_LIMIT: ({ cost, quota }, request) => quotaExceeded(cost, quota, request),
  QUOTA_EXCEEDED: ({ cost, quota }, request) => quotaExceeded(cost, quota, request),
  SLUG_TAKEN: (_rejection, { requestId }) => problem('SLUG_TAKEN', requestId),
  LAST_ADMIN: (_rejection, { requestId }) => problem('LAST_ADMIN', requestId),
};

export function refuse(rejection: Rejection, request: RejectedRequest): Refusal {
  // Each code's answer takes the rejection of that very code, which the lookup cannot express.
  const answer = ANSWERS[rejection.code] as (
    rejection: Rejection,
    request: RejectedRequest,
  ) => Answer;
  return new Refusal(answer(rejection, request));
}

function quotaExceeded(
  cost: number,
  quota: QuotaStanding,
  { requestId, nowMs, quotaPolicy }: RejectedRequest,
): Answer {
  const seconds = Math.max(1, Math.ceil((Date.parse(quota.resetAt) - nowMs) / 1000));
  return problem('QUOTA_EXCEEDED', requestId, {
    detail: `The cost is ${cost}, and ${quota.remaining ?? 0} of ${quota.limit ?? 0} units are left.`,
    members: { quota, 'violated-policies': [quotaPolicy] },
    headers: { 'retry-after': String(seconds) },
  });
}
