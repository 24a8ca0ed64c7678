import { openGrace, statusAt, type KnownToken, type Timestamp } from '@ledger/domain';

export const HEADER_NAME = 'X-API-Key';

/** The dialect's times have whole seconds. */
export function timeOf(instant: Timestamp): string;
export function timeOf(instant: Timestamp | null): string | null;
export function timeOf(instant: Timestamp | null): string | null {
  return instant === null ? null : `${instant.slice(0, 19)}Z`;
}

const STATUS = { active: 'active', expired: 'expired', revoked: 'disabled' } as const;

export function createdAnswer(token: KnownToken, secret: string): object {
  return {
    id: token.publicId?.objectId,
    key_id: token.publicId?.keyId,
    api_key: secret,
    name: token.name,
    scopes: token.scopes,
    expires_at: timeOf(token.expiresAt),
    header_name: HEADER_NAME,
  };
}

/** As it stood when it was rotated, so that a repeat of the request is given the same answer. */
export function rotatedAnswer(token: KnownToken, secret: string): object {
  const rotatedAt = token.rotatedAt ?? token.lastAt;
  return {
    key_id: token.publicId?.keyId,
    api_key: secret,
    expires_at: timeOf(token.expiresAt),
    previous_key_expires_at: timeOf(openGrace(token.secrets, rotatedAt)),
  };
}

/** A key as the list shows it: all fields, in the documented order, never the key itself. */
export function listItem(
  token: KnownToken,
  use: {
    readonly createdBy: string;
    readonly lastUsedAt: Timestamp | null;
    readonly now: Timestamp;
  },
): object {
  const keyId = token.publicId?.keyId ?? '';
  const status = statusAt(token, use.now);
  return {
    id: token.publicId?.objectId,
    key_id: keyId,
    key_prefix: `sk_live_${keyId}`,
    name: token.name,
    description: token.description,
    status: STATUS[status],
    scopes: token.scopes,
    created_by: use.createdBy,
    created_at: timeOf(token.createdAt),
    updated_at: timeOf(token.lastAt),
    expires_at: timeOf(token.expiresAt),
    last_used_at: timeOf(use.lastUsedAt),
    last_rotated_at: timeOf(token.rotatedAt),
    // Revocation ends every grace at once.
    previous_key_expires_at:
      status === 'revoked' ? null : timeOf(openGrace(token.secrets, use.now)),
  };
}
