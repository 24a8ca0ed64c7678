import { hash } from 'node:crypto';
import type { CachedVerifier, VerificationRequest } from './cache/cached-verifier.js';
import { credentialDigest, isPlausibleSecret } from './cache/credential-digest.js';
import type { VerificationCache } from './cache/verification-cache.js';
import type { Outcome, Question, Quota, TokenIdentity, Verification } from './ledger.js';
import type { QuotaLeases, Spending } from './quota/quota-leases.js';

/** How a route's calls are charged: not, each at the ledger, or from units taken in advance. */
export const QUOTA_MODES = ['none', 'exact', 'leased'] as const;

export type QuotaMode = (typeof QUOTA_MODES)[number];

/** What a route demands of whoever calls it. */
export interface Requirement {
  readonly question: Question;
  /** Stands for the question in the cache. */
  readonly questionKey: string;
  readonly quota: QuotaMode;
  /** Units of one call. */
  readonly cost: number;
  /** What the units are spent on, for the record. */
  readonly operation: string;
}

export type Decision =
  | { readonly outcome: 'allow'; readonly identity: TokenIdentity; readonly quota: Quota | null }
  /** No living token: nothing else is told. */
  | { readonly outcome: 'unauthenticated' }
  | { readonly outcome: 'forbidden'; readonly lacks: 'scope' | 'resource' }
  | {
      readonly outcome: 'quota-exceeded';
      readonly quota: Quota | null;
      readonly retryAfterSeconds: number | undefined;
    }
  | { readonly outcome: 'unavailable'; readonly retryAfterSeconds: number };

const UNAUTHENTICATED: Decision = { outcome: 'unauthenticated' };

/** @param parts Without a quota mode nothing is charged. */
export function requirement(
  question: Question,
  parts: Partial<Pick<Requirement, 'quota' | 'cost' | 'operation'>> = {},
): Requirement {
  const { quota = 'none', cost = quota === 'none' ? 0 : 1, operation = 'forward-auth' } = parts;
  const { organization, repository, workspace } = question.resource ?? {};
  const scopes = [...question.scopes].sort();
  const text = JSON.stringify([scopes, organization, repository, workspace]);
  return { question, questionKey: hash('sha256', text, 'base64url'), quota, cost, operation };
}

export interface GatewayDecisionsParts {
  readonly cache: VerificationCache;
  readonly verifier: CachedVerifier;
  readonly leases: QuotaLeases;
}

/**
 * Whether a call may pass. What the ledger has judged is only looked up and mapped here: no rule about
 * scopes, deadlines or quota is repeated.
 */
export class GatewayDecisions {
  /** An answer is the same object for as long as it is in the cache. */
  readonly #decisions = new WeakMap<Verification, Decision>();

  constructor(private readonly parts: GatewayDecisionsParts) {}

  /**
   * Safe to repeat, save that each repeat is charged.
   *
   * @returns A promise only when the ledger must be asked.
   */
  decide(secret: string, required: Requirement): Decision | Promise<Decision> {
    if (!isPlausibleSecret(secret)) return UNAUTHENTICATED;
    const key = credentialDigest(secret) + required.questionKey;
    const request = { key, secret, question: required.question };
    const cached = this.parts.verifier.cached(key);
    if (required.quota !== 'exact') {
      return cached ? this.#decideOn(cached, request, required) : this.#ask(request, required);
    }
    const refusal = cached && this.#decisionOf(cached);
    return refusal && refusal.outcome !== 'allow' ? refusal : this.#charge(request, required);
  }

  /** On an answer from memory, or one just checked: no message can have been applied since. */
  #decideOn(
    verification: Verification,
    request: VerificationRequest,
    required: Requirement,
  ): Decision | Promise<Decision> {
    const decision = this.#decisionOf(verification);
    if (decision.outcome !== 'allow' || required.quota === 'none') return decision;
    const { cost: units, operation } = required;
    const { tokenId } = decision.identity;
    const spending = this.parts.leases.spend({ tokenId, units, operation });
    if (!(spending instanceof Promise)) return afterSpending(decision, spending);
    return this.#afterWaiting(verification, request, decision, spending);
  }

  #decisionOf(verification: Verification): Decision {
    let decision = this.#decisions.get(verification);
    if (!decision) {
      decision = decisionOn(verification);
      this.#decisions.set(verification, decision);
    }
    return decision;
  }

  async #ask(request: VerificationRequest, required: Requirement): Promise<Decision> {
    const outcome = await this.parts.verifier.ask(request);
    if (outcome.outcome !== 'answered') return unavailable(outcome);
    return this.#decideOn(outcome.value, request, required);
  }

  async #charge(request: VerificationRequest, required: Requirement): Promise<Decision> {
    const outcome = await this.parts.verifier.charge(request, required);
    return outcome.outcome === 'answered' ? decisionOn(outcome.value) : unavailable(outcome);
  }

  /** While units were waited for, the token may have been revoked. */
  async #afterWaiting(
    verification: Verification,
    request: VerificationRequest,
    allowed: Allowed,
    waiting: Promise<Spending>,
  ): Promise<Decision> {
    const spending = await waiting;
    if (this.parts.cache.isOutdated(verification)) {
      const outcome = await this.parts.verifier.ask(request);
      if (outcome.outcome !== 'answered') return unavailable(outcome);
      const current = decisionOn(outcome.value);
      if (current.outcome !== 'allow') return current;
    }
    return afterSpending(allowed, spending);
  }
}

type Allowed = Decision & { readonly outcome: 'allow' };

function decisionOn({ code, identity, quota }: Verification): Decision {
  switch (code) {
    case 'VALID':
      // A valid answer names its token; one that does not is none.
      return identity ? { outcome: 'allow', identity, quota } : UNAUTHENTICATED;
    case 'INSUFFICIENT_SCOPE':
      return { outcome: 'forbidden', lacks: 'scope' };
    case 'RESOURCE_NOT_ALLOWED':
      return { outcome: 'forbidden', lacks: 'resource' };
    case 'QUOTA_EXCEEDED':
      return { outcome: 'quota-exceeded', quota, retryAfterSeconds: undefined };
    case 'NOT_FOUND':
    case 'REVOKED':
    case 'EXPIRED':
    case 'ROTATED':
      return UNAUTHENTICATED;
    default:
      // A code of a newer ledger: whatever it means, it is not VALID.
      return UNAUTHENTICATED;
  }
}

function afterSpending({ identity }: Allowed, spending: Spending): Decision {
  if (spending.outcome === 'spent') return { outcome: 'allow', identity, quota: spending.quota };
  if (spending.outcome === 'unavailable') return unavailable(spending);
  const { code, quota, retryAfterSeconds } = spending;
  if (code === 'QUOTA_EXCEEDED') return { outcome: 'quota-exceeded', quota, retryAfterSeconds };
  const isGone = ['NOT_FOUND', 'TOKEN_REVOKED', 'TOKEN_EXPIRED'].includes(code);
  return isGone ? UNAUTHENTICATED : unavailable(spending);
}

/** The ledger did not say. A call that nobody has judged does not pass, and is not called a bad one (V7). */
function unavailable({ retryAfterSeconds = 1 }: Exclude<Outcome<never>, { outcome: 'answered' }>) {
  return { outcome: 'unavailable', retryAfterSeconds } as const satisfies Decision;
}
