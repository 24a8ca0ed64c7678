import { randomUUID } from 'node:crypto';
import type {
  LedgerEvent,
  OrgId,
  QuotaConsumed,
  QuotaWindow,
  SecretDigest,
  SecretId,
  Timestamp,
  TokenCreated,
  TokenId,
  UserId,
} from '@ledger/domain';
import { AesGcmCipher } from '../codec/aes-gcm-cipher.js';
import type { EventMetadata, NewEvent } from '../event-store.js';

export const sampleOrgId = 'org-1' as OrgId;
export const sampleTokenId = '6f0d1f1e-9c1b-4a53-8d4d-0a1f6f1f0001' as TokenId;
const userId = 'user-1' as UserId;
const secretId = 'secret-1' as SecretId;
const digest = `sha512-${'A'.repeat(86)}==` as SecretDigest;
const secret = { secretId, digest, preview: 'tl_****abcd' };
const windowEnd = '2026-03-01T00:00:00.000Z' as Timestamp;

/** The same key each time, so that a test may close a ledger and open it again. */
export function sampleCipher(fill = 7): AesGcmCipher {
  return new AesGcmCipher(Buffer.alloc(32, fill));
}

/** An instant `seconds` after the samples begin. */
export function sampleInstant(seconds: number): Timestamp {
  return new Date(Date.UTC(2026, 1, 3, 4, 5, seconds)).toISOString() as Timestamp;
}

/** Metadata of a command of its own, unless told otherwise. */
export function sampleMetadata(overrides: Partial<EventMetadata> = {}): EventMetadata {
  const requestId = randomUUID();
  return {
    commandId: randomUUID(),
    requestId,
    correlationId: requestId,
    causationId: null,
    actor: { kind: 'user', id: userId },
    orgId: sampleOrgId,
    dialect: 'native',
    ...overrides,
  };
}

/** A payload with a fresh event id, ready to append. */
export function sampleEvent<Event extends LedgerEvent>(
  payload: Event,
  metadata: Partial<EventMetadata> = {},
): NewEvent<Event> {
  return { eventId: randomUUID(), payload, metadata: sampleMetadata(metadata) };
}

/** `count` charges of one unit, each a second after the one before. */
export function sampleEvents(count: number, firstTotal = 1): NewEvent<QuotaConsumed>[] {
  return Array.from({ length: count }, (_, index) => sampleEvent(sampleCharge(firstTotal + index)));
}

export function sampleCharge(consumedAfter: number): QuotaConsumed {
  return {
    type: 'QuotaConsumed',
    subjectId: sampleTokenId,
    orgId: sampleOrgId,
    secretId,
    window: '2026-02' as QuotaWindow,
    windowEnd,
    cost: 1,
    operation: 'packages:list',
    consumedAfter,
    limit: 1_000_000,
    occurredAt: sampleInstant(consumedAfter),
  };
}

/** A creation with every personal field filled in. */
export function sampleCreation(overrides: Partial<TokenCreated> = {}): TokenCreated {
  return {
    type: 'TokenCreated',
    tokenId: sampleTokenId,
    orgId: sampleOrgId,
    dialect: 'native',
    name: 'deploy token of Ada',
    description: 'used by the nightly build',
    scopes: ['packages', 'report:write'],
    resources: [{ organization: 'acme', repository: '', workspace: '' }],
    maxQuota: 1000,
    visibility: 'organization',
    committer: {
      email: 'ada@example.org',
      provider: 'github',
      providerLoginName: 'ada',
      providerUserId: 'github-ada-4711',
    },
    ownerId: 'employee-17',
    metadata: { contact: 'grace@example.org' },
    expiresAt: null,
    secret,
    createdBy: { kind: 'user', id: userId },
    createdByUserId: userId,
    occurredAt: sampleInstant(0),
    ...overrides,
  };
}

type PayloadOf<Type extends LedgerEvent['type']> = Extract<LedgerEvent, { readonly type: Type }>;

