import {
  isAttributeChange,
  type Dialect,
  type OrgId,
  type ResourceGrant,
  type SecretDigest,
  type SecretId,
  type Timestamp,
  type TokenId,
  type UserId,
  type VerifiableSecret,
  type VerifiableToken,
  type Visibility,
} from '@ledger/domain';
import type { Projection } from '../projector/projection.js';

/** A secret that was ever issued. `validUntil` null: current; a time in the past: rotated away. */
export interface CredentialSecret extends VerifiableSecret {
  readonly digest: SecretDigest;
}

/** What authentication and verification know of a token. */
export interface TokenCredential extends VerifiableToken {
  readonly kind: 'token';
  readonly tokenId: TokenId;
  readonly orgId: OrgId;
  readonly dialect: Dialect;
  readonly name: string;
  readonly ownerId: string | null;
  readonly metadata: Readonly<Record<string, string>>;
  readonly maxQuota: number | null;
  readonly visibility: Visibility;
  readonly resources: readonly ResourceGrant[];
  readonly createdByUserId: UserId | null;
  /** Newest last. */
  readonly secrets: readonly CredentialSecret[];
}

/** What authentication knows of a user. */
export interface UserCredential {
  readonly kind: 'user';
  readonly userId: UserId;
  readonly tokens: readonly {
    readonly tokenId: TokenId;
    readonly digest: SecretDigest;
    readonly revoked: boolean;
  }[];
}

export type Credential = TokenCredential | UserCredential;

/** One row a token or user: every secret it ever had, and what those are good for. */
export const credentials: Projection<Credential> = {
  name: 'credentials',
  version: 1,
  columns: {},
  indexes: [],
  apply({ payload: event }, rows) {
    switch (event.type) {
      case 'TokenCreated': {
        const { tokenId, orgId, dialect, name, ownerId, metadata, scopes, resources } = event;
        const { maxQuota, visibility, expiresAt, createdByUserId, secret } = event;
        const { secretId, digest } = secret;
        return rows.put(tokenId, {
          kind: 'token',
          ...{ tokenId, orgId, dialect, name, ownerId, metadata, scopes, resources },
          ...{ maxQuota, visibility, expiresAt, createdByUserId, revoked: false },
          secrets: [{ secretId, digest, validUntil: null }],
        });
      }
      case 'TokenRotated': {
        const row = tokenRow(rows.get(event.tokenId));
        const { secretId, digest } = event.secret;
        const endedAt = event.previousValidUntil ?? event.occurredAt;
        return rows.put(event.tokenId, {
          ...row,
          expiresAt: event.expiresAt,
          secrets: [
            ...row.secrets.map((secret) =>
              ended(secret, event.fromSecretId, endedAt, event.occurredAt),
            ),
            { secretId, digest, validUntil: null },
          ],
        });
      }
      case 'TokenRevoked':
        return rows.put(event.tokenId, { ...tokenRow(rows.get(event.tokenId)), revoked: true });
      case 'UserRegistered':
        return rows.put(event.userId, { kind: 'user', userId: event.userId, tokens: [] });
      case 'PersonalTokenIssued': {
        const row = userRow(rows.get(event.userId));
        const { tokenId, digest } = event;
        const tokens = [...row.tokens, { tokenId, digest, revoked: false }];
        return rows.put(event.userId, { ...row, tokens });
      }
      case 'PersonalTokenRevoked': {
        const row = userRow(rows.get(event.userId));
        const tokens = row.tokens.map((token) =>
          token.tokenId === event.tokenId ? { ...token, revoked: true } : token,
        );
        return rows.put(event.userId, { ...row, tokens });
      }
      default: {
        if (!isAttributeChange(event)) return;
        const row = tokenRow(rows.get(event.tokenId));
        return rows.put(event.tokenId, withAttribute(row, event));
      }
    }
  },
};

function withAttribute(
  row: TokenCredential,
  event: Extract<Parameters<typeof credentials.apply>[0]['payload'], { to: unknown }>,
): TokenCredential {
  switch (event.type) {
    case 'TokenRenamed':
      return { ...row, name: event.to };
    case 'TokenScopesChanged':
      return { ...row, scopes: event.to };
    case 'TokenResourcesChanged':
      return { ...row, resources: event.to };
    case 'TokenMaxQuotaChanged':
      return { ...row, maxQuota: event.to };
    case 'TokenVisibilityChanged':
      return { ...row, visibility: event.to };
    case 'TokenOwnerChanged':
      return { ...row, ownerId: event.to };
    case 'TokenMetadataChanged':
      return { ...row, metadata: event.to };
    case 'TokenExpiryChanged':
      return { ...row, expiresAt: event.to };
    default:
      return row;
  }
}

/** A rotation ends the secret it replaces, and whatever older grace was still open. */
function ended(
  secret: CredentialSecret,
  replaced: SecretId,
  endsAt: Timestamp,
  now: Timestamp,
): CredentialSecret {
  if (secret.secretId === replaced) return { ...secret, validUntil: endsAt };
  if (secret.validUntil !== null && secret.validUntil <= now) return secret;
  return { ...secret, validUntil: now };
}

function tokenRow(row: Credential | undefined): TokenCredential {
  if (row?.kind !== 'token') throw new Error('a fact about a token that was never created');
  return row;
}

function userRow(row: Credential | undefined): UserCredential {
  if (row?.kind !== 'user') throw new Error('a fact about a user who was never registered');
  return row;
}
