import {
  asCreator,
  coversResources,
  creatingUser,
  exceedsQuota,
  holdingsOf,
  type Authority,
  type Holdings,
} from './authority.js';
import {
  epochMs,
  invariant,
  latest,
  timestamp,
  type OrgId,
  type Timestamp,
  type TokenId,
  type UserId,
} from './primitives.js';
import { accept, reject, type Decision, type Rejection } from './rejection.js';
import { distinctScopes, scopesNotHeld, type ScopeCatalogue } from './scope.js';
import { openGrace, rotateRing, type SecretRing } from './secret-ring.js';
import { SOCKET_SCOPES } from './socket-scopes.js';
import { SOCMATE_SCOPES } from './socmate-scopes.js';
import type {
  CloseGrace,
  CreateToken,
  RevokeToken,
  RotateToken,
  TokenCommand,
  TokenIdentity,
  UpdateToken,
} from './token-commands.js';
import {
  ATTRIBUTE_EVENTS,
  changedAttribute,
  type Creator,
  type Dialect,
  type PublicId,
  type TokenAttributeChanged,
  type TokenAttributes,
  type TokenEvent,
} from './token-events.js';

export interface AbsentToken {
  readonly status: 'absent';
}

export interface KnownToken extends TokenAttributes {
  readonly status: 'active' | 'revoked';
  readonly tokenId: TokenId;
  readonly orgId: OrgId;
  readonly dialect: Dialect;
  readonly publicId?: PublicId;
  readonly secrets: SecretRing;
  /** When the current secret took the place of another; null before the first rotation. */
  readonly rotatedAt: Timestamp | null;
  readonly createdBy: Creator;
  readonly createdByUserId: UserId | null;
  readonly createdAt: Timestamp;
  readonly revocation: {
    readonly revocationId: string;
    readonly reason: string;
    readonly revokedAt: Timestamp;
  } | null;
  /** How many events the token's stream holds: its entity tag. */
  readonly revision: number;
  readonly lastAt: Timestamp;
}

export type Token = AbsentToken | KnownToken;

export const noToken: Token = { status: 'absent' };

const CATALOGUES: Record<Dialect, ScopeCatalogue> = {
  socket: { closed: SOCKET_SCOPES },
  socmate: { closed: SOCMATE_SCOPES },
  native: {},
};

/** Which dialects keep the old secret alive for a while after a rotation. */
const OFFERS_GRACE: Record<Dialect, boolean> = { socket: false, native: true, socmate: true };

export function decide(
  token: Token,
  command: TokenCommand,
  authority: Authority,
): Decision<TokenEvent> {
  if (authority.kind === 'dead') return reject({ code: 'ACTOR_NOT_LIVE' });
  if (isOutsider(authority, command.orgId)) return reject({ code: 'ORGANIZATION_NOT_FOUND' });
  if (command.type === 'CreateToken') {
    invariant(token.status === 'absent', 'a new token has an id of its own');
    return create(command, authority);
  }
  if (token.status === 'absent' || !isSameToken(token, command.orgId, command.identity)) {
    return reject({ code: 'TOKEN_NOT_FOUND' });
  }
  if (!mayManage(token, authority)) return reject({ code: 'FORBIDDEN' });
  if (token.status === 'revoked') {
    // Revoking twice is harmless, so a retry must not look like a failure.
    if (command.type === 'RevokeToken') return accept();
    return reject({ code: 'TOKEN_REVOKED', revokedAt: token.revocation!.revokedAt });
  }
  if (command.expectedRevision !== undefined && command.expectedRevision !== token.revision) {
    return reject({ code: 'REVISION_MISMATCH', revision: token.revision });
  }
  switch (command.type) {
    case 'UpdateToken':
      return update(token, command, authority);
    case 'RotateToken':
      return rotate(token, command, authority);
    case 'CloseGrace':
      return closeGrace(token, command);
    case 'RevokeToken':
      return revoke(token, command);
  }
}

