import { DIALECTS, EXPIRING_MS, LIMITS } from '../limits.js';
import {
  CreateTokenBody,
  ListTokensQuery,
  PageQuery,
  PastQuery,
  RevokeTokenBody,
  RotateTokenBody,
  SORTS,
  STATUSES,
  UpdateTokenBody,
} from '../management/token.dto.js';
import type { RouteContract } from './route-contract.js';
import {
  count,
  exactly,
  grantableScope,
  instant,
  listOf,
  orNull,
  pageOf,
  plainText,
  position,
  ref,
  text,
} from './schemas.js';
import {
  attributeFaults,
  createBody,
  expiryFaults,
  revokeBody,
  rotateBody,
  sentInstant,
  updateBody,
} from './token-bodies.js';

const TOKENS = '/v1/orgs/{org}/tokens';
const TOKEN = `${TOKENS}/{id}`;
const TAG = 'Tokens';

const pageParameters = {
  limit: {
    description: 'Items on a page.',
    schema: { type: 'integer', minimum: 1, maximum: LIMITS.page, default: LIMITS.pageDefault },
  },
  cursor: { description: 'The nextCursor of the page before.', schema: text },
};

export const CREATE_TOKEN: RouteContract<object, CreateTokenBody> = {
  method: 'POST',
  path: TOKENS,
  operationId: 'createToken',
  tag: TAG,
  summary: 'Create a token',
  description: 'The secret is in this one answer, and in the answer to a repeat with its key.',
  access: { who: 'organization', scope: 'ledger:tokens:create', users: 'admins' },
  body: {
    type: CreateTokenBody,
    required: true,
    schema: createBody,
    check: attributeFaults,
  },
  isWrite: true,
  status: 201,
  answer: {
    description: 'The token, and its secret.',
    schema: exactly({ token: ref('Token'), secret: text }),
    headers: ['Location'],
  },
  problems: ['FORBIDDEN', 'SCOPES_NOT_HELD', 'QUOTA_ABOVE_OWN'],
};

export const LIST_TOKENS: RouteContract<ListTokensQuery> = {
  method: 'GET',
  path: TOKENS,
  operationId: 'listTokens',
  tag: TAG,
  summary: 'List and search tokens',
  access: { who: 'organization', scope: 'ledger:tokens:read', users: 'members' },
  query: {
    type: ListTokensQuery,
    parameters: {
      status: {
        description: `\`active\` includes \`expiring\`: those with at most ${EXPIRING_MS / 86_400_000} days left.`,
        schema: { enum: STATUSES },
      },
      q: {
        description: 'Part of the name, or of the preview of the current secret, in any case.',
        schema: plainText(1, LIMITS.name),
      },
      scope: { description: 'Tokens that grant this scope, by closure.', schema: grantableScope },
      ownerId: { description: 'Tokens of this owner.', schema: plainText(1, LIMITS.ownerId) },
      dialect: { description: 'Tokens of this dialect.', schema: { enum: DIALECTS } },
      unusedSince: {
        description: 'Tokens that were neither used nor created since then.',
        schema: sentInstant,
      },
      sort: {
        description: 'The order; with `-`, from the greatest down. Never used sorts first.',
        schema: { enum: SORTS, default: '-createdAt' },
      },
      ...pageParameters,
    },
  },
  status: 200,
  answer: { description: 'One page.', schema: pageOf(ref('Token')) },
  problems: [],
};

export const GET_TOKEN: RouteContract<PastQuery> = {
  method: 'GET',
  path: TOKEN,
  operationId: 'getToken',
  tag: TAG,
  summary: 'Read a token, as it is or as it was',
  access: { who: 'organization', scope: 'ledger:tokens:read', users: 'members' },
  query: {
    type: PastQuery,
    parameters: {
      at: { description: 'The token as it was at this instant.', schema: sentInstant },
      atPosition: {
        description: 'The token as it was at this position. Not together with `at`.',
        schema: position,
      },
    },
    check: ({ at, atPosition }) =>
      at !== undefined && atPosition !== undefined
        ? [{ parameter: 'atPosition', message: 'cannot be given together with at' }]
        : [],
  },
  status: 200,
  answer: { description: 'The token.', schema: ref('Token'), headers: ['ETag'] },
  problems: [],
};

