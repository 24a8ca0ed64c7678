import { Controller, Param, Req, Res, UseGuards } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { Clock, CloseGraceCommand } from '@ledger/commands';
import type { SecretId } from '@ledger/domain';
import { QuotaStandings } from '@ledger/read-models';
import { NativeTargets } from '../management/native-targets.js';
import { NativeAnswers } from '../native-answers.js';
import { contextOf, etagOf, type NativeReply, type NativeRequest } from '../native-request.js';
import { NativeGuard } from '../native.guard.js';
import { NativeRoute } from '../routes/route-contract.js';
import { LIST_SECRETS, REVOKE_SECRET } from '../routes/secret-routes.js';
import type { TokenView } from '../token-mapper.js';
import { SafeToClose } from './safe-to-close.js';
import { livingSecrets, type LivingSecretView } from './secret-view.js';

/** The secrets of one token: which live, who still uses the old one, and the early end of its grace. */
@Controller()
@UseGuards(NativeGuard)
export class SecretsController {
  constructor(
    private readonly bus: CommandBus,
    private readonly targets: NativeTargets,
    private readonly quotas: QuotaStandings,
    private readonly safeToClose: SafeToClose,
    private readonly answers: NativeAnswers,
    private readonly clock: Clock,
  ) {}

  @NativeRoute(LIST_SECRETS)
  list(@Req() request: NativeRequest): { items: readonly LivingSecretView[]; nextCursor: null } {
    const { token } = this.targets.find(request);
    const usageOf = (secretId: SecretId) => this.quotas.usesOf(token.tokenId, secretId);
    const items = livingSecrets(token, usageOf, this.safeToClose, this.clock.now());
    return { items, nextCursor: null };
  }

  @NativeRoute(REVOKE_SECRET)
  async revoke(
    @Req() request: NativeRequest,
    @Res({ passthrough: true }) reply: NativeReply,
    @Param('secretId') secretId: string,
  ): Promise<{ token: TokenView }> {
    const target = this.targets.target(request);
    const outcome = await this.bus.execute(
      new CloseGraceCommand(target, secretId.toLowerCase() as SecretId, contextOf(request)),
    );
    const token = this.answers.accepted(outcome, request.id, reply);
    reply.header('etag', etagOf(token.revision));
    return { token: this.answers.token(token) };
  }
}
