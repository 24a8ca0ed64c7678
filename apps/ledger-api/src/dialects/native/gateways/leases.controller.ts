import { Controller, Req, Res, UseGuards } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import {
  Clock,
  ConsumeQuotaCommand,
  parseCredential,
  ReturnLeaseCommand,
  type ChargeOutcome,
  type QuotaSubject,
} from '@ledger/commands';
import type { OrgId, QuotaStanding, SecretId } from '@ledger/domain';
import { CredentialIndex, QuotaStandings, type TokenCredential } from '@ledger/read-models';
import { ProjectorProgress } from '@ledger/runtime';
import { chargeContext } from '../hot/hot-caller.js';
import { NativeAccess } from '../native-access.js';
import { NativeAnswers } from '../native-answers.js';
import { bodyOf, type NativeReply, type NativeRequest } from '../native-request.js';
import { NativeGuard } from '../native.guard.js';
import { notFound, refusal } from '../problems/problem.js';
import { policyWindow, setQuotaHeaders } from '../quota-headers.js';
import { quotaView } from '../token-mapper.js';
import { LEASE_QUOTA, RETURN_LEASE } from '../routes/lease-routes.js';
import { NativeRoute } from '../routes/route-contract.js';
import type { LeaseQuotaBody } from './gateways.dto.js';

type Accepted = Extract<ChargeOutcome, { outcome: 'accepted' }>;

/** Blocks of quota that gateways spend from memory. */
@Controller()
@UseGuards(NativeGuard)
export class LeasesController {
  constructor(
    private readonly bus: CommandBus,
    private readonly credentials: CredentialIndex,
    private readonly access: NativeAccess,
    private readonly quotas: QuotaStandings,
    private readonly progress: ProjectorProgress,
    private readonly answers: NativeAnswers,
    private readonly clock: Clock,
  ) {}

  @NativeRoute(LEASE_QUOTA)
  async lease(
    @Req() request: NativeRequest,
    @Res({ passthrough: true }) reply: NativeReply,
  ): Promise<object> {
    const body = bodyOf(request, LEASE_QUOTA);
    const { units: cost, operation } = body;
    const { subject, orgId } = this.#subject(request, body);
    const charge = { subject, orgId, cost, operation, isLease: true } as const;
    const context = chargeContext(request, request.caller);
    const outcome = await this.bus.execute(new ConsumeQuotaCommand(charge, context));
    const { cost: units, quota, leaseId, position } = this.#accepted(outcome, request, reply);
    const expiresAt = quota.resetAt;
    return { leaseId, units, quota: quotaView(quota), expiresAt, position: String(position) };
  }

  @NativeRoute(RETURN_LEASE)
  async giveBack(
    @Req() request: NativeRequest,
    @Res({ passthrough: true }) reply: NativeReply,
  ): Promise<object> {
    const { leaseId } = request.params as { leaseId: string };
    const { tokenId: asked, unusedUnits } = bodyOf(request, RETURN_LEASE);
    const { tokenId, orgId } = this.#token(request, asked);
    const subject = { kind: 'token', tokenId, secretId: null } as const;
    const context = chargeContext(request, request.caller);
    const outcome = await this.bus.execute(
      new ReturnLeaseCommand({ subject, orgId, leaseId, unusedUnits }, context),
    );
    const { quota, position } = this.#accepted(outcome, request, reply);
    return { quota: quotaView(quota), position: String(position) };
  }

  /** Whose quota is leased. @throws Refusal 404, and 409 for a secret that was rotated away. */
  #subject(
    request: NativeRequest,
    { tokenId, token: presented }: LeaseQuotaBody,
  ): { readonly subject: QuotaSubject; readonly orgId: OrgId } {
    if (presented === undefined) {
      const token = this.#token(request, tokenId ?? '');
      return subjectOf(token, null);
    }
    const lookUp = parseCredential(presented);
    const found = lookUp ? this.credentials.find(lookUp) : undefined;
    if (found?.kind !== 'token' || !this.access.mayVerify(request.caller, found.token.orgId)) {
      throw notFound(request.id);
    }
    const { token, secret } = found;
    const { validUntil, secretId } = secret;
    if (!token.revoked && validUntil !== null && validUntil <= this.clock.now()) {
      const detail = 'The secret was rotated away, and its grace is over.';
      throw refusal('TOKEN_EXPIRED', request.id, { detail, members: { expiresAt: validUntil } });
    }
    return subjectOf(token, secretId);
  }

  #token(request: NativeRequest, tokenId: string): TokenCredential {
    const token = this.credentials.token(tokenId.toLowerCase());
    if (token && this.access.mayVerify(request.caller, token.orgId)) return token;
    throw notFound(request.id);
  }

  /** Tells where the token stands, and where that was judged. @throws Refusal */
  #accepted(outcome: ChargeOutcome, request: NativeRequest, reply: NativeReply): Accepted {
    if (outcome.outcome === 'rejected') {
      const { rejection } = outcome;
      if ('quota' in rejection) this.#tell(rejection.quota, reply);
      throw this.answers.refused(rejection, request.id);
    }
    this.#tell(outcome.quota, reply);
    // A return that changed nothing, of a token that was not charged yet, stands nowhere in the log.
    const position = outcome.position > 0n ? outcome.position : this.progress.position;
    reply.header('ledger-position', String(position));
    return { ...outcome, position };
  }

  #tell(quota: QuotaStanding, reply: NativeReply): void {
    const now = this.clock.now();
    const window = policyWindow(this.quotas.windowAt(now), quota.resetAt);
    setQuotaHeaders(reply, quota, window, Date.parse(now));
  }
}

function subjectOf(
  { tokenId, orgId }: TokenCredential,
  secretId: SecretId | null,
): { readonly subject: QuotaSubject; readonly orgId: OrgId } {
  return { subject: { kind: 'token', tokenId, secretId }, orgId };
}
