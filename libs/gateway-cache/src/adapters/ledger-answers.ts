import type {
  LeaseGrant,
  Quota,
  TokenIdentity,
  Verification,
  VerificationCode,
} from '../ledger.js';

/** The ledger answered with something that is not its answer. The text names members, never values. */
export class AnswerFault extends Error {
  override readonly name = 'AnswerFault';
}

type Members = Readonly<Record<string, unknown>>;

/** @param answeredAtMs What the ledger's clock showed. @throws AnswerFault */
export function readVerification(body: unknown, answeredAtMs: number | null): Verification {
  const members = membersOf(body);
  const code = textOf(members, 'code') as VerificationCode;
  const isKnown = code !== 'NOT_FOUND';
  const { expiresAt = null, quota = null } = members;
  return {
    code,
    position: positionOf(members),
    identity: isKnown ? readIdentity(members) : null,
    quota: quota === null ? null : readQuota(quota),
    expiresAtMs: expiresAt === null ? null : instantOf(members, 'expiresAt'),
    answeredAtMs,
  };
}

/** @throws AnswerFault */
export function readLease(body: unknown, answeredAtMs: number | null): LeaseGrant {
  const members = membersOf(body);
  return {
    leaseId: textOf(members, 'leaseId'),
    units: countOf(members, 'units'),
    quota: readQuota(members['quota']),
    expiresAtMs: instantOf(members, 'expiresAt'),
    answeredAtMs,
  };
}

/** @throws AnswerFault */
export function readQuota(value: unknown): Quota {
  const members = membersOf(value);
  const { limit, remaining } = members;
  return {
    limit: limit === null ? null : countOf(members, 'limit'),
    consumed: countOf(members, 'consumed'),
    remaining: remaining === null ? null : countOf(members, 'remaining'),
    resetAt: new Date(instantOf(members, 'resetAt')).toISOString(),
  };
}

function readIdentity(members: Members): TokenIdentity {
  const { ownerId, scopes } = members;
  if (!Array.isArray(scopes) || !scopes.every((scope) => typeof scope === 'string')) {
    throw new AnswerFault('scopes are no texts');
  }
  return {
    tokenId: textOf(members, 'tokenId'),
    secretId: textOf(members, 'secretId'),
    orgId: textOf(members, 'orgId'),
    ownerId: typeof ownerId === 'string' ? ownerId : null,
    name: textOf(members, 'name'),
    scopes,
  };
}

function membersOf(value: unknown): Members {
  if (typeof value !== 'object' || value === null) throw new AnswerFault('no JSON object');
  return value as Members;
}

function textOf(members: Members, name: string): string {
  const value = members[name];
  if (typeof value !== 'string') throw new AnswerFault(`${name} is no text`);
  return value;
}

function countOf(members: Members, name: string): number {
  const value = members[name];
  if (!Number.isSafeInteger(value) || (value as number) < 0) {
    throw new AnswerFault(`${name} is no count`);
  }
  return value as number;
}

function positionOf(members: Members): bigint {
  const text = textOf(members, 'position');
  if (!/^\d{1,20}$/.test(text)) throw new AnswerFault('position is no log position');
  return BigInt(text);
}

function instantOf(members: Members, name: string): number {
  const ms = Date.parse(textOf(members, name));
  if (Number.isNaN(ms)) throw new AnswerFault(`${name} is no instant`);
  return ms;
}
