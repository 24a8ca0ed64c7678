import type { Rejection, RejectionCode } from '@ledger/domain';
import { Refusal, type Answer, type DialectFailures, type HttpFailure } from '../../http/answer.js';

/** The fixed texts of the dialect; published clients match two of them. */
export const MESSAGES = {
  badRequest: 'Bad request',
  unauthorized: 'Unauthorized',
  missingScope: 'Insufficient permissions for API method',
  maxQuota: 'Insufficient max quota for API method',
  quota: 'Insufficient quota for API route',
  foreignOrganization: 'Organization not allowed',
  noOrganization: 'Organization not found',
  noToken: 'API token not found',
  noRoute: 'Not found',
} as const;

export type SocketDetails = Readonly<Record<string, unknown>> | null;

export interface Fault {
  readonly path: string;
  readonly message: string;
}

export function socketAnswer(
  status: number,
  message: string,
  details: SocketDetails = null,
  headers: Readonly<Record<string, string>> = {},
): Answer {
  const contentType = 'application/json; charset=utf-8';
  return { status, contentType, headers, body: { error: { message, details } } };
}

export function badRequest(...errors: readonly Fault[]): Refusal {
  return new Refusal(socketAnswer(400, MESSAGES.badRequest, { errors }));
}

export function unauthorized(): Refusal {
  return new Refusal(
    socketAnswer(401, MESSAGES.unauthorized, null, { 'www-authenticate': 'Bearer' }),
  );
}

export function missingScopes(scopes: readonly string[]): Refusal {
  return new Refusal(socketAnswer(403, MESSAGES.missingScope, { missing_scopes: scopes }));
}

export function resourcesNotHeld(): Refusal {
  return refuse({ code: 'RESOURCES_NOT_HELD' }, 0);
}

export function tokenNotFound(): Refusal {
  return new Refusal(socketAnswer(404, MESSAGES.noToken));
}

type Answers = {
  readonly [Code in RejectionCode]: (
    rejection: Extract<Rejection, { code: Code }>,
    nowMs: number,
  ) => Answer;
};

const notFound = (): Answer => socketAnswer(404, MESSAGES.noToken);
const invalid = (path: string, message: string): Answer =>
  socketAnswer(400, MESSAGES.badRequest, { errors: [{ path, message }] });

/** What this dialect says to each refusal. A new one stops the build here. */
const ANSWERS: Answers = {
  ACTOR_NOT_LIVE: () => unauthorized().answer,
  ORGANIZATION_NOT_FOUND: () => socketAnswer(404, MESSAGES.noOrganization),
  USER_NOT_FOUND: () => socketAnswer(404, MESSAGES.noRoute),
  TOKEN_NOT_FOUND: notFound,
  FORBIDDEN: () => socketAnswer(403, MESSAGES.missingScope),
  IDEMPOTENCY_KEY_REUSED: () =>
    invalid('Idempotency-Key', 'was used for another request; use a new key'),
  // A revoked token has vanished from this dialect (K1).
  TOKEN_REVOKED: notFound,
  REVISION_MISMATCH: () => socketAnswer(412, 'Precondition failed'),
  TOKEN_EXPIRED: notFound,
  GRACE_OPEN: () => socketAnswer(409, 'An earlier rotation is still in its grace period'),
  SECRET_IS_CURRENT: () => invalid('/id', 'names the current secret'),
  SECRET_NOT_FOUND: notFound,
  GATEWAY_NOT_FOUND: notFound,
  LEASE_NOT_FOUND: notFound,
  LEASE_RETURNED: () => socketAnswer(409, 'The lease was returned before'),
  RETURN_ABOVE_LEASE: () => invalid('/unusedUnits', 'is above what was leased'),
  GRACE_NOT_OFFERED: () => invalid('/graceSeconds', 'is not offered'),
  SCOPES_NOT_HELD: ({ missingScopes: missing }) =>
    socketAnswer(403, MESSAGES.missingScope, { missing_scopes: missing }),
  RESOURCES_NOT_HELD: () =>
    socketAnswer(403, MESSAGES.missingScope, { resources: 'exceed those of the calling token' }),
  QUOTA_ABOVE_OWN: ({ ownMaxQuota, requestedMaxQuota }) =>
    socketAnswer(403, MESSAGES.maxQuota, {
      own_max_quota: ownMaxQuota,
      requested_max_quota: requestedMaxQuota,
    }),
  COST_ABOVE_LIMIT: ({ cost, quota }) =>
    socketAnswer(403, MESSAGES.maxQuota, { cost, max_quota: quota.limit }),
  QUOTA_EXCEEDED: ({ quota }, nowMs) => {
    const seconds = Math.max(1, Math.ceil((Date.parse(quota.resetAt) - nowMs) / 1000));
    return socketAnswer(429, MESSAGES.quota, null, { 'retry-after': String(seconds) });
  },
  SLUG_TAKEN: () => socketAnswer(409, 'Organization slug is taken'),
  LAST_ADMIN: () => socketAnswer(409, 'An organization keeps at least one admin'),
};

export function refuse(rejection: Rejection, nowMs: number): Refusal {
  // Each code's answer takes the rejection of that very code, which the lookup cannot express.
  const answer = ANSWERS[rejection.code] as (rejection: Rejection, nowMs: number) => Answer;
  return new Refusal(answer(rejection, nowMs));
}

/** The failures that all dialects share, in this one's shape. */
export const socketFailures: DialectFailures = {
  prefix: '/v0',
  answer(failure: HttpFailure): Answer {
    switch (failure.kind) {
      case 'route-not-found':
      case 'method-not-allowed':
        return socketAnswer(404, MESSAGES.noRoute);
      case 'malformed':
        return invalid('', failure.message);
      case 'payload-too-large':
        return socketAnswer(413, 'Payload too large', { limit_bytes: 65_536 });
      case 'unreadable':
        return socketAnswer(400, MESSAGES.badRequest);
      case 'head-too-large':
        return socketAnswer(431, 'Request headers too large', { limit_bytes: 16_384 });
      case 'too-slow':
        return socketAnswer(408, 'Request timeout');
      case 'unsupported-media-type':
        return socketAnswer(415, 'Unsupported media type');
      case 'unavailable': {
        const headers = { 'retry-after': String(failure.retryAfterSeconds) };
        return socketAnswer(503, failure.message, null, headers);
      }
      case 'internal':
        return socketAnswer(500, 'Internal server error');
    }
  },
};
