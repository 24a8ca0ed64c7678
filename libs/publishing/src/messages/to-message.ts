import {
  changedAttribute,
  epochMs,
  isAttributeChange,
  subjectOfStream,
  type Timestamp,
  type TokenEvent,
  type TokenId,
} from '@ledger/domain';
import type { StoredEvent } from '@ledger/event-store';
import type { LedgerMessage } from './ledger-message.js';

/** Attributes that no cached answer shows or is judged by. */
const NOT_CACHED = new Set(['description', 'visibility', 'committer']);

/**
 * Chooses what leaves the ledger: at most one message an event, none for the rest. Pure.
 *
 * @param now When the message is sent, for what is left of a grace.
 */
export function toMessage(stored: StoredEvent, now: Timestamp): LedgerMessage | undefined {
  const { eventId: id, payload, revision, position } = stored;
  switch (payload.type) {
    case 'TokenRevoked': {
      const { revocationId, reason } = payload;
      const data = { ...about(payload, revision, position), revocationId, reason };
      return { id, type: 'token-revoked', data };
    }
    case 'TokenRotated': {
      const graceEndsAt = payload.previousValidUntil ?? payload.occurredAt;
      const data = {
        ...about(payload, revision, position),
        secretId: payload.fromSecretId,
        newSecretId: payload.secret.secretId,
        graceEndsAt,
        graceRemainingMs: Math.max(0, epochMs(graceEndsAt) - epochMs(now)),
      };
      return { id, type: 'token-rotated', data };
    }
    case 'TokenGraceClosed': {
      const { secretId, occurredAt: graceEndsAt } = payload;
      const ended = { secretId, newSecretId: null, graceEndsAt, graceRemainingMs: 0 };
      return {
        id,
        type: 'token-rotated',
        data: { ...about(payload, revision, position), ...ended },
      };
    }
    case 'EventSkipped': {
      const { streamId, orgId, occurredAt } = payload;
      const tokenId = subjectOfStream('token', streamId) as TokenId | null;
      if (tokenId === null || orgId === null) return undefined;
      const skipped = about({ tokenId, orgId, occurredAt }, payload.revision, position);
      return { id, type: 'token-updated', data: { ...skipped, attribute: 'status' } };
    }
    default: {
      if (!isAttributeChange(payload)) return undefined;
      const attribute = changedAttribute(payload.type)!;
      if (NOT_CACHED.has(attribute)) return undefined;
      const data = { ...about(payload, revision, position), attribute };
      return { id, type: 'token-updated', data };
    }
  }
}

function about(
  { tokenId, orgId, occurredAt }: Pick<TokenEvent, 'tokenId' | 'orgId' | 'occurredAt'>,
  revision: number,
  position: bigint,
): Pick<LedgerMessage['data'], 'tokenId' | 'orgId' | 'revision' | 'position' | 'occurredAt'> {
  return { tokenId, orgId, revision, position: String(position), occurredAt };
}
