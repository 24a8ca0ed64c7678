import type { CommandBus } from '@nestjs/cqrs';
import {
  ConsumeQuotaCommand,
  parseCredential,
  type ChargeOutcome,
  type CommandContext,
} from '@ledger/commands';
import {
  judge,
  missingScopes,
  type QuotaStanding,
  type Rejection,
  type RequestedUse,
  type Timestamp,
} from '@ledger/domain';
import type { FoundCredential, TokenCredential } from '@ledger/read-models';
import type { Ledger } from '@ledger/runtime';
import type { Caller } from '../../../http/caller.js';
import type { NativeAccess } from '../native-access.js';
import type { HotQuota } from './hot-quota.js';
import type { VerifyItem } from './hot-validators.js';
import { notFoundText, verdictText, type Verdict } from './verdict-text.js';

/** A secret of a token. */
export type FoundSecret = Extract<FoundCredential, { kind: 'token' }>;

/** A verdict as it goes out. */
export interface Verified {
  readonly text: string;
  /** Undefined when nothing is told about the token. */
  readonly quota: QuotaStanding | undefined;
  readonly position: string;
}

export interface VerifierParts {
  readonly ledger: Ledger;
  readonly bus: CommandBus;
  readonly access: NativeAccess;
  readonly quota: HotQuota;
  readonly position: () => string;
  /** Turns the refusal of a charge that is no verdict into what is thrown. */
  readonly refuse: (rejection: Rejection, context: CommandContext) => Error;
}

const NO_SCOPES: readonly string[] = [];

/** Judges secrets from memory, and charges durably what is to be charged. */
export class Verifier {
  constructor(private readonly parts: VerifierParts) {}

  /** @param contextOf Made only when something is charged. @returns A promise only then, too. */
  verify(
    item: VerifyItem,
    caller: Caller,
    now: Timestamp,
    contextOf: () => CommandContext,
  ): Verified | Promise<Verified> {
    const found = this.find(item.token, caller);
    if (!found) return this.#notFound();
    const { token, secret } = found;
    const code = judge(token, secret, this.#useOf(item, token), now);
    if (code === 'VALID' && item.cost !== undefined && item.cost > 0) {
      return this.#charge(found, item, item.cost, contextOf());
    }
    const missing =
      code === 'INSUFFICIENT_SCOPE' ? missingScopes(token.scopes, item.scopes ?? []) : NO_SCOPES;
    const quota = this.parts.quota.at(token, now);
    return this.#verified(found, code, missing, quota, this.parts.position());
  }

  /** The secret of a token that the caller may judge. */
  find(secret: string, caller: Caller): FoundSecret | undefined {
    const presented = parseCredential(secret);
    if (!presented) return undefined;
    const found = this.parts.ledger.credentials.find(presented);
    if (found?.kind !== 'token') return undefined;
    return this.parts.access.mayVerify(caller, found.token.orgId) ? found : undefined;
  }

  charge(
    { tokenId, orgId }: TokenCredential,
    secret: FoundSecret['secret'] | null,
    { cost, operation }: { readonly cost: number; readonly operation: string },
    context: CommandContext,
  ): Promise<ChargeOutcome> {
    const secretId = secret?.secretId ?? null;
    const subject = { kind: 'token', tokenId, secretId } as const;
    return this.parts.bus.execute(
      new ConsumeQuotaCommand({ subject, orgId, cost, operation }, context),
    );
  }

  async #charge(
    found: FoundSecret,
    { operation = 'POST /v1/verify' }: VerifyItem,
    cost: number,
    context: CommandContext,
  ): Promise<Verified> {
    const { token, secret } = found;
    const outcome = await this.charge(token, secret, { cost, operation }, context);
    if (outcome.outcome === 'accepted') {
      const { quota, position } = outcome;
      return this.#verified(found, 'VALID', NO_SCOPES, quota, String(position));
    }
    return this.#notCharged(found, outcome.rejection, context);
  }

  /** The token may have changed after it was judged: what the charge found is then the verdict. */
  #notCharged(found: FoundSecret, rejection: Rejection, context: CommandContext): Verified {
    const position = this.parts.position();
    const quota = this.parts.quota.at(found.token, this.parts.ledger.clock.now());
    switch (rejection.code) {
      case 'TOKEN_NOT_FOUND':
        return this.#notFound();
      case 'TOKEN_REVOKED':
        return this.#verified(found, 'REVOKED', NO_SCOPES, quota, position);
      case 'TOKEN_EXPIRED':
        return this.#verified(found, 'EXPIRED', NO_SCOPES, quota, position);
      case 'COST_ABOVE_LIMIT':
      case 'QUOTA_EXCEEDED':
        return this.#verified(found, 'QUOTA_EXCEEDED', NO_SCOPES, rejection.quota, position);
      default:
        throw this.parts.refuse(rejection, context);
    }
  }

  #verified(
    { token, secret }: FoundSecret,
    code: Verdict['code'],
    missing: readonly string[],
    quota: QuotaStanding,
    position: string,
  ): Verified {
    this.parts.ledger.counters.verified(code);
    const verdict = { code, token, secret, missingScopes: missing, quota, position };
    return { text: verdictText(verdict), quota, position };
  }

  #notFound(): Verified {
    this.parts.ledger.counters.verified('NOT_FOUND');
    const position = this.parts.position();
    return { text: notFoundText(position), quota: undefined, position };
  }

  #useOf({ scopes = NO_SCOPES, resource }: VerifyItem, { orgId }: TokenCredential): RequestedUse {
    if (!resource) return { scopes, resource: null, ownOrganization: '' };
    const { organization, repository = '', workspace = '' } = resource;
    const ownOrganization = this.parts.ledger.directory.organization(orgId)?.slug ?? '';
    return { scopes, resource: { organization, repository, workspace }, ownOrganization };
  }
}
