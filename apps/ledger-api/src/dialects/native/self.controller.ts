import { Controller, Req, Res, UseGuards } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { Clock, RevokePersonalTokenCommand, RevokeTokenCommand } from '@ledger/commands';
import { USER_QUOTA_UNITS, type QuotaStanding } from '@ledger/domain';
import { Directory, QuotaStandings } from '@ledger/read-models';
import type { Caller } from '../../http/caller.js';
import { NativeAnswers } from './native-answers.js';
import { bodyOf, contextOf, type NativeReply, type NativeRequest } from './native-request.js';
import { NativeGuard } from './native.guard.js';
import { NativeRoute } from './routes/route-contract.js';
import { GET_SELF, REVOKE_SELF } from './routes/self-routes.js';

/** What a caller may always know about itself, and may always do to itself. */
@Controller()
@UseGuards(NativeGuard)
export class SelfController {
  constructor(
    private readonly bus: CommandBus,
    private readonly directory: Directory,
    private readonly quotas: QuotaStandings,
    private readonly answers: NativeAnswers,
    private readonly clock: Clock,
  ) {}

  @NativeRoute(GET_SELF)
  self(@Req() { caller }: NativeRequest): object {
    return caller.kind === 'token' ? this.#ofToken(caller) : this.#ofUser(caller);
  }

  @NativeRoute(REVOKE_SELF)
  async revoke(
    @Req() request: NativeRequest,
    @Res({ passthrough: true }) reply: NativeReply,
  ): Promise<{ tokenId: string; revocationId: string | null }> {
    const { principal } = request.caller;
    const context = contextOf(request);
    if (principal.kind === 'user') {
      const { userId, personalTokenId: tokenId } = principal;
      const outcome = await this.bus.execute(
        new RevokePersonalTokenCommand(userId, tokenId, context),
      );
      this.answers.state(outcome, request.id, reply);
      return { tokenId, revocationId: null };
    }
    if (principal.kind === 'system') throw new Error('the system presents no secret');
    const { tokenId, orgId } = principal;
    const { reason, note } = bodyOf(request, REVOKE_SELF);
    const outcome = await this.bus.execute(
      new RevokeTokenCommand({ tokenId, orgId }, { reason, note }, context),
    );
    const { revocation } = this.answers.accepted(outcome, request.id, reply);
    return { tokenId, revocationId: revocation!.revocationId };
  }

  #ofToken({ token }: Extract<Caller, { kind: 'token' }>): object {
    const { tokenId, name, dialect, orgId, scopes, expiresAt, maxQuota } = token;
    const organization = this.directory.organization(orgId);
    return {
      principal: { kind: 'org_token', id: tokenId },
      ...{ tokenId, name, dialect },
      organization: organization && {
        id: orgId,
        slug: organization.slug,
        name: organization.name,
      },
      organizations: [],
      operator: false,
      scopes,
      quota: this.#quota(tokenId, maxQuota),
      expiresAt,
    };
  }

  #ofUser({ user: { user }, principal }: Extract<Caller, { kind: 'user' }>): object {
    const { userId, name, operator } = user;
    return {
      principal: { kind: 'user', id: userId },
      tokenId: principal.kind === 'user' ? principal.personalTokenId : userId,
      name,
      dialect: null,
      organization: null,
      organizations: this.directory.organizationsOf(userId).map((organization) => ({
        id: organization.orgId,
        slug: organization.slug,
        name: organization.name,
        role: this.directory.roleIn(organization, userId),
      })),
      operator,
      scopes: [],
      quota: this.#quota(userId, USER_QUOTA_UNITS),
      expiresAt: null,
    };
  }

  #quota(subjectId: string, limit: number | null): QuotaStanding {
    return this.quotas.at(subjectId, limit, this.clock.now());
  }
}