/** Folds one stored fact into the state. Total: it never refuses, because facts cannot be refused. */
export function evolve(token: Token, event: TokenEvent): Token {
  if (event.type === 'TokenCreated') {
    const { type: _type, secret, occurredAt, ...attributes } = event;
    // Spreads come last: keys added after one would cost each token a hidden class of its own, and 4 KB.
    return {
      status: 'active',
      secrets: { current: { issuedAt: occurredAt, ...secret }, previous: null },
      createdAt: occurredAt,
      rotatedAt: null,
      revocation: null,
      revision: 1,
      lastAt: occurredAt,
      ...attributes,
    };
  }
  invariant(token.status !== 'absent', `${event.type} follows TokenCreated`);
  const next = {
    ...token,
    revision: token.revision + 1,
    lastAt: latest(event.occurredAt, token.lastAt),
  };
  switch (event.type) {
    case 'TokenRotated': {
      const current = { issuedAt: event.occurredAt, ...event.secret };
      return {
        ...next,
        secrets: rotateRing(token.secrets, current, event.previousValidUntil),
        expiresAt: event.expiresAt,
        rotatedAt: event.occurredAt,
      };
    }
    case 'TokenGraceClosed': {
      const { current, previous } = token.secrets;
      const closed = previous && { ...previous, validUntil: event.occurredAt };
      return { ...next, secrets: { current, previous: closed } };
    }
    case 'TokenRevoked': {
      const { revocationId, reason, occurredAt: revokedAt } = event;
      return { ...next, status: 'revoked', revocation: { revocationId, reason, revokedAt } };
    }
    case 'TokenUsed':
      return token; // Uses have a stream of their own.
    default: {
      const attribute = changedAttribute(event.type);
      invariant(attribute !== undefined, `${event.type} is a fact about a token`);
      return { ...next, [attribute]: event.to };
    }
  }
}

/** The token as the world sees it at `now`: expiry is a function of the clock, not a fact. */
export function statusAt(
  token: Pick<KnownToken, 'status' | 'expiresAt'>,
  now: Timestamp,
): 'active' | 'expired' | 'revoked' {
  if (token.status === 'revoked') return 'revoked';
  return token.expiresAt !== null && token.expiresAt <= now ? 'expired' : 'active';
}

function isSameToken(token: KnownToken, orgId: OrgId, identity: TokenIdentity = {}): boolean {
  const { current } = token.secrets;
  return (
    token.orgId === orgId &&
    (identity.digest === undefined || identity.digest === current.digest) &&
    (identity.secretId === undefined || identity.secretId === current.secretId)
  );
}

/** Who does not belong to the organization learns nothing of it, not even which tokens exist (A11). */
function isOutsider(authority: Authority, orgId: OrgId): boolean {
  if (authority.kind === 'token') return authority.orgId !== orgId;
  return authority.kind === 'user' && authority.role === null;
}

/** Members manage what they created; whether a token may act at all is its route's scope. */
function mayManage(token: KnownToken, authority: Authority): boolean {
  if (authority.kind !== 'user' || authority.role === 'admin') return true;
  return authority.role === 'member' && token.createdByUserId === authority.userId;
}

function create(command: CreateToken, authority: Authority): Decision<TokenEvent> {
  const { tokenId, orgId, dialect, publicId, attributes, secret, now } = command;
  if (authority.kind === 'user' && authority.role !== 'admin') return reject({ code: 'FORBIDDEN' });
  const excess = powerNotHeld([attributes], dialect, holdingsOf(authority));
  if (excess) return reject(excess);
  return accept({
    type: 'TokenCreated',
    tokenId,
    orgId,
    dialect,
    ...(publicId ? { publicId } : {}),
    ...attributes,
    secret,
    createdBy: asCreator(authority),
    createdByUserId: creatingUser(authority),
    occurredAt: now,
  });
}

/** One event for each attribute that differs; none at all is an accepted change of nothing. */
function update(
  token: KnownToken,
  { changes, now }: UpdateToken,
  authority: Authority,
): Decision<TokenEvent> {
  // The caller must dominate what the token is and what it would become. Its quota counts only where it
  // changes: lowering another token's limit takes no power that the caller lacks.
  const holdings = holdingsOver(token, authority);
  const wanted = { ...token, ...changes };
  const maxQuota = wanted.maxQuota === token.maxQuota ? 0 : wanted.maxQuota;
  const powers = [
    { ...token, maxQuota: 0 },
    { ...wanted, maxQuota },
  ];
  const excess = powerNotHeld(powers, token.dialect, holdings);
  if (excess) return reject(excess);

  const { tokenId, orgId } = token;
  const attributes = Object.keys(ATTRIBUTE_EVENTS) as (keyof TokenAttributes)[];
  const events = attributes
    .filter((attribute) => attribute in changes && !sameValue(token[attribute], wanted[attribute]))
    .map((attribute) => ({
      type: ATTRIBUTE_EVENTS[attribute],
      tokenId,
      orgId,
      from: token[attribute],
      to: wanted[attribute],
      occurredAt: latest(now, token.lastAt),
    }));
  // The pairing of type and value is right by construction; the compiler cannot follow it through map.
  return accept(...(events as readonly TokenAttributeChanged[]));
}

