import type { Authority } from '../authority.js';
import type { OrganizationEvent } from '../organization.js';
import {
  epochMs,
  timestamp,
  type OrgId,
  type SecretDigest,
  type SecretId,
  type Timestamp,
  type TokenId,
  type UserId,
} from '../primitives.js';
import type { CreateToken, RevokeToken, RotateToken, UpdateToken } from '../token-commands.js';
import {
  ATTRIBUTE_EVENTS,
  type IssuedSecret,
  type TokenAttributeChanged,
  type TokenAttributes,
  type TokenCreated,
  type TokenRevoked,
  type TokenRotated,
} from '../token-events.js';
import type { UserEvent } from '../user.js';

/** A fixed UUID that names its kind by its first digits, so that a failure says what was mixed up. */
function uuid(kind: string, n: number): string {
  return `${kind.padEnd(8, '0')}-0000-4000-8000-${String(n).padStart(12, '0')}`;
}

export const orgId = uuid('a', 1) as OrgId;
export const otherOrgId = uuid('a', 2) as OrgId;
export const tokenId = uuid('b', 1) as TokenId;
/** The token that a caller presents, unless it acts on itself. */
export const callerTokenId = uuid('b', 2) as TokenId;
export const adminId = uuid('c', 1) as UserId;
export const memberId = uuid('c', 2) as UserId;
export const otherUserId = uuid('c', 3) as UserId;
export const personalTokenId = uuid('e', 1) as TokenId;
export const revocationId = uuid('f', 1);

/** An instant, in minutes after a fixed noon. */
export function at(minutes: number): Timestamp {
  return timestamp(Date.UTC(2026, 0, 15, 12) + minutes * 60_000);
}

export function justBefore(instant: Timestamp): Timestamp {
  return timestamp(epochMs(instant) - 1);
}

/** The n-th secret: its id, digest and preview all differ from those of any other. */
export function secretOf(n: number): IssuedSecret {
  return {
    secretId: uuid('d', n) as SecretId,
    digest: `sha512-${String(n).padStart(86, 'A')}==` as SecretDigest,
    preview: `tl_****${String(n).padStart(4, '0')}`,
  };
}

export const attributes: TokenAttributes = {
  name: 'ci',
  description: '',
  scopes: [],
  resources: [],
  maxQuota: 1000,
  visibility: 'organization',
  committer: null,
  ownerId: null,
  metadata: {},
  expiresAt: null,
};

/** A value for every attribute that differs from that of {@link attributes}. */
export const otherAttributes: TokenAttributes = {
  name: 'deploy',
  description: 'Deploys',
  scopes: ['invoices'],
  resources: [{ organization: 'acme', repository: 'api', workspace: '' }],
  maxQuota: 5,
  visibility: 'admin',
  committer: {
    email: 'committer@example.com',
    provider: 'github',
    providerLoginName: 'committer',
    providerUserId: '7',
  },
  ownerId: 'team-7',
  metadata: { env: 'prod' },
  expiresAt: at(60),
};

export const attributeNames = Object.keys(ATTRIBUTE_EVENTS) as readonly (keyof TokenAttributes)[];

export const system: Authority = { kind: 'system' };
export const dead: Authority = { kind: 'dead' };

function user(userId: UserId, role: 'admin' | 'member' | null, operator = false): Authority {
  return { kind: 'user', userId, role, operator };
}

export const admin = user(adminId, 'admin');
export const member = user(memberId, 'member');
/** Signed in, and not a member of the organization. */
export const stranger = user(otherUserId, null);
/** Runs the ledger, and is not a member of the organization. */
export const operator = user(otherUserId, null, true);

export type TokenAuthority = Extract<Authority, { kind: 'token' }>;

/** A token that acts. It holds no scope and 1000 units, and is not limited to any resource. */
export function tokenAuthority(over: Partial<TokenAuthority> = {}): TokenAuthority {
  return {
    kind: 'token',
    tokenId: callerTokenId,
    orgId,
    createdByUserId: adminId,
    scopes: [],
    resources: [],
    maxQuota: 1000,
    expiresAt: null,
    ...over,
  };
}

