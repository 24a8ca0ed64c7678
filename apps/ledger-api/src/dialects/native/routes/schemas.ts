import { VERIFICATION_CODES } from '@ledger/domain';
import { LEDGER_SCOPES } from '../ledger-scopes.js';
import { DIALECTS, LIMITS } from '../limits.js';
import { PROBLEMS } from '../problems/problem-catalogue.js';
import type { JsonSchema } from './route-contract.js';

export function ref(name: string): JsonSchema {
  return { $ref: `#/components/schemas/${name}` };
}

/** An object whose members are all present, and no others. */
export function exactly(properties: Readonly<Record<string, JsonSchema>>): JsonSchema {
  const required = Object.keys(properties);
  return { type: 'object', properties, required, additionalProperties: false };
}

/** An object as callers send it: no members beside these. */
export function closed(
  properties: Readonly<Record<string, JsonSchema>>,
  required: readonly string[] = [],
): JsonSchema {
  return { type: 'object', properties, required, additionalProperties: false };
}

export function orNull(schema: JsonSchema): JsonSchema {
  return { anyOf: [schema, { type: 'null' }] };
}

export function listOf(items: JsonSchema): JsonSchema {
  return { type: 'array', items };
}

/** One page of a list. */
export function pageOf(items: JsonSchema): JsonSchema {
  return exactly({ items: listOf(items), nextCursor: orNull({ type: 'string' }) });
}

/** Well-formed text without controls: the format `plain-text` says what a schema cannot. */
export function plainText(min: number, max: number, over: JsonSchema = {}): JsonSchema {
  const minLength = min === 0 ? {} : { minLength: min };
  return { type: 'string', ...minLength, maxLength: max, format: 'plain-text', ...over };
}

export const uuid: JsonSchema = { type: 'string', format: 'uuid' };
/** As answers write it: UTC, with milliseconds. */
export const instant: JsonSchema = {
  type: 'string',
  format: 'date-time',
  pattern: '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}\\.\\d{3}Z$',
};
export const position: JsonSchema = {
  type: 'string',
  pattern: '^(0|[1-9][0-9]{0,18})$',
  description: 'A position of the log, as a decimal string.',
};
export const text: JsonSchema = { type: 'string' };
export const texts: JsonSchema = listOf(text);
export const count: JsonSchema = { type: 'integer', minimum: 0 };

const SCOPE_WORDS = '[a-z0-9][a-z0-9._-]*(:[a-z0-9][a-z0-9._-]*)*';

/** A scope that is asked about: any word of any dialect. */
export const scope: JsonSchema = {
  type: 'string',
  maxLength: 64,
  pattern: `^(\\*|${SCOPE_WORDS})$`,
};

/** A scope that may be given: the ledger's own only by their full names. */
export const grantableScope: JsonSchema = {
  type: 'string',
  maxLength: 64,
  pattern: `^(\\*|(?!ledger(:|$))${SCOPE_WORDS}|${LEDGER_SCOPES.join('|')})$`,
  description:
    "A word of the organization's own, or one of the ledger's scopes by its full name. `a` grants `a:b`; `*` grants every scope outside `ledger:`.",
};

const quota = exactly({
  limit: orNull({ ...count, description: 'Units a window; null is not limited.' }),
  consumed: count,
  remaining: orNull(count),
  resetAt: instant,
});

const secret = exactly({
  id: uuid,
  preview: { ...text, description: 'Prefix and last four characters.' },
  issuedAt: instant,
  validUntil: orNull({ ...instant, description: 'End of its grace; null for the current secret.' }),
});

const resource = exactly({ organization: text, repository: text, workspace: text });

const token = exactly({
  id: uuid,
  orgId: uuid,
  dialect: { enum: DIALECTS },
  name: text,
  description: text,
  scopes: texts,
  resources: { ...listOf(resource), description: 'Empty: not limited to any resource.' },
  maxQuota: orNull({ ...count, description: 'Units a window; null is not limited, yet counted.' }),
  visibility: { enum: ['admin', 'organization'] },
  status: { enum: ['active', 'expired', 'revoked'] },
  ownerId: orNull(text),
  metadata: { type: 'object', additionalProperties: text },
  createdAt: instant,
  createdBy: exactly({ kind: { enum: ['user', 'org_token', 'system'] }, id: text }),
  expiresAt: orNull(instant),
  lastUsedAt: orNull({
    ...instant,
    description: 'To the minute for uses that cost nothing. Null in a view of the past.',
  }),
  revokedAt: orNull(instant),
  revokedReason: orNull(text),
  secrets: {
    ...listOf(ref('Secret')),
    description: 'The current one, and the one before while its grace is open.',
  },
  revision: { type: 'integer', minimum: 1, description: 'The entity tag.' },
});

const event = exactly({
  id: uuid,
  position,
  revision: { type: 'integer', minimum: 1 },
  type: text,
  occurredAt: instant,
  actor: exactly({ kind: { enum: ['user', 'org_token', 'system'] }, id: text }),
  dialect: text,
  requestId: text,
  data: { type: 'object' },
});

const fault: JsonSchema = {
  type: 'object',
  properties: { pointer: text, parameter: text, header: text, message: text },
  required: ['message'],
  additionalProperties: false,
  minProperties: 2,
  maxProperties: 2,
};

const problem: JsonSchema = {
  type: 'object',
  description: 'RFC 9457. Further members belong to the code.',
  properties: {
    type: { type: 'string', format: 'uri-reference' },
    title: text,
    status: { type: 'integer' },
    detail: text,
    instance: { ...text, description: 'The request id.' },
    code: { enum: Object.keys(PROBLEMS) },
    errors: listOf(fault),
    missingScopes: texts,
    ownMaxQuota: count,
    requestedMaxQuota: orNull(count),
    returnedUnits: count,
    revision: { type: 'integer' },
    revokedAt: instant,
    expiresAt: instant,
    validUntil: instant,
    quota: ref('Quota'),
    'violated-policies': texts,
    error: { ...text, description: 'On RFC 7009 and RFC 7662 routes, the error code of RFC 6749.' },
  },
  required: ['type', 'title', 'status', 'detail', 'instance', 'code'],
  additionalProperties: false,
};

const refused = { valid: { const: false }, position } as const;

const verdict: JsonSchema = {
  oneOf: [
    exactly({ ...refused, code: { const: 'NOT_FOUND' } }),
    exactly({
      valid: { type: 'boolean' },
      code: { enum: VERIFICATION_CODES.filter((code) => code !== 'NOT_FOUND') },
      tokenId: uuid,
      secretId: uuid,
      orgId: uuid,
      dialect: { enum: DIALECTS },
      ownerId: orNull(text),
      name: text,
      scopes: texts,
      metadata: { type: 'object', additionalProperties: text },
      missingScopes: texts,
      expiresAt: orNull({
        ...instant,
        description:
          'When the presented secret stops being good if nothing else happens: the expiry of its token, or the end of its own grace where that comes first. A cached answer must not be used from then on.',
      }),
      quota: ref('Quota'),
      position,
    }),
  ],
};

/** The resource that a call wants to reach. */
export const wantedResource = closed(
  {
    organization: plainText(1, LIMITS.resourcePart),
    repository: plainText(0, LIMITS.resourcePart),
    workspace: plainText(0, LIMITS.resourcePart),
  },
  ['organization'],
);

/** Schemas that answers share, by name. */
export const COMPONENT_SCHEMAS: Readonly<Record<string, JsonSchema>> = {
  Event: event,
  Problem: problem,
  Quota: quota,
  Secret: secret,
  Token: token,
  Verdict: verdict,
};
