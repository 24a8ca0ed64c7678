import { parseMessage, type LedgerMessage } from '@ledger/publishing';

const ABOUT = {
  orgId: '00000000-0000-4000-8000-0000000000aa',
  revision: 2,
  occurredAt: '2026-03-27T10:00:00.000Z',
};

let count = 0;

function sample(type: LedgerMessage['type'], data: object): LedgerMessage {
  count += 1;
  const id = `00000000-0000-4000-8000-${String(count).padStart(12, '0')}`;
  return parseMessage(type, id, { ...ABOUT, ...data });
}

export function revoked(tokenId: string, position: bigint | number): LedgerMessage {
  const revocationId = '00000000-0000-4000-8000-0000000000bb';
  const data = { tokenId, position: String(position), revocationId, reason: 'requested' };
  return sample('token-revoked', data);
}

export function updated(tokenId: string, position: bigint | number): LedgerMessage {
  return sample('token-updated', { tokenId, position: String(position), attribute: 'scopes' });
}

export function rotated(
  tokenId: string,
  position: bigint | number,
  grace: { readonly secretId: string; readonly endsAtMs: number; readonly remainingMs: number },
): LedgerMessage {
  return sample('token-rotated', {
    ...{ tokenId, position: String(position), secretId: grace.secretId },
    newSecretId: '00000000-0000-4000-8000-0000000000cc',
    graceEndsAt: new Date(grace.endsAtMs).toISOString(),
    graceRemainingMs: grace.remainingMs,
  });
}
