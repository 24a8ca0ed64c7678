import type { OrgId, SecretDigest, SecretId, Timestamp, TokenId } from './primitives.js';
import type {
  Dialect,
  IssuedSecret,
  PublicId,
  RevocationReason,
  TokenAttributes,
} from './token-events.js';

interface TokenCommandBase {
  readonly tokenId: TokenId;
  /** The organization that was addressed. A token of another one is not found. */
  readonly orgId: OrgId;
  readonly now: Timestamp;
}

/** Further names the caller gave for the same token: all must agree, else it is not found (A12). */
export interface TokenIdentity {
  /** Digest of the current secret, from a `hash` or a `token` value. */
  readonly digest?: SecretDigest;
  /** Name of the current secret. */
  readonly secretId?: SecretId;
}

interface TargetedCommand extends TokenCommandBase {
  readonly identity?: TokenIdentity;
  /** The token's revision that the caller saw (If-Match); undefined asks for no such check. */
  readonly expectedRevision?: number;
}

export interface CreateToken extends TokenCommandBase {
  readonly type: 'CreateToken';
  readonly dialect: Dialect;
  readonly publicId?: PublicId;
  readonly attributes: TokenAttributes;
  readonly secret: IssuedSecret;
}

export interface UpdateToken extends TargetedCommand {
  readonly type: 'UpdateToken';
  readonly changes: Partial<TokenAttributes>;
}

export interface RotateToken extends TargetedCommand {
  readonly type: 'RotateToken';
  readonly secret: IssuedSecret;
  /** How long the old secret stays valid; 0 ends it at once. */
  readonly graceMs: number;
  /** Ends an older grace that is still open, instead of refusing. */
  readonly closePrevious: boolean;
  /** A new expiry; undefined keeps the token's own. */
  readonly expiresAt?: Timestamp | null;
}

/** Ends the grace of the secret that the last rotation replaced. */
export interface CloseGrace extends TargetedCommand {
  readonly type: 'CloseGrace';
  readonly secretId: SecretId;
}

export interface RevokeToken extends TargetedCommand {
  readonly type: 'RevokeToken';
  readonly revocationId: string;
  readonly reason: RevocationReason;
  readonly note: string | null;
}

export type TokenCommand = CreateToken | UpdateToken | RotateToken | CloseGrace | RevokeToken;
