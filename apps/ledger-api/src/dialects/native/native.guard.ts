import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Clock, UseRecorder } from '@ledger/commands';
import { Projector, QuotaStandings } from '@ledger/read-models';
import { ProjectorProgress } from '@ledger/runtime';
import { Authenticator, type Caller } from '../../http/caller.js';
import { commandContext } from '../../http/request-context.js';
import { NativeAccess } from './native-access.js';
import { authenticate, untilMinPosition } from './native-credentials.js';
import { readRequest } from './native-input.js';
import type { NativeReply, NativeRequest } from './native-request.js';
import { policyWindow, setQuotaHeaders } from './quota-headers.js';
import { contractOf } from './routes/route-contract.js';

/**
 * The order of checks of the native API: position, credential, organization, scope, input. What a route
 * asks is read from its contract; a route without one stays shut.
 */
@Injectable()
export class NativeGuard implements CanActivate {
  constructor(
    private readonly authenticator: Authenticator,
    private readonly access: NativeAccess,
    private readonly uses: UseRecorder,
    private readonly quotas: QuotaStandings,
    private readonly projector: Projector,
    private readonly progress: ProjectorProgress,
    private readonly clock: Clock,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const contract = contractOf(context.getHandler());
    if (!contract) return false;
    const http = context.switchToHttp();
    const request = http.getRequest<NativeRequest>();
    const reply = http.getResponse<NativeReply>();
    if (contract.access.who === 'anyone') return true;

    await untilMinPosition(request, this.progress, (position, timeoutMs) =>
      this.projector.reached(position, timeoutMs),
    );
    await this.authenticator.untilJudgeable();
    reply.header('ledger-position', String(this.progress.position));
    const caller = authenticate(request, (secret) => {
      return this.authenticator.authenticate(secret, () => true);
    });
    request.caller = caller;
    this.#tellQuota(caller, reply);
    const { org } = request.params as { org?: string };
    const organization = this.access.check(contract.access, caller, org, request.id);
    request.organization = organization;
    request.input = readRequest(request, contract, {
      now: this.clock.now(),
      mayGrant: (slug) => this.access.mayGrant(caller, organization, slug),
    });
    this.#recordUse(request);
    return true;
  }

  #tellQuota(caller: Caller, reply: NativeReply): void {
    if (caller.kind !== 'token') return;
    const now = this.clock.now();
    const quota = this.quotas.at(caller.token.tokenId, caller.token.maxQuota, now);
    const window = policyWindow(this.quotas.windowAt(now), quota.resetAt);
    setQuotaHeaders(reply, quota, window, Date.parse(now));
  }

  #recordUse(request: NativeRequest): void {
    const { caller } = request;
    if (caller.kind !== 'token') return;
    const { tokenId, orgId } = caller.token;
    const { repeat: _repeat, ...context } = commandContext(
      request,
      caller.principal,
      'native',
      null,
    );
    this.uses.record({ tokenId, orgId, secretId: caller.secret.secretId }, context);
  }
}
