import { Injectable } from '@nestjs/common';
import type { Dialect, OrgId, TokenId, UserId } from '@ledger/domain';
import { Projector } from '../projector/projector.js';
import { ReadModelDatabase } from '../projector/read-model-database.js';
import { tokenList, type TokenRow } from '../projections/token-list.projection.js';

/** Whose eyes a list is for: a member sees what is visible to the organization, and what they created. */
export interface Viewer {
  readonly seesAll: boolean;
  readonly userId: UserId | null;
}

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
}
