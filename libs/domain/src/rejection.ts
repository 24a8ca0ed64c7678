import type { Timestamp } from './primitives.js';
import type { Scope } from './scope.js';

/**
 * Why a command was refused. In order of precedence: when several apply, the first is given.
 * Dialects map each code to an answer of their own; docs/errors.md lists them.
 */
export type Rejection =
  /** The acting credential was revoked, or its user removed, before the command took effect. */
  | { readonly code: 'ACTOR_NOT_LIVE' }
  | { readonly code: 'ORGANIZATION_NOT_FOUND' }
  | { readonly code: 'USER_NOT_FOUND' }
  /** Also for a token of another organization: the two are never told apart. */
  | { readonly code: 'TOKEN_NOT_FOUND' }
  /** No gateway of this name has ever reported, or it is another organization's. */
  | { readonly code: 'GATEWAY_NOT_FOUND' }
  | { readonly code: 'FORBIDDEN' }
  | { readonly code: 'IDEMPOTENCY_KEY_REUSED' }
  | { readonly code: 'TOKEN_REVOKED'; readonly revokedAt: Timestamp }
  | { readonly code: 'REVISION_MISMATCH'; readonly revision: number }
  | { readonly code: 'TOKEN_EXPIRED'; readonly expiresAt: Timestamp }
  | { readonly code: 'GRACE_OPEN'; readonly validUntil: Timestamp }
  /** The current secret is ended by rotating or revoking the token, not by itself. */
  | { readonly code: 'SECRET_IS_CURRENT' }
  /** The token has no such secret, or it died long ago. */
  | { readonly code: 'SECRET_NOT_FOUND' }
  /** The token's dialect rotates without a grace period. */
  | { readonly code: 'GRACE_NOT_OFFERED' }
  | { readonly code: 'SCOPES_NOT_HELD'; readonly missingScopes: readonly Scope[] }
  | { readonly code: 'RESOURCES_NOT_HELD' }
  | {
      readonly code: 'QUOTA_ABOVE_OWN';
      readonly ownMaxQuota: number;
      readonly requestedMaxQuota: number | null;
    }
  /** The token holds no such lease in this window. */
  | { readonly code: 'LEASE_NOT_FOUND' }
  /** Its unused units were given back before, and they were not as many. */
  | { readonly code: 'LEASE_RETURNED'; readonly returnedUnits: number }
  | { readonly code: 'RETURN_ABOVE_LEASE'; readonly leasedUnits: number }
  /** The cost is above the whole limit: no window will ever allow it. */
  | { readonly code: 'COST_ABOVE_LIMIT'; readonly cost: number; readonly quota: QuotaStanding }
  | { readonly code: 'QUOTA_EXCEEDED'; readonly cost: number; readonly quota: QuotaStanding }
  | { readonly code: 'SLUG_TAKEN' }
  | { readonly code: 'LAST_ADMIN' };

export type RejectionCode = Rejection['code'];

/** Where a token stands in its current window. `remaining` is null when it is not limited. */
export interface QuotaStanding {
  readonly limit: number | null;
  readonly consumed: number;
  readonly remaining: number | null;
  readonly resetAt: Timestamp;
}

/** What a decider answers: the facts to record (perhaps none), or why not. */
export type Decision<Event> =
  | { readonly outcome: 'accepted'; readonly events: readonly Event[] }
  | { readonly outcome: 'rejected'; readonly rejection: Rejection };

export function accept<Event>(...events: readonly Event[]): Decision<Event> {
  return { outcome: 'accepted', events };
}

export function reject(rejection: Rejection): {
  readonly outcome: 'rejected';
  readonly rejection: Rejection;
} {
  return { outcome: 'rejected', rejection };
}
