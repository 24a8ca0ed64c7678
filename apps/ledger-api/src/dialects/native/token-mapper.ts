import {
  openGrace,
  statusAt,
  type KnownToken,
  type QuotaStanding,
  type Timestamp,
} from '@ledger/domain';

/** A token as the native API shows it. Of its secrets it shows names and previews, no more. */
export interface TokenView {
  readonly id: string;
  readonly orgId: string;
  readonly dialect: string;
  readonly name: string;
  readonly description: string;
  readonly scopes: readonly string[];
  readonly resources: readonly object[];
  readonly maxQuota: number | null;
  readonly visibility: string;
  readonly status: 'active' | 'expired' | 'revoked';
  readonly ownerId: string | null;
  readonly metadata: Readonly<Record<string, string>>;
  readonly createdAt: Timestamp;
  readonly createdBy: { readonly kind: string; readonly id: string };
  readonly expiresAt: Timestamp | null;
  readonly lastUsedAt: Timestamp | null;
  readonly revokedAt: Timestamp | null;
  readonly revokedReason: string | null;
  readonly secrets: readonly SecretView[];
  readonly revision: number;
}

export interface SecretView {
  readonly id: string;
  readonly preview: string;
  readonly issuedAt: Timestamp;
  readonly validUntil: Timestamp | null;
}

/** @param now When the token is looked at: expiry and grace are judged by it. */
export function tokenView(
  token: KnownToken,
  lastUsedAt: Timestamp | null,
  now: Timestamp,
): TokenView {
  const { name, description, scopes, resources, maxQuota, visibility, ownerId, metadata } = token;
  const { orgId, dialect, createdAt, expiresAt, revision } = token;
  return {
    id: token.tokenId,
    ...{ orgId, dialect, name, description, scopes, resources, maxQuota, visibility },
    status: statusAt(token, now),
    ...{ ownerId, metadata, createdAt },
    createdBy: { kind: token.createdBy.kind, id: token.createdBy.id },
    ...{ expiresAt, lastUsedAt },
    revokedAt: token.revocation?.revokedAt ?? null,
    revokedReason: token.revocation?.reason ?? null,
    secrets: secretViews(token, now),
    revision,
  };
}

/** The current secret, and the one before it while its grace is open. Newest first. */
function secretViews(token: KnownToken, now: Timestamp): readonly SecretView[] {
  const { current, previous } = token.secrets;
  const views: SecretView[] = [
    {
      id: current.secretId,
      preview: current.preview,
      issuedAt: current.issuedAt,
      validUntil: null,
    },
  ];
  if (previous && token.status !== 'revoked' && openGrace(token.secrets, now) !== null) {
    const { secretId: id, preview, issuedAt, validUntil } = previous;
    views.push({ id, preview, issuedAt, validUntil });
  }
  return views;
}

export function quotaView({ limit, consumed, remaining, resetAt }: QuotaStanding): QuotaStanding {
  return { limit, consumed, remaining, resetAt };
}
