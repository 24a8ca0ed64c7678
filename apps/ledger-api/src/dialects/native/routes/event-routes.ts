import {
  EVENT_TYPES,
  EVENT_TYPES_FORM,
  LIMIT_FORM,
  ORGANIZATION_FORM,
  POSITION_FORM,
  ReadEventsQuery,
  STREAM_FORM,
} from '../events/events.dto.js';
import { asRoute } from '../people/people-contract.js';
import type { JsonSchema, RouteContract } from './route-contract.js';
import { instant, orNull, position, text, uuid } from './schemas.js';

export const NDJSON = 'application/x-ndjson';
export const SSE = 'text/event-stream';

/** Each line of the log. Open to further members, which later versions may add. */
const envelope: JsonSchema = {
  type: 'object',
  properties: {
    eventId: uuid,
    streamId: text,
    revision: { type: 'integer', minimum: 1, description: 'Its place in its stream.' },
    position: { ...position, description: 'Its place in the log.' },
    type: { enum: EVENT_TYPES },
    schemaVersion: { type: 'integer', minimum: 1 },
    occurredAt: instant,
    actor: {
      type: 'object',
      properties: {
        kind: { enum: ['user', 'org_token', 'system'] },
        id: text,
        ip: text,
        userAgent: text,
      },
      required: ['kind', 'id'],
      additionalProperties: false,
    },
    orgId: orNull(uuid),
    dialect: text,
    requestId: text,
    commandId: uuid,
    causationId: orNull(text),
    correlationId: text,
    fingerprint: text,
    data: {
      type: 'object',
      description: 'What the fact says. Of secrets: names, previews and SHA-512 digests.',
    },
  },
  required: [
    ...['eventId', 'streamId', 'revision', 'position', 'type', 'schemaVersion', 'occurredAt'],
    ...['actor', 'orgId', 'dialect', 'requestId', 'commandId', 'causationId', 'correlationId'],
    'data',
  ],
};

export const READ_EVENTS = asRoute<ReadEventsQuery, object>({
  method: 'GET',
  path: '/v1/events',
  operationId: 'readEvents',
  tag: 'Audit, replay, live',
  summary: 'Read the log, oldest first, and follow it',
  description: [
    'One event a line. An answer that was cut short ends without its last chunk; read on `after` the last position that arrived. A second, empty ledger that is fed with the whole log answers every read the same.',
    'With `follow=true` the answer goes on with whatever comes, and a blank line every 15 seconds. As server-sent events, by Accept, it follows unless `follow=false`; each `id` is a position, and `Last-Event-ID` resumes after it, whatever `after` says.',
    'For operators, who read everything; for admins, and for tokens with the scope `ledger:events:read`, who read the events of their organizations.',
  ].join('\n\n'),
  access: { who: 'event-readers' },
  query: {
    type: ReadEventsQuery,
    parameters: {
      after: {
        description: 'The position to start after; from the first event when absent.',
        schema: { type: 'string', pattern: POSITION_FORM },
      },
      limit: {
        description: 'Events to give at most.',
        schema: { type: 'string', pattern: LIMIT_FORM },
      },
      type: {
        description: 'Types of events, with commas between.',
        schema: { type: 'string', pattern: EVENT_TYPES_FORM },
      },
      org: {
        description: 'Events of this organization, by id or slug.',
        schema: { type: 'string', pattern: ORGANIZATION_FORM },
      },
      stream: {
        description: 'Events of this stream.',
        schema: { type: 'string', pattern: STREAM_FORM },
      },
      follow: { description: 'Whether to go on.', schema: { enum: ['true', 'false'] } },
    },
  },
  status: 200,
  answer: {
    description: 'The schema is that of one line.',
    schema: envelope,
    mediaType: NDJSON,
    alternatives: { [SSE]: text },
  },
  problems: ['FORBIDDEN', 'INSUFFICIENT_SCOPE', 'NOT_FOUND', 'OVERLOADED'],
});

export const EVENT_ROUTES: readonly RouteContract[] = [READ_EVENTS];
