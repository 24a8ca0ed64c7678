import { LeaseQuotaBody, ReturnLeaseBody } from '../gateways/gateways.dto.js';
import { LIMITS } from '../limits.js';
import { UUID_FORM } from '../people/people.dto.js';
import type { JsonSchema, RouteContract } from './route-contract.js';
import { closed, exactly, instant, plainText, position, ref, text } from './schemas.js';

const LEASES = '/v1/quota/leases';
const TAG = 'Verification';

const tokenId: JsonSchema = { ...text, pattern: UUID_FORM };
const units: JsonSchema = { type: 'integer', minimum: 1, maximum: LIMITS.units };

export const LEASE_QUOTA: RouteContract<object, LeaseQuotaBody> = {
  method: 'POST',
  path: LEASES,
  operationId: 'leaseQuota',
  tag: TAG,
  summary: "Take a block of units of a token's quota, to be spent from memory",
  description:
    'The units count as consumed from then on. Fewer are granted where fewer are left, and none only with 429. What was not used should be given back before the window ends; what is not given back stays consumed. Name the token by `tokenId` or by `token`, its secret.',
  access: { who: 'verifiers' },
  body: {
    type: LeaseQuotaBody,
    required: true,
    schema: closed(
      {
        tokenId,
        token: {
          ...plainText(0, LIMITS.secret),
          description: 'The secret, instead of the id.',
        },
        units: { ...units, description: 'Units that are wanted.' },
        operation: {
          ...plainText(1, LIMITS.operation),
          description: 'What the units are spent on, for the record.',
        },
      },
      ['units'],
    ),
    check: ({ tokenId: id, token }) => {
      if ((id === undefined) !== (token === undefined)) return [];
      return [{ pointer: '', message: 'must name the token, either by tokenId or by token' }];
    },
  },
  isWrite: true,
  status: 200,
  answer: {
    description: 'The units are durably charged.',
    schema: exactly({
      leaseId: { ...text, description: 'Opaque; for giving back what is not used.' },
      units: { ...units, description: 'Units that were granted.' },
      quota: ref('Quota'),
      expiresAt: { ...instant, description: 'End of the window: the units are good until then.' },
      position,
    }),
  },
  problems: [
    ...(['FORBIDDEN', 'INSUFFICIENT_SCOPE', 'NOT_FOUND', 'TOKEN_REVOKED'] as const),
    ...(['TOKEN_EXPIRED', 'QUOTA_EXCEEDED'] as const),
  ],
};

export const RETURN_LEASE: RouteContract<object, ReturnLeaseBody> = {
  method: 'POST',
  path: `${LEASES}/{leaseId}/return`,
  operationId: 'returnLease',
  tag: TAG,
  summary: 'Give back what was not used of a lease',
  description:
    'Once a lease; repeated with the same number, it is answered alike and changes nothing. After the end of the window it changes nothing either. Units of a token that was revoked or has expired come back as well.',
  access: { who: 'verifiers' },
  body: {
    type: ReturnLeaseBody,
    required: true,
    schema: closed(
      {
        tokenId,
        unusedUnits: {
          type: 'integer',
          minimum: 0,
          maximum: LIMITS.units,
          description: 'At most as many as were granted.',
        },
      },
      ['tokenId', 'unusedUnits'],
    ),
  },
  isWrite: true,
  status: 200,
  answer: {
    description: 'Where the token stands in the present window.',
    schema: exactly({ quota: ref('Quota'), position }),
  },
  problems: ['FORBIDDEN', 'INSUFFICIENT_SCOPE', 'NOT_FOUND', 'LEASE_RETURNED'],
};

export const LEASE_ROUTES: readonly RouteContract[] = [LEASE_QUOTA, RETURN_LEASE];
