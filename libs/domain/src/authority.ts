import type { OrgId, Timestamp, TokenId, UserId } from './primitives.js';
import type { Scope } from './scope.js';
import type { Creator, ResourceGrant, TokenAttributes } from './token-events.js';

/**
 * What the caller may do, judged from the caller's own streams right before the append (decision 3),
 * never from the read model that let the request in.
 */
export type Authority =
  /** The operator at the command line, and the first start. May do everything. */
  | { readonly kind: 'system' }
  /** The credential was revoked, or its user left, after the request had come in. */
  | { readonly kind: 'dead' }
  | {
      readonly kind: 'user';
      readonly userId: UserId;
      /** Role in the organization that the command is about; null for no membership. */
      readonly role: 'admin' | 'member' | null;
      readonly operator: boolean;
    }
  | {
      readonly kind: 'token';
      readonly tokenId: TokenId;
      readonly orgId: OrgId;
      readonly createdByUserId: UserId | null;
      readonly scopes: readonly Scope[];
      readonly resources: readonly ResourceGrant[];
      readonly maxQuota: number | null;
      readonly expiresAt: Timestamp | null;
    };

/** The limits that an authority cannot exceed when it hands out power; null for none. */
export type Holdings = Pick<TokenAttributes, 'scopes' | 'resources' | 'maxQuota'>;

/** A member holds no scope to hand on; admins and the operator hold everything. */
export function holdingsOf(authority: Authority): Holdings | null {
  switch (authority.kind) {
    case 'system':
      return null;
    case 'dead':
      return { scopes: [], resources: [], maxQuota: 0 };
    case 'user':
      return authority.role === 'admin' ? null : { scopes: [], resources: [], maxQuota: 0 };
    case 'token':
      return authority;
  }
}

/** The user recorded as the creator: the caller, or who created the calling token. */
export function creatingUser(authority: Authority): UserId | null {
  switch (authority.kind) {
    case 'system':
    case 'dead':
      return null;
    case 'user':
      return authority.userId;
    case 'token':
      return authority.createdByUserId;
  }
}

export function asCreator(authority: Authority): Creator {
  switch (authority.kind) {
    case 'user':
      return { kind: 'user', id: authority.userId };
    case 'token':
      return { kind: 'org_token', id: authority.tokenId };
    case 'system':
    case 'dead':
      return { kind: 'system', id: 'system' };
  }
}

/** Whether a grant covers another: the same organization, and no part wider than its own. */
function covers(own: ResourceGrant, asked: ResourceGrant): boolean {
  return (
    own.organization === asked.organization &&
    (own.repository === '' || own.repository === asked.repository) &&
    (own.workspace === '' || own.workspace === asked.workspace)
  );
}

/** Whether a holder limited to `held` may hand on `asked`. No limit is wider than any (A10). */
export function coversResources(
  held: readonly ResourceGrant[],
  asked: readonly ResourceGrant[],
): boolean {
  if (held.length === 0) return true;
  return asked.length > 0 && asked.every((grant) => held.some((own) => covers(own, grant)));
}

/** Whether a limit of units is above another; null is not limited. */
export function exceedsQuota(asked: number | null, own: number | null): boolean {
  if (own === null) return false;
  return asked === null || asked > own;
}