export const UPDATE_TOKEN: RouteContract<object, UpdateTokenBody> = {
  method: 'PATCH',
  path: TOKEN,
  operationId: 'updateToken',
  tag: TAG,
  summary: 'Change a token',
  description: 'A JSON merge patch (RFC 7396): absent is unchanged, null is cleared.',
  access: { who: 'organization', scope: 'ledger:tokens:update', users: 'members' },
  body: {
    type: UpdateTokenBody,
    required: true,
    mediaTypes: ['application/json', 'application/merge-patch+json'],
    schema: updateBody,
    check: attributeFaults,
  },
  isWrite: true,
  takesIfMatch: true,
  status: 200,
  answer: { description: 'The token.', schema: ref('Token'), headers: ['ETag'] },
  problems: ['FORBIDDEN', 'SCOPES_NOT_HELD', 'QUOTA_ABOVE_OWN', 'TOKEN_REVOKED'],
};

export const ROTATE_TOKEN: RouteContract<object, RotateTokenBody> = {
  method: 'POST',
  path: `${TOKEN}/rotate`,
  operationId: 'rotateToken',
  tag: TAG,
  summary: 'Give a token a new secret',
  description: "A Socket token rotates by its dialect's policy: without a grace period.",
  access: { who: 'organization', scope: 'ledger:tokens:rotate', users: 'members' },
  body: {
    type: RotateTokenBody,
    required: false,
    schema: rotateBody,
    check: expiryFaults,
  },
  isWrite: true,
  takesIfMatch: true,
  status: 200,
  answer: {
    description: 'The token, and its new secret.',
    schema: exactly({ token: ref('Token'), secret: text }),
  },
  problems: [
    ...(['FORBIDDEN', 'SCOPES_NOT_HELD', 'QUOTA_ABOVE_OWN'] as const),
    ...(['TOKEN_REVOKED', 'TOKEN_EXPIRED', 'GRACE_OPEN'] as const),
  ],
};

export const REVOKE_TOKEN: RouteContract<object, RevokeTokenBody> = {
  method: 'POST',
  path: `${TOKEN}/revoke`,
  operationId: 'revokeToken',
  tag: TAG,
  summary: 'End a token for good, with all its secrets',
  description: 'Repeated, it gives the same answer again.',
  access: { who: 'organization', scope: 'ledger:tokens:revoke', users: 'members' },
  body: { type: RevokeTokenBody, required: false, schema: revokeBody },
  isWrite: true,
  takesIfMatch: true,
  status: 200,
  answer: {
    description: 'The token, revoked.',
    schema: exactly({ token: ref('Token'), revocationId: { type: 'string', format: 'uuid' } }),
    headers: ['ETag'],
  },
  problems: ['FORBIDDEN'],
};

export const GET_TOKEN_QUOTA: RouteContract = {
  method: 'GET',
  path: `${TOKEN}/quota`,
  operationId: 'getTokenQuota',
  tag: TAG,
  summary: 'Read what a token has spent',
  access: { who: 'organization', scope: 'ledger:tokens:read', users: 'members' },
  status: 200,
  answer: {
    description: 'The current window, and the last 12 in which anything was spent, newest first.',
    schema: exactly({
      limit: orNull(count),
      consumed: count,
      remaining: orNull(count),
      window: { ...text, description: 'By its start in UTC: 2026-01, 2026-01-31, 2026-01-31T23.' },
      resetAt: instant,
      windows: {
        ...listOf(
          exactly({ window: text, limit: orNull(count), consumed: count, endsAt: instant }),
        ),
        maxItems: 12,
      },
    }),
  },
  problems: [],
};

export const LIST_TOKEN_EVENTS: RouteContract<PageQuery> = {
  method: 'GET',
  path: `${TOKEN}/events`,
  operationId: 'listTokenEvents',
  tag: TAG,
  summary: 'Read the history of a token, oldest first',
  access: { who: 'organization', scope: 'ledger:tokens:read', users: 'members' },
  query: { type: PageQuery, parameters: pageParameters },
  status: 200,
  answer: { description: 'One page.', schema: pageOf(ref('Event')) },
  problems: [],
};

export const TOKEN_ROUTES: readonly RouteContract[] = [
  CREATE_TOKEN,
  LIST_TOKENS,
  GET_TOKEN,
  UPDATE_TOKEN,
  ROTATE_TOKEN,
  REVOKE_TOKEN,
  GET_TOKEN_QUOTA,
  LIST_TOKEN_EVENTS,
];
