import {
  timestamp,
  epochMs,
  type Dialect,
  type OrgId,
  type Timestamp,
  type UserId,
} from '@ledger/domain';

/** Whose eyes a list is for: a member sees what is visible to the organization, and what they created. */
export interface Viewer {
  readonly seesAll: boolean;
  readonly userId: UserId | null;
}

/** `active` includes `expiring`, which is active with at most `expiringMs` left. */
export type StatusFilter = 'active' | 'expiring' | 'expired' | 'revoked';

export interface TokenFilters {
  readonly status?: StatusFilter;
  /** Part of the name, or of the current secret's preview, in any case. */
  readonly text?: string;
  /** Tokens that hold one of these: the scope that is asked for, and those that grant it. */
  readonly anyOfScopes?: readonly string[];
  readonly ownerId?: string;
  readonly dialect?: Dialect;
  /** Tokens that were neither used nor created since. */
  readonly unusedSince?: Timestamp;
}

export const TOKEN_SORT_KEYS = ['createdAt', 'lastUsedAt', 'name'] as const;
export type TokenSortKey = (typeof TOKEN_SORT_KEYS)[number];

/** Where a page ended: the sort key and the creation of its last item. */
export interface TokenPlace {
  readonly key: string;
  readonly createdPosition: string;
}

export interface TokenSearch {
  readonly orgId: OrgId;
  readonly viewer: Viewer;
  readonly filters: TokenFilters;
  readonly sort: { readonly key: TokenSortKey; readonly direction: 'asc' | 'desc' };
  /** Items after this place; undefined starts at the first. */
  readonly after?: TokenPlace;
  readonly limit: number;
  readonly now: Timestamp;
  readonly expiringMs: number;
}

export interface TokenSearchQuery {
  readonly sql: string;
  readonly parameters: readonly unknown[];
}

/** Never used sorts as the empty text: before any use. */
const SORT_COLUMNS: Record<TokenSortKey, string> = {
  createdAt: 't.created_at',
  lastUsedAt: "coalesce(u.last_used_at, '')",
  name: 't.name',
};

/**
 * The query of one page. It goes on after the last item by that item's own values, not by counting, so
 * that what is added meanwhile moves nothing. One row more than the limit tells whether more follows.
 *
 * @param tables Names of the tables that hold tokens and their uses.
 */
export function tokenSearchQuery(
  search: TokenSearch,
  tables: { readonly tokens: string; readonly usage: string },
): TokenSearchQuery {
  const { orgId, viewer, sort, after, limit } = search;
  const column = SORT_COLUMNS[sort.key];
  const [order, beyond] = sort.direction === 'asc' ? ['ASC', '>'] : ['DESC', '<'];
  const conditions: Condition[] = [{ sql: 't.org_id = ?', parameters: [orgId] }];
  if (!viewer.seesAll) {
    const sql = "(t.visibility = 'organization' OR t.created_by_user = ?)";
    conditions.push({ sql, parameters: [viewer.userId] });
  }
  conditions.push(...filterConditions(search));
  if (after) {
    conditions.push({
      sql: `(${column}, t.created_position) ${beyond} (?, ?)`,
      parameters: [after.key, BigInt(after.createdPosition)],
    });
  }
  return {
    sql: `SELECT t.row AS row, ${column} AS sort_key FROM "${tables.tokens}" t
      LEFT JOIN "${tables.usage}" u ON u.key = t.key
      WHERE ${conditions.map(({ sql }) => sql).join(' AND ')}
      ORDER BY ${column} ${order}, t.created_position ${order} LIMIT ?`,
    parameters: [...conditions.flatMap(({ parameters }) => parameters), limit + 1],
  };
}

interface Condition {
  readonly sql: string;
  readonly parameters: readonly unknown[];
}

function filterConditions({ filters, now, expiringMs }: TokenSearch): readonly Condition[] {
  const { status, text, anyOfScopes, ownerId, dialect, unusedSince } = filters;
  const conditions: Condition[] = [];
  if (status !== undefined) conditions.push(statusCondition(status, now, expiringMs));
  if (text !== undefined) {
    const part = text.toLowerCase();
    const sql = '(instr(t.name, ?) > 0 OR instr(t.preview, ?) > 0)';
    conditions.push({ sql, parameters: [part, part] });
  }
  if (anyOfScopes !== undefined) {
    const sql = `EXISTS (SELECT 1 FROM json_each(t.row, '$.token.scopes') held
      WHERE held.value IN (SELECT value FROM json_each(?)))`;
    conditions.push({ sql, parameters: [JSON.stringify(anyOfScopes)] });
  }
  if (ownerId !== undefined) conditions.push({ sql: 't.owner_id = ?', parameters: [ownerId] });
  if (dialect !== undefined) conditions.push({ sql: 't.dialect = ?', parameters: [dialect] });
  if (unusedSince !== undefined) {
    const sql = 'coalesce(u.last_used_at, t.created_at) < ?';
    conditions.push({ sql, parameters: [unusedSince] });
  }
  return conditions;
}

function statusCondition(status: StatusFilter, now: Timestamp, expiringMs: number): Condition {
  switch (status) {
    case 'active':
      return {
        sql: "t.status = 'active' AND (t.expires_at IS NULL OR t.expires_at > ?)",
        parameters: [now],
      };
    case 'expiring':
      return {
        sql: "t.status = 'active' AND t.expires_at > ? AND t.expires_at <= ?",
        parameters: [now, timestamp(epochMs(now) + expiringMs)],
      };
    case 'expired':
      return { sql: "t.status = 'active' AND t.expires_at <= ?", parameters: [now] };
    case 'revoked':
      return { sql: "t.status = 'revoked'", parameters: [] };
  }
}
