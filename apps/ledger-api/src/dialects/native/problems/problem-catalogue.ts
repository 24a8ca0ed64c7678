/** One kind of problem: what its code, status and documentation say. */
export interface ProblemKind {
  readonly status: number;
  readonly title: string;
  /** For whoever follows the `type` of a problem: what happened, and what to do. */
  readonly description: string;
}

/** Every problem that the native API answers with. Codes are its contract; texts may be improved. */
export const PROBLEMS = {
  INVALID_REQUEST: {
    status: 400,
    title: 'The request is invalid',
    description:
      'Something in the body, the query or the headers is not as documented. The member `errors` names every fault at once, each by JSON pointer, query parameter or header. Mend the request; repeating it as it is fails again.',
  },
  UNAUTHENTICATED: {
    status: 401,
    title: 'No living credential was presented',
    description:
      'The request carries no credential, or one that is malformed, unknown, revoked, expired or rotated away; which of these is not told. Send `Authorization: Bearer <secret>`.',
  },
  FORBIDDEN: {
    status: 403,
    title: 'The caller may not do this',
    description:
      'The credential is good, and its holder lacks the role or the resources for this request. Admins of the organization may do everything in it; members manage what they created.',
  },
  INSUFFICIENT_SCOPE: {
    status: 403,
    title: 'The token lacks a scope',
    description:
      'The organization token that called does not hold the `ledger:` scope that this route asks for. The member `missingScopes` names it.',
  },
  SCOPES_NOT_HELD: {
    status: 403,
    title: 'The caller does not hold these scopes',
    description:
      'A caller hands on only scopes that it holds itself: creating, updating and rotating a token all hand on its scopes. The member `missingScopes` names those that the caller lacks.',
  },
  QUOTA_ABOVE_OWN: {
    status: 403,
    title: 'The quota is above the own one',
    description:
      'A token cannot give another token a larger quota than its own, which the member `ownMaxQuota` names. A quota of null is not limited, and so above any other.',
  },
  NOT_FOUND: {
    status: 404,
    title: 'Not found',
    description:
      'There is nothing here that the caller may know of. What belongs to another organization is never told apart from what does not exist.',
  },
  METHOD_NOT_ALLOWED: {
    status: 405,
    title: 'The method is not allowed here',
    description: 'The path exists, with other methods. The header `Allow` names them.',
  },
  REQUEST_TIMEOUT: {
    status: 408,
    title: 'The request took too long to arrive',
    description:
      'The head of a request has 10 seconds, the whole of it 30. Nothing was done. Repeat the request.',
  },
  TOKEN_REVOKED: {
    status: 409,
    title: 'The token is revoked',
    description: 'A revoked token stays revoked: it cannot be changed, rotated or charged.',
  },
  TOKEN_EXPIRED: {
    status: 409,
    title: 'The token is expired',
    description:
      'The token, or the secret that was named, is past its end. An update may set a later `expiresAt`; so may a rotation.',
  },
  GRACE_OPEN: {
    status: 409,
    title: 'An earlier grace is still open',
    description:
      'The token was rotated before, and the secret of then is still valid. Wait until `validUntil`, or send `closePrevious: true` to end it now.',
  },
  LEASE_RETURNED: {
    status: 409,
    title: 'The lease was returned before',
    description:
      'What was not used of a lease comes back once. The member `returnedUnits` says how much did; a repeat with the same number is answered like the first time.',
  },
  IDEMPOTENCY_KEY_REUSED: {
    status: 409,
    title: 'The idempotency key was used for another request',
    description:
      'The same `Idempotency-Key` came with another body, or more than 24 hours later. Use a new key for a new request.',
  },
  IDEMPOTENCY_IN_PROGRESS: {
    status: 409,
    title: 'The first request with this key is still under way',
    description: 'Repeat the request, with the same key, a little later.',
  },
  SLUG_TAKEN: {
    status: 409,
    title: 'The slug is taken',
    description: 'Another organization has this slug. Choose a different one.',
  },
  LAST_ADMIN: {
    status: 409,
    title: 'An organization keeps at least one admin',
    description: 'Make somebody else an admin first.',
  },
  PRECONDITION_FAILED: {
    status: 412,
    title: 'The token has changed',
    description:
      'The token is no longer at the revision that `If-Match` named; the member `revision` says where it is. Read it again, and decide anew.',
  },
  PAYLOAD_TOO_LARGE: {
    status: 413,
    title: 'The body is too large',
    description: 'Bodies are limited to 64 KiB.',
  },
  UNSUPPORTED_MEDIA_TYPE: {
    status: 415,
    title: 'The body is of an unsupported type',
    description:
      'Send bodies as `application/json` in UTF-8, without `Content-Encoding`; introspection and RFC 7009 revocation take `application/x-www-form-urlencoded`.',
  },
  HEADERS_TOO_LARGE: {
    status: 431,
    title: 'The head of the request is too large',
    description: 'Request line and headers are limited to 16 KiB together.',
  },
  QUOTA_EXCEEDED: {
    status: 429,
    title: 'The quota is exceeded',
    description:
      'The window has not enough units left for this cost, so nothing was charged. The member `quota` says where the token stands; `Retry-After` and `quota.resetAt` say when the next window begins.',
  },
  RATE_LIMITED: {
    status: 429,
    title: 'Too many requests',
    description: 'Wait as long as `Retry-After` says.',
  },
  CONTENTION: {
    status: 503,
    title: 'Too many others changed the same thing at once',
    description: 'Nothing was written. Repeat the request after `Retry-After` seconds.',
  },
  STORE_UNAVAILABLE: {
    status: 503,
    title: 'The store did not confirm the write',
    description:
      'Whether the write happened is unknown. Repeat the request as it was, with the same `Idempotency-Key`: it happens once.',
  },
  BEHIND: {
    status: 503,
    title: 'This node is behind the log',
    description:
      'The node has not processed the position that the request, or its own last answer, demands. Repeat the request after `Retry-After` seconds.',
  },
  OVERLOADED: {
    status: 503,
    title: 'The service is overloaded',
    description: 'Nothing was done. Repeat the request after `Retry-After` seconds.',
  },
  INTERNAL_ERROR: {
    status: 500,
    title: 'Internal error',
    description:
      'A fault of the service, which its log explains under the request id. Whether a write happened is unknown; repeat it with the same `Idempotency-Key`.',
  },
} as const satisfies Record<string, ProblemKind>;

export type ProblemCode = keyof typeof PROBLEMS;

/** Path at which a problem is documented: its `type`. */
export function problemType(code: ProblemCode): string {
  return `/problems/${slugOf(code)}`;
}

/** The problem that a path segment names, or undefined. */
export function problemOfSlug(slug: string): ProblemCode | undefined {
  return (Object.keys(PROBLEMS) as ProblemCode[]).find((code) => slugOf(code) === slug);
}

function slugOf(code: ProblemCode): string {
  return code.toLowerCase().replaceAll('_', '-');
}
