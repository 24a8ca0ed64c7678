import {
  ENDED,
  isAttributeChange,
  subjectOfStream,
  type Dialect,
  type OrgId,
  type ResourceGrant,
  type SecretDigest,
  type TokenAttributeChanged,
  type TokenCreated,
  type TokenGraceClosed,
  type TokenId,
  type TokenRevoked,
  type TokenRotated,
  type UserEvent,
  type UserId,
  type VerifiableSecret,
  type VerifiableToken,
  type Visibility,
} from '@ledger/domain';
import type { Projection } from '../projector/projection.js';

/** A secret that was ever issued. `validUntil` null: current; `ENDED`: ended by a rotation. */
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
  /** Names the token in its own secrets, where its dialect salts them; null elsewhere. */
  readonly keyId: string | null;
  /** How many events of the token's stream the row holds. */
  readonly revision: number;
  /** Newest last. */
  readonly secrets: readonly CredentialSecret[];
}

/** What authentication knows of a user. */
export interface UserCredential {
  readonly kind: 'user';
  readonly userId: UserId;
  readonly revision: number;
  readonly tokens: readonly {
    readonly tokenId: TokenId;
    readonly digest: SecretDigest;
    readonly revoked: boolean;
  }[];
}

/** An event about them was skipped, so that nobody knows what their secrets are good for: none is accepted. */
export interface FrozenCredential {
  readonly kind: 'frozen';
}

export type Credential = TokenCredential | UserCredential | FrozenCredential;

/** One row a token or user: every secret it ever had, and what those are good for. */
export const credentials: Projection<Credential> = {
  name: 'credentials',
  version: 3,
  columns: {},
  indexes: [],
  lookUps: (row) => {
    if (row.kind === 'frozen') return [];
    if (row.kind === 'user') return row.tokens.map(({ digest }) => digest);
    const ids = row.keyId === null ? [] : [row.keyId];
    return [...ids, ...row.secrets.flatMap(({ digest, secretId }) => [digest, secretId])];
  },
  apply({ payload: event, revision }, rows) {
    switch (event.type) {
      case 'EventSkipped': {
        const { streamId } = event;
        const subject = subjectOfStream('token', streamId) ?? subjectOfStream('user', streamId);
        if (subject !== null) rows.put(subject, { kind: 'frozen' });
        return;
      }
      case 'TokenCreated':
        if (!rows.get(event.tokenId)) rows.put(event.tokenId, created(event));
        return;
      case 'UserRegistered': {
        const { userId } = event;
        if (!rows.get(userId)) rows.put(userId, { kind: 'user', userId, revision, tokens: [] });
        return;
      }
      case 'PersonalTokenIssued':
      case 'PersonalTokenRevoked': {
        const found = rows.get(event.userId);
        if (found?.kind === 'frozen') return;
        const row = userRow(found);
        if (revision > row.revision)
          rows.put(event.userId, withPersonalToken(row, event, revision));
        return;
      }
      default: {
        if (
          event.type !== 'TokenRotated' &&
          event.type !== 'TokenGraceClosed' &&
          event.type !== 'TokenRevoked' &&
          !isAttributeChange(event)
        ) {
          return;
        }
        const found = rows.get(event.tokenId);
        if (found?.kind === 'frozen') return;
        const row = tokenRow(found);
        // A row that holds the event already is left alone, so that a redelivery changes nothing.
        if (revision > row.revision) rows.put(event.tokenId, { ...changed(row, event), revision });
      }
    }
  },
};

function created(event: TokenCreated): TokenCredential {
  const { tokenId, orgId, dialect, name, ownerId, metadata, scopes, resources } = event;
  const { maxQuota, visibility, expiresAt, createdByUserId, secret } = event;
  const { secretId, digest } = secret;
  return {
    kind: 'token',
    ...{ tokenId, orgId, dialect, name, ownerId, metadata, scopes, resources },
    ...{ maxQuota, visibility, expiresAt, createdByUserId, revoked: false, revision: 1 },
    keyId: event.publicId?.keyId ?? null,
    secrets: [{ secretId, digest, validUntil: null }],
  };
}

function changed(
  row: TokenCredential,
  event: TokenRotated | TokenGraceClosed | TokenRevoked | TokenAttributeChanged,
): TokenCredential {
  switch (event.type) {
    case 'TokenRevoked':
      return { ...row, revoked: true };
    case 'TokenRotated': {
      const { fromSecretId, previousValidUntil, expiresAt } = event;
      const { secretId, digest } = event.secret;
      // A rotation ends the secret it replaces, and whatever older grace was still open.
      const older = row.secrets.map((secret) => ({
        ...secret,
        validUntil: (secret.secretId === fromSecretId ? previousValidUntil : null) ?? ENDED,
      }));
      return { ...row, expiresAt, secrets: [...older, { secretId, digest, validUntil: null }] };
    }
    case 'TokenGraceClosed': {
      const secrets = row.secrets.map((secret) =>
        secret.secretId === event.secretId ? { ...secret, validUntil: ENDED } : secret,
      );
      return { ...row, secrets };
    }
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

function withPersonalToken(
  row: UserCredential,
  event: Extract<UserEvent, { tokenId: unknown }>,
  revision: number,
): UserCredential {
  const { tokenId } = event;
  if (event.type === 'PersonalTokenIssued') {
    const issued = { tokenId, digest: event.digest, revoked: false };
    return { ...row, revision, tokens: [...row.tokens, issued] };
  }
  const tokens = row.tokens.map((token) =>
    token.tokenId === tokenId ? { ...token, revoked: true } : token,
  );
  return { ...row, revision, tokens };
}

function tokenRow(row: Credential | undefined): TokenCredential {
  if (row?.kind !== 'token') throw new Error('a fact about a token that was never created');
  return row;
}

function userRow(row: Credential | undefined): UserCredential {
  if (row?.kind !== 'user') throw new Error('a fact about a user who was never registered');
  return row;
}
