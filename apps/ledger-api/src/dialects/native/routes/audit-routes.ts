import { ACTOR_FORM, AuditQuery } from '../audit/audit.dto.js';
import { EVENT_TYPES_FORM } from '../events/events.dto.js';
import { parseInstant } from '../instant.js';
import { asRoute } from '../people/people-contract.js';
import { UUID_FORM } from '../people/people.dto.js';
import { NDJSON } from './event-routes.js';
import { pageParameters } from './organization-routes.js';
import type { JsonSchema, RouteContract } from './route-contract.js';
import { exactly, instant, orNull, pageOf, position, text, uuid } from './schemas.js';

export const CSV = 'text/csv';

const sentInstant: JsonSchema = { type: 'string', format: 'date-time' };

const auditEvent = exactly({
  id: uuid,
  position,
  type: text,
  occurredAt: instant,
  actor: exactly({
    kind: { enum: ['user', 'org_token', 'system'] },
    id: text,
    email: orNull(text),
  }),
  ip: orNull(text),
  userAgent: orNull(text),
  dialect: text,
  requestId: text,
  token: orNull(exactly({ id: uuid, name: text })),
  changes: orNull({
    type: 'object',
    additionalProperties: exactly({ from: {}, to: {} }),
    description: 'What changed, by attribute.',
  }),
  details: { type: 'object' },
});

export const LIST_AUDIT_EVENTS = asRoute<AuditQuery, object>({
  method: 'GET',
  path: '/v1/orgs/{org}/audit-events',
  operationId: 'listAuditEvents',
  tag: 'Audit, replay, live',
  summary: 'Read the audit log of an organization, newest first',
  description: `A page as JSON; by Accept the whole range as \`${NDJSON}\`, one event a line, or as \`${CSV}\` (RFC 4180), in which an apostrophe leads what a spreadsheet would take for a formula. An export that was cut short ends without its last chunk.`,
  access: { who: 'organization', scope: 'ledger:audit:read', users: 'admins' },
  query: {
    type: AuditQuery,
    parameters: {
      type: {
        description: 'Types of events, with commas between.',
        schema: { type: 'string', pattern: EVENT_TYPES_FORM },
      },
      tokenId: {
        description: 'Events about this token.',
        schema: { type: 'string', pattern: UUID_FORM },
      },
      actor: {
        description: 'Events done by this user or token; `system` for the operator at the console.',
        schema: { type: 'string', pattern: ACTOR_FORM },
      },
      from: { description: 'Events at or after this instant.', schema: sentInstant },
      to: { description: 'Events before this instant.', schema: sentInstant },
      limit: { ...pageParameters.limit, description: 'Items on a page; not for exports.' },
      cursor: { ...pageParameters.cursor, description: 'As nextCursor; not for exports.' },
    },
    check: ({ from, to }) => {
      const first = typeof from === 'string' ? parseInstant(from) : null;
      const end = typeof to === 'string' ? parseInstant(to) : null;
      if (first === null || end === null || first < end) return [];
      return [{ parameter: 'to', message: 'must be later than from' }];
    },
  },
  status: 200,
  answer: {
    description: 'One page, or the whole range.',
    schema: pageOf(auditEvent),
    alternatives: { [NDJSON]: auditEvent, [CSV]: text },
  },
  problems: ['OVERLOADED'],
});

export const AUDIT_ROUTES: readonly RouteContract[] = [LIST_AUDIT_EVENTS];
