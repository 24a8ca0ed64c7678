import { LIMITS } from '../limits.js';
import { parseInstant } from '../instant.js';
import { REASONS } from '../management/token.dto.js';
import type { Fault } from '../problems/problem.js';
import type { CheckBasis, JsonSchema } from './route-contract.js';
import { closed, grantableScope, listOf, orNull, plainText, wantedResource } from './schemas.js';

/** As callers send it: any RFC 3339 instant. */
export const sentInstant: JsonSchema = { type: 'string', format: 'date-time' };

const name = plainText(1, LIMITS.name, { pattern: '\\S' });
const description = plainText(0, LIMITS.description);
const scopes = { ...listOf(grantableScope), maxItems: LIMITS.scopes };
const resources = { ...listOf(wantedResource), maxItems: LIMITS.resources };
const maxQuota = orNull({ type: 'integer', minimum: 0, maximum: LIMITS.units });
const visibility = { enum: ['admin', 'organization'] };
const ownerId = orNull(plainText(1, LIMITS.ownerId));
const expiresAt = orNull({ ...sentInstant, description: 'In the future.' });

function metadata(value: JsonSchema): JsonSchema {
  return {
    type: 'object',
    propertyNames: plainText(1, LIMITS.metadataKey),
    additionalProperties: value,
    maxProperties: LIMITS.metadataPairs,
  };
}

const metadataValue = plainText(0, LIMITS.metadataValue);

export function expiryFaults(
  { expiresAt: asked }: { readonly expiresAt?: unknown },
  { now }: CheckBasis,
): readonly Fault[] {
  const instantAsked = typeof asked === 'string' ? parseInstant(asked) : null;
  if (instantAsked === null || instantAsked > now) return [];
  return [{ pointer: '/expiresAt', message: 'must lie in the future' }];
}

/** A token may be limited to resources of its own organization, or of one that the caller administers. */
function resourceFaults(
  { resources: asked }: { readonly resources?: unknown },
  { mayGrant }: CheckBasis,
): readonly Fault[] {
  if (!Array.isArray(asked)) return [];
  return asked.flatMap((grant: { organization?: unknown } | null, index) => {
    const slug = grant?.organization;
    if (typeof slug !== 'string' || slug === '' || mayGrant(slug)) return [];
    const message = 'names no organization that the caller can use';
    return [{ pointer: `/resources/${index}/organization`, message }];
  });
}

/** What is wrong with the attributes of a token beyond their shape. */
export function attributeFaults(
  body: { readonly expiresAt?: unknown; readonly resources?: unknown },
  basis: CheckBasis,
): readonly Fault[] {
  return [...expiryFaults(body, basis), ...resourceFaults(body, basis)];
}

export const createBody: JsonSchema = closed(
  {
    ...{ name, description, scopes, resources, maxQuota, visibility, expiresAt, ownerId },
    metadata: orNull(metadata(metadataValue)),
  },
  ['name'],
);

export const updateBody: JsonSchema = closed({
  ...{ name, scopes, resources, maxQuota, visibility, expiresAt, ownerId },
  description: orNull(description),
  metadata: orNull(metadata(orNull(metadataValue))),
});

export const rotateBody: JsonSchema = closed({
  graceSeconds: {
    type: 'integer',
    minimum: 0,
    maximum: LIMITS.graceSeconds,
    default: 0,
    description: 'How long the old secret stays valid.',
  },
  expiresAt,
  closePrevious: {
    type: 'boolean',
    default: false,
    description: 'Ends an older grace that is still open, instead of refusing.',
  },
});

export const revokeBody: JsonSchema = closed({
  reason: { enum: REASONS, default: 'requested' },
  note: orNull(plainText(0, LIMITS.note)),
});
