import type { OrgId, SecretDigest, SecretId, Timestamp, TokenId, UserId } from './primitives.js';
import type { Scope } from './scope.js';

/** The product whose rules and formats a token follows. */
export type Dialect = 'native' | 'socket' | 'socmate';

export type Visibility = 'admin' | 'organization';

/** Who stands behind the code that uses a token. Empty strings where the caller named nobody. */
export interface Committer {
  readonly email: string;
  readonly provider: 'api' | 'azure' | 'bitbucket' | 'github' | 'gitlab';
  readonly providerLoginName: string;
  readonly providerUserId: string;
}

/** Something a token may reach. An empty `repository` or `workspace` leaves that part open. */
export interface ResourceGrant {
  readonly organization: string;
  readonly repository: string;
  readonly workspace: string;
}

/** What a caller may choose when creating a token, and change later. */
export interface TokenAttributes {
  readonly name: string;
  readonly description: string;
  readonly scopes: readonly Scope[];
  /** Empty: not limited to any resource. */
  readonly resources: readonly ResourceGrant[];
  /** Units per window; null is not limited, and still counted. */
  readonly maxQuota: number | null;
  readonly visibility: Visibility;
  readonly committer: Committer | null;
  readonly ownerId: string | null;
  readonly metadata: Readonly<Record<string, string>>;
  readonly expiresAt: Timestamp | null;
}

/** A secret as the ledger knows it: its name, its digest, and enough characters to recognise it by. */
export interface IssuedSecret {
  readonly secretId: SecretId;
  readonly digest: SecretDigest;
  /** Prefix and last four characters. */
  readonly preview: string;
}

/** Names that a dialect shows of a token besides its id. They never change. */
export interface PublicId {
  /** `k_` and twelve characters: part of every secret of the token, and what it is addressed by. */
  readonly keyId: string;
  /** Twenty-four hexadecimal digits. */
  readonly objectId: string;
}

/** Who did something: a user by personal token, an organization's token, or the ledger's operator. */
export interface Creator {
  readonly kind: 'user' | 'org_token' | 'system';
  readonly id: string;
}

export type RevocationReason = 'requested' | 'compromised' | 'superseded' | 'unused' | 'other';

/** Which event records the change of which attribute: one event for each attribute that changed. */
export const ATTRIBUTE_EVENTS = {
  name: 'TokenRenamed',
  description: 'TokenDescriptionChanged',
  scopes: 'TokenScopesChanged',
  resources: 'TokenResourcesChanged',
  maxQuota: 'TokenMaxQuotaChanged',
  visibility: 'TokenVisibilityChanged',
  committer: 'TokenCommitterChanged',
  ownerId: 'TokenOwnerChanged',
  metadata: 'TokenMetadataChanged',
  expiresAt: 'TokenExpiryChanged',
} as const satisfies Record<keyof TokenAttributes, string>;

interface TokenFact {
  readonly tokenId: TokenId;
  readonly orgId: OrgId;
  readonly occurredAt: Timestamp;
}

export interface TokenCreated extends TokenFact, TokenAttributes {
  readonly type: 'TokenCreated';
  readonly dialect: Dialect;
  /** Absent in dialects that name a token by its id alone. */
  readonly publicId?: PublicId;
  readonly secret: IssuedSecret;
  readonly createdBy: Creator;
  /** The user who called, or who stands at the start of the chain of creating tokens; null if none. */
  readonly createdByUserId: UserId | null;
}

export type TokenAttributeChanged = {
  [A in keyof TokenAttributes]: TokenFact & {
    readonly type: (typeof ATTRIBUTE_EVENTS)[A];
    readonly from: TokenAttributes[A];
    readonly to: TokenAttributes[A];
  };
}[keyof TokenAttributes];

export interface TokenRotated extends TokenFact {
  readonly type: 'TokenRotated';
  readonly fromSecretId: SecretId;
  readonly secret: IssuedSecret;
  /** End of the old secret's grace; null when it died at once. */
  readonly previousValidUntil: Timestamp | null;
  readonly expiresAt: Timestamp | null;
}

/** The grace of a rotated secret ended before its time. */
export interface TokenGraceClosed extends TokenFact {
  readonly type: 'TokenGraceClosed';
  readonly secretId: SecretId;
}

export interface TokenRevoked extends TokenFact {
  readonly type: 'TokenRevoked';
  readonly revocationId: string;
  readonly reason: RevocationReason;
  readonly note: string | null;
}

/** A use that cost nothing, recorded at most once a minute. Lives in `usage-<tokenId>`. */
export interface TokenUsed extends TokenFact {
  readonly type: 'TokenUsed';
  readonly secretId: SecretId;
}

/**
 * Facts about one token, in the past tense. Stored for ever: add fields, never rename one.
 * All but `TokenUsed` live in `token-<tokenId>`.
 */
export type TokenEvent =
  TokenCreated | TokenAttributeChanged | TokenRotated | TokenGraceClosed | TokenRevoked | TokenUsed;

const ATTRIBUTE_OF_EVENT = new Map<string, keyof TokenAttributes>(
  Object.entries(ATTRIBUTE_EVENTS).map(([attribute, type]) => [
    type,
    attribute as keyof TokenAttributes,
  ]),
);

/** The attribute whose change an event records, or undefined for any other event. */
export function changedAttribute(eventType: string): keyof TokenAttributes | undefined {
  return ATTRIBUTE_OF_EVENT.get(eventType);
}

export function isAttributeChange(event: { type: string }): event is TokenAttributeChanged {
  return ATTRIBUTE_OF_EVENT.has(event.type);
}
