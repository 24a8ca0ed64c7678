import {
  timestamp,
  type OrgId,
  type SecretId,
  type Timestamp,
  type TokenId,
} from './primitives.js';
import type { QuotaStanding } from './rejection.js';
import { missingScopes, type Scope } from './scope.js';
import type { Dialect, ResourceGrant } from './token-events.js';

/** What a gateway learns about a secret. In order of precedence: when several apply, the first is given. */
export const VERIFICATION_CODES = [
  'NOT_FOUND',
  'REVOKED',
  'EXPIRED',
  'ROTATED',
  'RESOURCE_NOT_ALLOWED',
  'INSUFFICIENT_SCOPE',
  'QUOTA_EXCEEDED',
  'VALID',
] as const;

export type VerificationCode = (typeof VERIFICATION_CODES)[number];

/** A token as verification needs it. One object a token, shared by all of its secrets. */
export interface VerifiableToken {
  readonly tokenId: TokenId;
  readonly orgId: OrgId;
  readonly dialect: Dialect;
  readonly revoked: boolean;
  readonly expiresAt: Timestamp | null;
  readonly scopes: readonly Scope[];
  readonly resources: readonly ResourceGrant[];
}

/** The end of a secret that died when it was rotated away: before any clock, however far behind (X3). */
export const ENDED = timestamp(0);

/** A secret as verification needs it. `validUntil` null: current; {@link ENDED}: it never had a grace. */
export interface VerifiableSecret {
  readonly secretId: SecretId;
  readonly validUntil: Timestamp | null;
}

/** What the call wants to do with the token. */
export interface RequestedUse {
  readonly scopes: readonly Scope[];
  readonly resource: ResourceGrant | null;
  /** Slug of the token's organization: the only resource of a token that is not limited to any. */
  readonly ownOrganization: string;
}

/**
 * When a secret stops being good if nothing else happens: the expiry of its token, or the end of its own
 * grace where that comes first; null for never. A secret that never had a grace has no such end.
 */
export function secretExpiry(
  { expiresAt }: Pick<VerifiableToken, 'expiresAt'>,
  { validUntil }: Pick<VerifiableSecret, 'validUntil'>,
): Timestamp | null {
  if (validUntil === null || validUntil === ENDED) return expiresAt;
  return expiresAt === null || validUntil < expiresAt ? validUntil : expiresAt;
}

/** Judges one use, save for its quota, which is decided where it is charged. */
export function judge(
  token: VerifiableToken,
  secret: VerifiableSecret,
  use: RequestedUse,
  now: Timestamp,
): Exclude<VerificationCode, 'NOT_FOUND' | 'QUOTA_EXCEEDED'> {
  if (token.revoked) return 'REVOKED';
  if (token.expiresAt !== null && token.expiresAt <= now) return 'EXPIRED';
  if (secret.validUntil !== null && secret.validUntil <= now) return 'ROTATED';
  if (!allowsResource(token.resources, use)) return 'RESOURCE_NOT_ALLOWED';
  if (use.scopes.length > 0 && missingScopes(token.scopes, use.scopes).length > 0) {
    return 'INSUFFICIENT_SCOPE';
  }
  return 'VALID';
}

/** A token limited to resources is good for nothing else, so a call that names none is refused. */
function allowsResource(
  grants: readonly ResourceGrant[],
  { resource, ownOrganization }: RequestedUse,
): boolean {
  if (grants.length === 0) return resource === null || resource.organization === ownOrganization;
  if (resource === null) return false;
  return grants.some(
    (grant) =>
      grant.organization === resource.organization &&
      (grant.repository === '' || grant.repository === resource.repository) &&
      (grant.workspace === '' || grant.workspace === resource.workspace),
  );
}

/** Whether a standing leaves room for a cost; what a gateway is told when nothing is charged. */
export function hasRoom({ remaining }: QuotaStanding, cost: number): boolean {
  return remaining === null || cost <= remaining;
}