/** One valid payload of every event type: a new type does not compile until it has one here. */
export const samplePayloads: { readonly [Type in LedgerEvent['type']]: PayloadOf<Type> } = {
  TokenCreated: sampleCreation(),
  TokenRenamed: changed('TokenRenamed', 'deploy', 'release of Ada'),
  TokenDescriptionChanged: changed('TokenDescriptionChanged', '', 'ask Grace'),
  TokenScopesChanged: changed('TokenScopesChanged', ['report'], ['report', 'packages:list']),
  TokenResourcesChanged: changed('TokenResourcesChanged', [], sampleCreation().resources),
  TokenMaxQuotaChanged: changed('TokenMaxQuotaChanged', null, 500),
  TokenVisibilityChanged: changed('TokenVisibilityChanged', 'admin', 'organization'),
  TokenCommitterChanged: changed('TokenCommitterChanged', null, sampleCreation().committer),
  TokenOwnerChanged: changed('TokenOwnerChanged', 'employee-17', null),
  TokenMetadataChanged: changed('TokenMetadataChanged', {}, { contact: 'grace@example.org' }),
  TokenExpiryChanged: changed('TokenExpiryChanged', null, windowEnd),
  TokenRotated: {
    ...token('TokenRotated'),
    fromSecretId: secretId,
    secret: { ...secret, secretId: 'secret-2' as SecretId },
    previousValidUntil: sampleInstant(60),
    expiresAt: null,
  },
  TokenGraceClosed: { ...token('TokenGraceClosed'), secretId },
  TokenRevoked: {
    ...token('TokenRevoked'),
    revocationId: 'revocation-1',
    reason: 'compromised',
    note: 'seen in a paste by Ada',
  },
  TokenUsed: { ...token('TokenUsed'), secretId },
  QuotaConsumed: sampleCharge(1),
  QuotaReturned: {
    type: 'QuotaReturned',
    subjectId: sampleTokenId,
    orgId: sampleOrgId,
    window: '2026-02' as QuotaWindow,
    windowEnd,
    leaseId: '2026-02.6f0d1f1e-9c1b-4a53-8d4d-0a1f6f1f0009',
    units: 3,
    consumedAfter: 7,
    limit: 1_000_000,
    occurredAt: sampleInstant(4),
  },
  OrganizationCreated: {
    ...organization('OrganizationCreated'),
    slug: 'acme',
    name: 'Acme',
    image: null,
    plan: 'free',
  },
  OrganizationRenamed: { ...organization('OrganizationRenamed'), from: 'Acme', to: null },
  OrganizationPlanChanged: { ...organization('OrganizationPlanChanged'), from: 'free', to: 'team' },
  MemberAdded: { ...organization('MemberAdded'), userId, role: 'admin' },
  MemberRoleChanged: {
    ...organization('MemberRoleChanged'),
    userId,
    from: 'admin',
    to: 'member',
  },
  MemberRemoved: { ...organization('MemberRemoved'), userId },
  SlugReserved: { ...organization('SlugReserved'), slug: 'acme' },
  UserRegistered: {
    ...user('UserRegistered'),
    email: 'ada@example.org',
    name: 'Ada',
    operator: false,
  },
  PersonalTokenIssued: {
    ...user('PersonalTokenIssued'),
    tokenId: sampleTokenId,
    digest,
    preview: 'tlp_****abcd',
    label: 'laptop of Ada',
  },
  PersonalTokenRevoked: { ...user('PersonalTokenRevoked'), tokenId: sampleTokenId },
  GatewayReported: { ...gateway('GatewayReported'), position: '48211' },
  GatewayRetired: gateway('GatewayRetired'),
  EventSkipped: {
    type: 'EventSkipped',
    position: '48211',
    streamId: `token-${sampleTokenId}`,
    revision: 2,
    orgId: sampleOrgId,
    reason: 'written by a release that was taken back',
    by: 'Ada',
    occurredAt: sampleInstant(5),
  },
};

function token<Type extends string>(type: Type) {
  return {
    type,
    tokenId: sampleTokenId,
    orgId: sampleOrgId,
    occurredAt: sampleInstant(1),
  } as const;
}

function changed<Type extends string, From, To>(type: Type, from: From, to: To) {
  return { ...token(type), from, to } as const;
}

function organization<Type extends string>(type: Type) {
  return { type, orgId: sampleOrgId, occurredAt: sampleInstant(2) } as const;
}

function user<Type extends string>(type: Type) {
  return { type, userId, occurredAt: sampleInstant(3) } as const;
}

function gateway<Type extends string>(type: Type) {
  const occurredAt = sampleInstant(4);
  return { type, gatewayId: 'edge-1', orgId: sampleOrgId, occurredAt } as const;
}
