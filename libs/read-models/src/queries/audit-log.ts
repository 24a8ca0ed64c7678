import { Injectable } from '@nestjs/common';
import type { OrgId, Timestamp } from '@ledger/domain';
import { Projector } from '../projector/projector.js';
import { ReadModelDatabase } from '../projector/read-model-database.js';
import { auditLog, type AuditEntry } from '../projections/audit-log.projection.js';
import { auditSearchQuery, type AuditSearch } from './audit-search.js';

export interface AuditPageRequest {
  readonly orgId: OrgId;
  /** Event types to show; undefined shows all, an empty list none. */
  readonly types?: readonly string[];
  /** Entries at or after this instant. */
  readonly from?: Timestamp;
  readonly page: number;
  readonly perPage: number;
}

/** What happened in an organization, newest first. */
@Injectable()
export class AuditLog {
  constructor(
    private readonly projector: Projector,
    private readonly database: ReadModelDatabase,
  ) {}

  page(request: AuditPageRequest): {
    readonly items: readonly AuditEntry[];
    readonly hasMore: boolean;
  } {
    const { orgId, types, from, page, perPage } = request;
    const rows = this.database.query<{ row: string }>(
      `SELECT row FROM "${this.projector.tableOf(auditLog.name)}"
       WHERE org_id = ? AND (? IS NULL OR type IN (SELECT value FROM json_each(?)))
         AND (? IS NULL OR occurred_at >= ?)
       ORDER BY position DESC LIMIT ? OFFSET ?`,
      ...[orgId, types ? 1 : null, JSON.stringify(types ?? []), from ?? null, from ?? null],
      ...[perPage + 1, (page - 1) * perPage],
    );
    return {
      items: rows.slice(0, perPage).map(({ row }) => JSON.parse(row) as AuditEntry),
      hasMore: rows.length > perPage,
    };
  }

  /** One page of a search, newest first, and whether another entry follows it. */
  search(search: AuditSearch): {
    readonly items: readonly AuditEntry[];
    readonly hasMore: boolean;
  } {
    const { sql, parameters } = auditSearchQuery(search, this.projector.tableOf(auditLog.name));
    const rows = this.database.query<{ row: string }>(sql, ...parameters);
    return {
      items: rows.slice(0, search.limit).map(({ row }) => JSON.parse(row) as AuditEntry),
      hasMore: rows.length > search.limit,
    };
  }
}
