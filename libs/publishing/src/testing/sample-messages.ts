import type { OrgId, Timestamp, TokenId } from '@ledger/domain';
import type { LedgerMessage } from '../messages/ledger-message.js';
import { messageRecord, type OutgoingRecord } from '../messages/outgoing-record.js';

const at = '2026-02-03T04:05:06.000Z' as Timestamp;

/** A revocation of token `token`, as the event at `position`. */
export function sampleMessage(position: number, token = `token-${position}`): LedgerMessage {
  return {
    id: `event-${position}`,
    type: 'token-revoked',
    data: {
      tokenId: token as TokenId,
      orgId: 'org-1' as OrgId,
      revision: position,
      position: String(position),
      occurredAt: at,
      revocationId: `revocation-${position}`,
      reason: 'requested',
    },
  };
}

export function sampleRecord(position: number, token?: string): OutgoingRecord {
  return messageRecord(sampleMessage(position, token), { ledgerId: 'ledger-1', epoch: 1 });
}

/** Records of `count` messages, of `tokens` tokens in turn. */
export function sampleRecords(count: number, tokens = count): readonly OutgoingRecord[] {
  return Array.from({ length: count }, (_, index) =>
    sampleRecord(index + 1, `token-${index % tokens}`),
  );
}
