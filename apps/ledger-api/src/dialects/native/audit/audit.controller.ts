import { setImmediate as nextTurn } from 'node:timers/promises';
import { Controller, Req, Res, UseGuards } from '@nestjs/common';
import type { OrgId, Timestamp } from '@ledger/domain';
import { AuditLog, type AuditFilters } from '@ledger/read-models';
import { ProjectorProgress } from '@ledger/runtime';
import { preferredType } from '../events/accept.js';
import { OpenStreams, type LongAnswer } from '../events/open-streams.js';
import { parseInstant } from '../instant.js';
import { LIMITS } from '../limits.js';
import {
  organizationOf,
  queryOf,
  type NativeReply,
  type NativeRequest,
} from '../native-request.js';
import { NativeGuard } from '../native.guard.js';
import { cursorAt, keyAfter, type Page } from '../people/people-pages.js';
import { invalidRequest } from '../problems/problem.js';
import { CSV, LIST_AUDIT_EVENTS } from '../routes/audit-routes.js';
import { NDJSON } from '../routes/event-routes.js';
import { NativeRoute } from '../routes/route-contract.js';
import { CSV_HEADER, csvRow } from './audit-csv.js';
import { auditEventView, type AuditEventView } from './audit-mapper.js';
import type { AuditQuery } from './audit.dto.js';

const JSON_TYPE = 'application/json';
const EXPORT_PAGE = 500;

interface ExportForm {
  readonly mediaType: string;
  readonly extension: string;
  readonly header: string;
  readonly line: (event: AuditEventView) => string;
}

const FORMS: Readonly<Record<typeof NDJSON | typeof CSV, ExportForm>> = {
  [NDJSON]: {
    mediaType: NDJSON,
    extension: 'ndjson',
    header: '',
    line: (event) => `${JSON.stringify(event)}\n`,
  },
  [CSV]: {
    mediaType: `${CSV}; charset=utf-8; header=present`,
    extension: 'csv',
    header: CSV_HEADER,
    line: csvRow,
  },
};

/** `/v1/orgs/{org}/audit-events`: who did what in an organization, newest first. */
@Controller()
@UseGuards(NativeGuard)
export class AuditController {
  constructor(
    private readonly audit: AuditLog,
    private readonly streams: OpenStreams,
    private readonly progress: ProjectorProgress,
  ) {}

  @NativeRoute(LIST_AUDIT_EVENTS)
  list(@Req() request: NativeRequest, @Res() reply: NativeReply): void {
    const query = queryOf(request, LIST_AUDIT_EVENTS);
    const { orgId, slug } = organizationOf(request);
    const filters = filtersOf(query);
    const wanted = preferredType(request.headers.accept, [JSON_TYPE, NDJSON, CSV]);
    if (wanted === JSON_TYPE) {
      reply.headers({ 'content-type': 'application/json; charset=utf-8', vary: 'accept' });
      void reply.send(JSON.stringify(this.#page(request, query, orgId, filters)));
      return;
    }
    const faults = (['limit', 'cursor'] as const)
      .filter((parameter) => query[parameter] !== undefined)
      .map((parameter) => ({ parameter, message: 'is for pages: an export is the whole range' }));
    if (faults.length > 0) throw invalidRequest(request.id, faults);
    const form = FORMS[wanted];
    const { mediaType, extension } = form;
    const headers = {
      'content-disposition': `attachment; filename="audit-events-${slug}.${extension}"`,
    };
    const contract = LIST_AUDIT_EVENTS;
    this.streams.send(request, reply, { contract, mediaType, headers, follows: false }, (answer) =>
      this.#export(answer, form, orgId, filters),
    );
  }

  #page(
    request: NativeRequest,
    { limit = String(LIMITS.pageDefault), cursor }: AuditQuery,
    orgId: OrgId,
    filters: AuditFilters,
  ): Page<AuditEventView> {
    const list = ['audit-events', orgId, filters];
    const after = keyAfter(request, cursor, list);
    const before = after === undefined ? {} : { before: after };
    const { items, hasMore } = this.audit.search({
      ...{ orgId, filters, ...before },
      limit: Number(limit),
    });
    const last = hasMore ? items.at(-1) : undefined;
    return {
      items: items.map(auditEventView),
      nextCursor: last ? cursorAt(last.position, list) : null,
    };
  }

  /** The whole range as it stands now: what is added meanwhile is newer than where it begins. */
  async *#export(
    { signal, caller }: LongAnswer,
    { header, line }: ExportForm,
    orgId: OrgId,
    filters: AuditFilters,
  ): AsyncGenerator<string> {
    let before = String(this.progress.position + 1n);
    if (header !== '') yield header;
    while (!signal.aborted) {
      caller();
      const { items, hasMore } = this.audit.search({ orgId, filters, before, limit: EXPORT_PAGE });
      if (items.length > 0) yield items.map((entry) => line(auditEventView(entry))).join('');
      if (!hasMore) return;
      before = items.at(-1)!.position;
      await nextTurn();
    }
  }
}

function filtersOf({ type, tokenId, actor, from, to }: AuditQuery): AuditFilters {
  return {
    ...(type === undefined ? {} : { types: type.split(',') }),
    ...(tokenId === undefined ? {} : { tokenId: tokenId.toLowerCase() }),
    ...(actor === undefined ? {} : { actorId: actor.toLowerCase() }),
    ...(from === undefined ? {} : { from: parseInstant(from) as Timestamp }),
    ...(to === undefined ? {} : { to: parseInstant(to) as Timestamp }),
  };
}
