import type { Rejection, RejectionCode } from '@ledger/domain';
import { Refusal, type Answer, type DialectFailures, type HttpFailure } from '../../http/answer.js';

/** The fixed texts of the dialect. */
export const DETAILS = {
  notAuthenticated: 'Not authenticated',
  adminRequired: 'Admin role required',
  roleRequired: 'Organization role required',
  invalidKey: 'Invalid API key',
  disabledKey: 'API key is disabled',
  expiredKey: 'API key has expired',
  noKey: 'API key not found',
  noRoute: 'Not Found',
  noMethod: 'Method Not Allowed',
} as const;

/** One thing that is wrong with a request, as FastAPI's clients know it. */
export interface Fault {
  readonly loc: readonly string[];
  readonly msg: string;
  readonly type: string;
}

export function socmateAnswer(
  status: number,
  detail: string | readonly Fault[],
  headers: Readonly<Record<string, string>> = {},
): Answer {
  return { status, contentType: 'application/json', headers, body: { detail } };
}

export function unauthorized(detail: string = DETAILS.notAuthenticated): Refusal {
  return new Refusal(socmateAnswer(401, detail, { 'www-authenticate': 'Bearer' }));
}

export function forbidden(detail: string): Refusal {
  return new Refusal(socmateAnswer(403, detail));
}

export function unprocessable(...faults: readonly Fault[]): Refusal {
  return new Refusal(socmateAnswer(422, faults));
}

export function keyNotFound(): Refusal {
  return new Refusal(socmateAnswer(404, DETAILS.noKey));
}

const noKey = (): Answer => socmateAnswer(404, DETAILS.noKey);

/** What this dialect says to each refusal. A new one stops the build here. */
const ANSWERS: Readonly<Record<RejectionCode, () => Answer>> = {
  ACTOR_NOT_LIVE: () => unauthorized().answer,
  ORGANIZATION_NOT_FOUND: noKey,
  USER_NOT_FOUND: noKey,
  TOKEN_NOT_FOUND: noKey,
  FORBIDDEN: () => socmateAnswer(403, DETAILS.adminRequired),
  IDEMPOTENCY_KEY_REUSED: () =>
    socmateAnswer(409, 'Idempotency-Key was used for another request; use a new key'),
  TOKEN_REVOKED: () => socmateAnswer(409, 'API key is disabled and cannot be rotated'),
  REVISION_MISMATCH: () => socmateAnswer(412, 'API key was changed meanwhile'),
  TOKEN_EXPIRED: () => socmateAnswer(409, 'API key has expired; set expires_in_days to rotate it'),
  GRACE_OPEN: () => socmateAnswer(409, 'The previous key is still in its grace period'),
  SECRET_IS_CURRENT: () => socmateAnswer(409, 'The key is the current one'),
  SECRET_NOT_FOUND: noKey,
  GATEWAY_NOT_FOUND: noKey,
  LEASE_NOT_FOUND: noKey,
  LEASE_RETURNED: () => socmateAnswer(409, 'The lease was returned before'),
  RETURN_ABOVE_LEASE: () => socmateAnswer(409, 'More units than were leased'),
  GRACE_NOT_OFFERED: () => socmateAnswer(409, 'This key rotates without a grace period'),
  SCOPES_NOT_HELD: () => socmateAnswer(403, DETAILS.adminRequired),
  RESOURCES_NOT_HELD: () => socmateAnswer(403, DETAILS.adminRequired),
  QUOTA_ABOVE_OWN: () => socmateAnswer(403, DETAILS.adminRequired),
  COST_ABOVE_LIMIT: () => socmateAnswer(429, 'Quota exceeded'),
  QUOTA_EXCEEDED: () => socmateAnswer(429, 'Quota exceeded'),
  SLUG_TAKEN: () => socmateAnswer(409, 'Organization slug is taken'),
  LAST_ADMIN: () => socmateAnswer(409, 'An organization keeps at least one admin'),
};

export function refuse({ code }: Rejection): Refusal {
  return new Refusal(ANSWERS[code]());
}

/** The failures that all dialects share, in this one's shape. */
export const socmateFailures: DialectFailures = {
  prefix: '/api',
  answer(failure: HttpFailure): Answer {
    switch (failure.kind) {
      case 'route-not-found':
        return socmateAnswer(404, DETAILS.noRoute);
      case 'method-not-allowed':
        return socmateAnswer(405, DETAILS.noMethod, { allow: failure.allow.join(', ') });
      case 'malformed': {
        const { message: msg } = failure;
        return socmateAnswer(422, [{ loc: ['body'], msg, type: 'value_error.jsondecode' }]);
      }
      case 'payload-too-large':
        return socmateAnswer(413, 'Request body is too large');
      case 'unreadable':
        return socmateAnswer(400, 'The request cannot be read');
      case 'head-too-large':
        return socmateAnswer(431, 'Request headers are too large');
      case 'too-slow':
        return socmateAnswer(408, 'Request took too long');
      case 'unsupported-media-type':
        return socmateAnswer(415, failure.message);
      case 'unavailable': {
        const headers = { 'retry-after': String(failure.retryAfterSeconds) };
        return socmateAnswer(503, failure.message, headers);
      }
      case 'internal':
        return socmateAnswer(500, 'Internal Server Error');
    }
  },
};
