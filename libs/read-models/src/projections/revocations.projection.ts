import type { OrgId, Timestamp, TokenId } from '@ledger/domain';
import type { Projection } from '../projector/projection.js';

/** Where in the log a token was revoked. */
export interface RevocationRow {
  readonly revocationId: string;
  readonly tokenId: TokenId;
  readonly orgId: OrgId;
  readonly position: string;
  readonly revokedAt: Timestamp;
}

/** One row a revocation, by its id. */
export const revocations: Projection<RevocationRow> = {
  name: 'revocations',
  version: 1,
  columns: {},
  indexes: [],
  apply({ payload: event, position }, rows) {
    if (event.type !== 'TokenRevoked') return;
    const { revocationId, tokenId, orgId, occurredAt: revokedAt } = event;
    rows.put(revocationId, { revocationId, tokenId, orgId, position: String(position), revokedAt });
  },
};
