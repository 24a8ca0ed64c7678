import type { OrgId, Timestamp } from '@ledger/domain';

export interface AuditFilters {
  /** Types of events; undefined shows all. */
  readonly types?: readonly string[];
  readonly tokenId?: string;
  /** Id of the user or token that did it, or `system`. */
  readonly actorId?: string;
  /** Entries at or after this instant. */
  readonly from?: Timestamp;
  /** Entries before this instant. */
  readonly to?: Timestamp;
}

export interface AuditSearch {
  readonly orgId: OrgId;
  readonly filters: AuditFilters;
  /** Entries before this position of the log, a decimal string; undefined starts at the newest. */
  readonly before?: string;
  readonly limit: number;
}

/**
 * The query of one page, newest first. It goes on before a position and not after a number of rows, so that
 * what is added meanwhile moves nothing. One row more than the limit tells whether more follows.
 */
export function auditSearchQuery(
  { orgId, filters, before, limit }: AuditSearch,
  table: string,
): { readonly sql: string; readonly parameters: readonly unknown[] } {
  const { types, tokenId, actorId, from, to } = filters;
  const conditions: readonly (readonly [sql: string, value: unknown])[] = [
    ['org_id = ?', orgId],
    ['position < ?', before === undefined ? undefined : BigInt(before)],
    ['type IN (SELECT value FROM json_each(?))', types && JSON.stringify(types)],
    ['token_id = ?', tokenId],
    ['actor_id = ?', actorId],
    ['occurred_at >= ?', from],
    ['occurred_at < ?', to],
  ];
  const asked = conditions.filter(([, value]) => value !== undefined);
  return {
    sql: `SELECT row FROM "${table}" WHERE ${asked.map(([sql]) => sql).join(' AND ')}
      ORDER BY position DESC LIMIT ?`,
    parameters: [...asked.map(([, value]) => value), limit + 1],
  };
}
