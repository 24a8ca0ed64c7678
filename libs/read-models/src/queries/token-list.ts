import { Injectable } from '@nestjs/common';
import type { Dialect, OrgId, TokenId } from '@ledger/domain';
import { Projector } from '../projector/projector.js';
import { ReadModelDatabase } from '../projector/read-model-database.js';
import { quotaUsage } from '../projections/quota-usage.projection.js';
import { tokenList, type TokenRow } from '../projections/token-list.projection.js';
import {
  tokenSearchQuery,
  type TokenPlace,
  type TokenSearch,
  type Viewer,
} from './token-search.js';

export interface PageRequest {
  readonly orgId: OrgId;
  readonly dialect: Dialect;
  readonly viewer: Viewer;
  readonly direction: 'asc' | 'desc';
  readonly page: number;
  readonly perPage: number;
}

/** Tokens of an organization, in the order of their creation. */
@Injectable()
export class TokenList {
  constructor(
    private readonly projector: Projector,
    private readonly database: ReadModelDatabase,
  ) {}

  get(tokenId: TokenId): TokenRow | undefined {
    return this.projector.row<TokenRow>(tokenList.name, tokenId);
  }

  /** One numbered page of living tokens of one dialect, and whether another item follows it. */
  page(request: PageRequest): { readonly items: readonly TokenRow[]; readonly hasMore: boolean } {
    const { orgId, dialect, viewer, direction, page, perPage } = request;
    const order = direction === 'asc' ? 'ASC' : 'DESC';
    const rows = this.database.query<{ row: string }>(
      `SELECT row FROM "${this.projector.tableOf(tokenList.name)}"
       WHERE org_id = ? AND dialect = ? AND status = 'active'
         AND (? OR visibility = 'organization' OR created_by_user = ?)
       ORDER BY created_at ${order}, created_position ${order} LIMIT ? OFFSET ?`,
      ...[orgId, dialect, Number(viewer.seesAll), viewer.userId],
      ...[perPage + 1, (page - 1) * perPage],
    );
    return {
      items: rows.slice(0, perPage).map(({ row }) => JSON.parse(row) as TokenRow),
      hasMore: rows.length > perPage,
    };
  }

  /** One page of a search, and where it ended when another item follows. */
  search(search: TokenSearch): {
    readonly items: readonly TokenRow[];
    readonly next: TokenPlace | null;
  } {
    const tables = {
      tokens: this.projector.tableOf(tokenList.name),
      usage: this.projector.tableOf(quotaUsage.name),
    };
    const { sql, parameters } = tokenSearchQuery(search, tables);
    const found = this.database
      .query<{ row: string; sort_key: string }>(sql, ...parameters)
      .map(({ row, sort_key: key }) => ({ key, row: JSON.parse(row) as TokenRow }));
    const page = found.slice(0, search.limit);
    const last = found.length > search.limit ? page.at(-1) : undefined;
    return {
      items: page.map(({ row }) => row),
      next: last ? { key: last.key, createdPosition: last.row.createdPosition } : null,
    };
  }
}
