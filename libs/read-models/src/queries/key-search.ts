import { Injectable } from '@nestjs/common';
import type { OrgId } from '@ledger/domain';
import { Projector } from '../projector/projector.js';
import { ReadModelDatabase } from '../projector/read-model-database.js';
import { tokenList, type TokenRow } from '../projections/token-list.projection.js';

export interface KeyQuery {
  readonly orgId: OrgId;
  /** Part of a name, description or key id, in any case; empty matches all. */
  readonly search: string;
  /** null gives all. */
  readonly limit: number | null;
  readonly offset: number;
}

const FILTER = `org_id = @orgId AND dialect = 'socmate' AND (@search = ''
  OR instr(name, @search) > 0 OR instr(description, @search) > 0 OR instr(key_id, @search) > 0)`;

/** SoCMate keys of an organization, newest first, disabled and expired ones included. */
@Injectable()
export class KeySearch {
  constructor(
    private readonly projector: Projector,
    private readonly database: ReadModelDatabase,
  ) {}

  /** `total` counts all that match, not only those given. */
  find({ orgId, search, limit, offset }: KeyQuery): {
    readonly items: readonly TokenRow[];
    readonly total: number;
  } {
    const table = this.projector.tableOf(tokenList.name);
    const wanted = { orgId, search: search.toLowerCase() };
    const [{ total } = { total: 0 }] = this.database.query<{ total: number }>(
      `SELECT count(*) AS total FROM "${table}" WHERE ${FILTER}`,
      wanted,
    );
    const rows = this.database.query<{ row: string }>(
      `SELECT row FROM "${table}" WHERE ${FILTER}
       ORDER BY created_at DESC, created_position DESC LIMIT @limit OFFSET @offset`,
      { ...wanted, limit: limit ?? -1, offset },
    );
    return { items: rows.map(({ row }) => JSON.parse(row) as TokenRow), total };
  }
}