/** Created at minute 0 by an admin, with the first secret. */
export function tokenCreated(over: Partial<TokenCreated> = {}): TokenCreated {
  return {
    type: 'TokenCreated',
    tokenId,
    orgId,
    dialect: 'native',
    ...attributes,
    secret: secretOf(1),
    createdBy: { kind: 'user', id: adminId },
    createdByUserId: adminId,
    occurredAt: at(0),
    ...over,
  };
}

/** One attribute changed at `occurredAt`. */
export function attributeChanged<A extends keyof TokenAttributes>(
  attribute: A,
  from: TokenAttributes[A],
  to: TokenAttributes[A],
  occurredAt: Timestamp = at(1),
): TokenAttributeChanged {
  const type = ATTRIBUTE_EVENTS[attribute];
  return { type, tokenId, orgId, from, to, occurredAt } as TokenAttributeChanged;
}

/** Rotated at minute 1 from the first to the second secret; the first died at once. */
export function tokenRotated(over: Partial<TokenRotated> = {}): TokenRotated {
  return {
    type: 'TokenRotated',
    tokenId,
    orgId,
    fromSecretId: secretOf(1).secretId,
    secret: secretOf(2),
    previousValidUntil: null,
    expiresAt: null,
    occurredAt: at(1),
    ...over,
  };
}

/** Revoked at minute 1. */
export function tokenRevoked(over: Partial<TokenRevoked> = {}): TokenRevoked {
  return {
    type: 'TokenRevoked',
    tokenId,
    orgId,
    revocationId,
    reason: 'requested',
    note: null,
    occurredAt: at(1),
    ...over,
  };
}

export function createToken(
  chosen: Partial<TokenAttributes> = {},
  over: Partial<CreateToken> = {},
): CreateToken {
  return {
    type: 'CreateToken',
    tokenId,
    orgId,
    dialect: 'native',
    attributes: { ...attributes, ...chosen },
    secret: secretOf(1),
    now: at(0),
    ...over,
  };
}

/** The commands that follow come at minute 2, after every sample event. */
export function updateToken(
  changes: Partial<TokenAttributes>,
  over: Partial<UpdateToken> = {},
): UpdateToken {
  return { type: 'UpdateToken', tokenId, orgId, changes, now: at(2), ...over };
}

/** To the second secret, without grace. */
export function rotateToken(over: Partial<RotateToken> = {}): RotateToken {
  return {
    type: 'RotateToken',
    tokenId,
    orgId,
    secret: secretOf(2),
    graceMs: 0,
    closePrevious: false,
    now: at(2),
    ...over,
  };
}

export function revokeToken(over: Partial<RevokeToken> = {}): RevokeToken {
  return {
    type: 'RevokeToken',
    tokenId,
    orgId,
    revocationId,
    reason: 'requested',
    note: null,
    now: at(2),
    ...over,
  };
}

/** An organization, and its first admin, as one command makes them. */
export const organizationCreated: readonly [OrganizationEvent, OrganizationEvent] = [
  {
    type: 'OrganizationCreated',
    orgId,
    slug: 'acme',
    name: 'Acme',
    image: null,
    plan: 'free',
    occurredAt: at(0),
  },
  { type: 'MemberAdded', orgId, userId: adminId, role: 'admin', occurredAt: at(0) },
];

export function memberAdded(
  userId: UserId,
  role: 'admin' | 'member',
  occurredAt: Timestamp = at(1),
): OrganizationEvent {
  return { type: 'MemberAdded', orgId, userId, role, occurredAt };
}

export const userRegistered: UserEvent = {
  type: 'UserRegistered',
  userId: memberId,
  email: 'member@example.com',
  name: 'Member',
  operator: false,
  occurredAt: at(0),
};

export const personalTokenIssued: UserEvent = {
  type: 'PersonalTokenIssued',
  userId: memberId,
  tokenId: personalTokenId,
  digest: secretOf(9).digest,
  preview: secretOf(9).preview,
  label: 'laptop',
  occurredAt: at(1),
};