function rotate(
  token: KnownToken,
  command: RotateToken,
  authority: Authority,
): Decision<TokenEvent> {
  const now = latest(command.now, token.lastAt);
  const expiresAt = command.expiresAt === undefined ? token.expiresAt : command.expiresAt;
  if (statusAt({ status: 'active', expiresAt }, now) === 'expired') {
    return reject({ code: 'TOKEN_EXPIRED', expiresAt: expiresAt! });
  }
  const graceUntil = openGrace(token.secrets, now);
  if (graceUntil !== null && !command.closePrevious) {
    return reject({ code: 'GRACE_OPEN', validUntil: graceUntil });
  }
  if (command.graceMs > 0 && !OFFERS_GRACE[token.dialect]) {
    return reject({ code: 'GRACE_NOT_OFFERED' });
  }
  // Rotation hands out a working secret, so the caller must dominate the token (A7).
  const excess = powerNotHeld([token], token.dialect, holdingsOver(token, authority));
  if (excess) return reject(excess);

  const { tokenId, orgId, secrets } = token;
  return accept({
    type: 'TokenRotated',
    tokenId,
    orgId,
    fromSecretId: secrets.current.secretId,
    secret: command.secret,
    previousValidUntil: graceEnd(now, command.graceMs, token.expiresAt),
    expiresAt,
    occurredAt: now,
  });
}

/** A grace never outlives the expiry that the old secret was given. */
function graceEnd(now: Timestamp, graceMs: number, expiresAt: Timestamp | null): Timestamp | null {
  if (graceMs === 0) return null;
  const end = timestamp(epochMs(now) + graceMs);
  const bounded = expiresAt !== null && expiresAt < end ? expiresAt : end;
  return bounded > now ? bounded : null;
}

/** Closing a grace that is over, by its time or by a later rotation, is what was asked for already. */
function closeGrace(token: KnownToken, { secretId, now }: CloseGrace): Decision<TokenEvent> {
  const { current, previous } = token.secrets;
  if (secretId === current.secretId) return reject({ code: 'SECRET_IS_CURRENT' });
  if (previous?.secretId !== secretId) return reject({ code: 'SECRET_NOT_FOUND' });
  const occurredAt = latest(now, token.lastAt);
  if (openGrace(token.secrets, occurredAt) === null) return accept();
  const { tokenId, orgId } = token;
  return accept({ type: 'TokenGraceClosed', tokenId, orgId, secretId, occurredAt });
}

function revoke(
  { tokenId, orgId, lastAt }: KnownToken,
  { revocationId, reason, note, now }: RevokeToken,
): Decision<TokenEvent> {
  const occurredAt = latest(now, lastAt);
  return accept({ type: 'TokenRevoked', tokenId, orgId, revocationId, reason, note, occurredAt });
}

/** What the caller may hand out with this token. A member may hand on what it was created with. */
function holdingsOver(token: KnownToken, authority: Authority): Holdings | null {
  return authority.kind === 'user' && authority.role !== 'admin' ? token : holdingsOf(authority);
}

/** What of the powers, taken together, exceeds the holdings (A5-A8, decision 9); null when nothing does. */
function powerNotHeld(
  powers: readonly Holdings[],
  dialect: Dialect,
  holdings: Holdings | null,
): Rejection | null {
  if (holdings === null) return null;
  const scopes = distinctScopes(powers.flatMap((power) => power.scopes));
  const missing = scopesNotHeld(holdings.scopes, scopes, CATALOGUES[dialect]);
  if (missing.length > 0) return { code: 'SCOPES_NOT_HELD', missingScopes: missing };
  if (!powers.every(({ resources }) => coversResources(holdings.resources, resources))) {
    return { code: 'RESOURCES_NOT_HELD' };
  }
  const tooLarge = powers.find(({ maxQuota }) => exceedsQuota(maxQuota, holdings.maxQuota));
  if (tooLarge) {
    const { maxQuota: requestedMaxQuota } = tooLarge;
    return { code: 'QUOTA_ABOVE_OWN', ownMaxQuota: holdings.maxQuota!, requestedMaxQuota };
  }
  return null;
}

/** Attributes are plain JSON values. The order of members is no part of one: metadata comes in any. */
function sameValue(a: unknown, b: unknown): boolean {
  return a === b || JSON.stringify(a, inOrder) === JSON.stringify(b, inOrder);
}

function inOrder(_key: string, value: unknown): unknown {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
