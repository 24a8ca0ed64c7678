import { LIMITS } from '../limits.js';
import type { JsonSchema, RouteContract } from './route-contract.js';
import {
  closed,
  exactly,
  plainText,
  position,
  ref,
  scope,
  text,
  wantedResource,
} from './schemas.js';

const TAG = 'Verification';

const operation = {
  ...plainText(1, LIMITS.operation),
  description: 'What the units are spent on, for the record.',
};

/** One question: is this secret good for this call. */
export const verifyItem: JsonSchema = closed(
  {
    token: { ...text, description: 'The secret, as it was presented.' },
    scopes: { type: 'array', items: scope, maxItems: LIMITS.scopes },
    resource: wantedResource,
    cost: { type: 'integer', minimum: 0, maximum: LIMITS.units, default: 0 },
    operation,
  },
  ['token'],
);

export const verifyBatch: JsonSchema = closed(
  { items: { type: 'array', items: verifyItem, maxItems: LIMITS.batch } },
  ['items'],
);

/** A pattern, rather than the format, since this is compiled into the hot path. */
const tokenId: JsonSchema = {
  type: 'string',
  pattern: '^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$',
};

export const consumption: JsonSchema = {
  ...closed(
    {
      tokenId,
      token: { ...text, description: 'The secret, instead of the id.' },
      units: { type: 'integer', minimum: 1, maximum: LIMITS.units },
      operation,
    },
    ['units'],
  ),
  oneOf: [{ required: ['tokenId'] }, { required: ['token'] }],
};

/** A route that is served beside Nest, by a validator that is compiled from `json`. */
export interface HotRouteContract extends RouteContract {
  readonly json: JsonSchema;
}

export const VERIFY: HotRouteContract = {
  method: 'POST',
  path: '/v1/verify',
  operationId: 'verify',
  tag: TAG,
  summary: 'Is this secret good for this call, and charge it',
  description:
    'Answers 200 whenever the question was understood. A cost of 0 charges nothing and writes nothing; a refused call charges nothing.',
  access: { who: 'verifiers' },
  json: verifyItem,
  isWrite: true,
  status: 200,
  answer: { description: 'The verdict.', schema: ref('Verdict') },
  problems: ['FORBIDDEN', 'INSUFFICIENT_SCOPE', 'IDEMPOTENCY_KEY_REUSED'],
};

export const VERIFY_BATCH: HotRouteContract = {
  method: 'POST',
  path: '/v1/verify/batch',
  operationId: 'verifyBatch',
  tag: TAG,
  summary: 'Many questions at once, each judged and charged on its own',
  access: { who: 'verifiers' },
  json: verifyBatch,
  isWrite: true,
  status: 200,
  answer: {
    description: 'The verdicts, in the order of the questions.',
    schema: exactly({ results: { type: 'array', items: ref('Verdict'), maxItems: LIMITS.batch } }),
  },
  problems: ['FORBIDDEN', 'INSUFFICIENT_SCOPE', 'IDEMPOTENCY_KEY_REUSED'],
};

export const CONSUME: HotRouteContract = {
  method: 'POST',
  path: '/v1/quota/consume',
  operationId: 'consumeQuota',
  tag: TAG,
  summary: "Spend units of a token's quota",
  access: { who: 'verifiers' },
  json: consumption,
  isWrite: true,
  status: 200,
  answer: {
    description: 'The units are durably spent.',
    schema: exactly({
      units: { type: 'integer', minimum: 1, maximum: LIMITS.units },
      quota: ref('Quota'),
      position,
    }),
  },
  problems: [
    ...(['FORBIDDEN', 'INSUFFICIENT_SCOPE', 'NOT_FOUND', 'TOKEN_REVOKED'] as const),
    ...(['TOKEN_EXPIRED', 'QUOTA_EXCEEDED', 'IDEMPOTENCY_KEY_REUSED'] as const),
  ],
};

export const HOT_ROUTES: readonly HotRouteContract[] = [VERIFY, VERIFY_BATCH, CONSUME];
