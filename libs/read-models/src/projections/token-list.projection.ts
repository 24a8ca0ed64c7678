import { evolve, isAttributeChange, noToken, type KnownToken } from '@ledger/domain';
import type { Projection } from '../projector/projection.js';

/** A token as lists and single reads show it. Secrets appear by preview and digest only. */
export interface TokenRow {
  readonly token: KnownToken;
  /** Position of its creation, as a decimal string: the order of lists, stable across rotation. */
  readonly createdPosition: string;
}

/** One row a token: its state, by the same fold that commands are decided on. */
export const tokenList: Projection<TokenRow> = {
  name: 'token-list',
  version: 2,
  columns: {
    org_id: { type: 'TEXT', of: ({ token }) => token.orgId },
    dialect: { type: 'TEXT', of: ({ token }) => token.dialect },
    status: { type: 'TEXT', of: ({ token }) => token.status },
    visibility: { type: 'TEXT', of: ({ token }) => token.visibility },
    created_by_user: { type: 'TEXT', of: ({ token }) => token.createdByUserId },
    owner_id: { type: 'TEXT', of: ({ token }) => token.ownerId },
    name: { type: 'TEXT', of: ({ token }) => token.name.toLowerCase() },
    description: { type: 'TEXT', of: ({ token }) => token.description.toLowerCase() },
    key_id: { type: 'TEXT', of: ({ token }) => token.publicId?.keyId ?? null },
    preview: { type: 'TEXT', of: ({ token }) => token.secrets.current.preview.toLowerCase() },
    expires_at: { type: 'TEXT', of: ({ token }) => token.expiresAt },
    created_at: { type: 'TEXT', of: ({ token }) => token.createdAt },
    // 2^53 events are out of reach of any one deployment; the column sorts, the row keeps the exact text.
    created_position: { type: 'INTEGER', of: ({ createdPosition }) => Number(createdPosition) },
  },
  indexes: [
    ['org_id', 'created_at', 'created_position'],
    ['org_id', 'name'],
  ],
  apply({ payload: event, position, revision }, rows) {
    if (event.type === 'TokenCreated') {
      if (rows.get(event.tokenId)) return;
      const token = evolve(noToken, event) as KnownToken;
      return rows.put(event.tokenId, { token, createdPosition: String(position) });
    }
    if (
      event.type !== 'TokenRotated' &&
      event.type !== 'TokenGraceClosed' &&
      event.type !== 'TokenRevoked' &&
      !isAttributeChange(event)
    ) {
      return;
    }
    const row = rows.get(event.tokenId);
    if (!row) throw new Error(`${event.type} of a token that was never created`);
    // A row that holds the event already is left alone, so that a redelivery changes nothing.
    if (revision <= row.token.revision) return;
    rows.put(event.tokenId, { ...row, token: evolve(row.token, event) as KnownToken });
  },
};
