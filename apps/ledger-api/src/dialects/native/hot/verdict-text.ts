import {
  secretExpiry,
  type QuotaStanding,
  type Scope,
  type Timestamp,
  type VerificationCode,
} from '@ledger/domain';
import type { CredentialSecret, TokenCredential } from '@ledger/read-models';

/** What is answered about a token that is the caller's to see. */
export interface Verdict {
  readonly code: Exclude<VerificationCode, 'NOT_FOUND'>;
  readonly token: TokenCredential;
  readonly secret: CredentialSecret;
  readonly missingScopes: readonly Scope[];
  readonly quota: QuotaStanding;
  readonly position: string;
}

/** Nothing else is told. */
export function notFoundText(position: string): string {
  return `{"valid":false,"code":"NOT_FOUND","position":"${position}"}`;
}

/** The parts that are the same each time, by the credential they were written from. */
interface TokenText {
  readonly head: string;
  readonly middle: string;
  readonly expiry: string;
}

/** A credential is a new object after every change, so what was written from an older one is never found. */
const texts = new WeakMap<TokenCredential, TokenText>();

/** The JSON of a verdict, written by hand: the hot path has no time for a general serializer. */
export function verdictText(verdict: Verdict): string {
  const { code, token, secret, missingScopes, quota, position } = verdict;
  const { secretId, validUntil } = secret;
  const { head, middle, expiry: ofToken } = textOf(token);
  // Only a secret that was rotated away ends at a time of its own.
  const expiry = validUntil === null ? ofToken : expiryText(secretExpiry(token, secret));
  const missing = missingScopes.length === 0 ? '[]' : JSON.stringify(missingScopes);
  return `{"valid":${code === 'VALID'},"code":"${code}",${head}"secretId":"${secretId}",${middle}"missingScopes":${missing},${expiry}"quota":${quotaText(quota)},"position":"${position}"}`;
}

export function quotaText({ limit, consumed, remaining, resetAt }: QuotaStanding): string {
  return `{"limit":${limit},"consumed":${consumed},"remaining":${remaining},"resetAt":"${resetAt}"}`;
}

function textOf(token: TokenCredential): TokenText {
  let text = texts.get(token);
  if (!text) {
    text = write(token);
    texts.set(token, text);
  }
  return text;
}

function write(token: TokenCredential): TokenText {
  const { tokenId, orgId, dialect, ownerId, name, scopes, metadata, expiresAt } = token;
  return {
    head: members({ tokenId }),
    middle: members({ orgId, dialect, ownerId, name, scopes, metadata }),
    expiry: expiryText(expiresAt),
  };
}

function expiryText(expiresAt: Timestamp | null): string {
  return members({ expiresAt });
}

/** Members of an object that goes on after them. */
function members(object: object): string {
  return `${JSON.stringify(object).slice(1, -1)},`;
}
