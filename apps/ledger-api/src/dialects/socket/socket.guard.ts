import { Injectable, SetMetadata, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import { Clock, ConsumeQuotaCommand, UseRecorder, type Charge } from '@ledger/commands';
import { grants, type RejectionCode } from '@ledger/domain';
import { Directory, type OrganizationRow } from '@ledger/read-models';
import { Refusal } from '../../http/answer.js';
import { Authenticator, belongsTo, presentedSecret, type Caller } from '../../http/caller.js';
import { commandContext, idempotencyKey } from '../../http/request-context.js';
import {
  MESSAGES,
  missingScopes,
  refuse,
  resourcesNotHeld,
  socketAnswer,
  unauthorized,
} from './socket-answers.js';

/** What a route asks of its caller. */
export interface SocketPolicy {
  /** Undefined: authentication is enough. */
  readonly scope?: string;
  /** Units that the call is charged. */
  readonly cost: number;
}

const POLICY = 'socket-policy';

export const SocketRoute = (policy: SocketPolicy): MethodDecorator => SetMetadata(POLICY, policy);

/** What the guard found out, for the controller. */
export interface SocketRequest extends FastifyRequest {
  caller: Caller;
  /** The organization in the path, where the route has one. */
  organization: OrganizationRow | undefined;
}

/** What a user who is a member, not an admin, may do here: read the list. */
const MEMBER_SCOPES = ['api-tokens:list'];

/** Refusals of a charge that are about the calling token itself: it ended after the request came in. */
const CALLER_ENDED: readonly RejectionCode[] = [
  'TOKEN_NOT_FOUND',
  'TOKEN_REVOKED',
  'TOKEN_EXPIRED',
];

/**
 * The order of checks of this dialect: credential, organization, scope, quota. A call that passes them is
 * charged, whatever becomes of it; one that does not is not (decision 7).
 */
@Injectable()
export class SocketGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly authenticator: Authenticator,
    private readonly directory: Directory,
    private readonly uses: UseRecorder,
    private readonly bus: CommandBus,
    private readonly clock: Clock,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const policy = this.reflector.get<SocketPolicy | undefined>(POLICY, context.getHandler());
    if (!policy) return false;
    const request = context.switchToHttp().getRequest<SocketRequest>();
    await this.authenticator.untilJudgeable();
    request.caller = this.#authenticate(request);
    request.organization = this.#organization(request);
    this.#checkScope(request, policy);
    await this.#charge(request, policy);
    return true;
  }

  #authenticate(request: SocketRequest): Caller {
    const presented = presentedSecret(request, ['bearer', 'basic']);
    if (presented.outcome !== 'secret') throw unauthorized();
    const caller = this.authenticator.authenticate(presented.secret, (found) => {
      return found.kind === 'user' || found.token.dialect === 'socket';
    });
    if (!caller) throw unauthorized();
    return caller;
  }

  #organization(request: SocketRequest): OrganizationRow | undefined {
    const { org_slug: slug } = request.params as { org_slug?: string };
    if (slug === undefined) return undefined;
    const organization = this.directory.organization(slug);
    if (!organization || organization.slug !== slug) {
      throw new Refusal(socketAnswer(404, MESSAGES.noOrganization));
    }
    if (!belongsTo(request.caller, organization.orgId, this.directory)) {
      throw new Refusal(socketAnswer(403, MESSAGES.foreignOrganization));
    }
    return organization;
  }

  #checkScope({ caller, organization }: SocketRequest, { scope }: SocketPolicy): void {
    if (scope === undefined) return;
    if (caller.kind === 'token') {
      if (!grants(caller.token.scopes, scope)) throw missingScopes([scope]);
      // A token limited to resources reaches no route of an organization as a whole.
      if (caller.token.resources.length > 0) throw resourcesNotHeld();
      return;
    }
    const { userId } = caller.user.user;
    const isAdmin = organization && this.directory.roleIn(organization, userId) === 'admin';
    if (!isAdmin && !MEMBER_SCOPES.includes(scope)) throw missingScopes([scope]);
  }

  async #charge(request: SocketRequest, { cost }: SocketPolicy): Promise<void> {
    const { caller } = request;
    // A repeated write is charged once, as what it asks for is done once. A read is done each time.
    const key = request.method === 'POST' ? (idempotencyKey(request) ?? null) : null;
    const { repeat, ...once } = commandContext(request, caller.principal, 'socket', key);
    if (cost === 0) {
      if (caller.kind === 'token') {
        const { tokenId, orgId } = caller.token;
        this.uses.record({ tokenId, orgId, secretId: caller.secret.secretId }, once);
      }
      return;
    }
    const context =
      key === null ? once : { ...once, repeat: { ...repeat!, route: `charge ${repeat!.route}` } };
    const charge = { ...chargedSubject(request), cost, operation: operationOf(request) };
    const outcome = await this.bus.execute(new ConsumeQuotaCommand(charge, context));
    if (outcome.outcome === 'accepted') return;
    const { rejection } = outcome;
    if (CALLER_ENDED.includes(rejection.code)) throw unauthorized();
    throw refuse(rejection, Date.parse(this.clock.now()));
  }
}

/** Whose quota is spent: the calling token's, or the user's, whichever of their tokens they use. */
function chargedSubject({
  caller,
  organization,
}: SocketRequest): Pick<Charge, 'subject' | 'orgId'> {
  if (caller.kind === 'user') {
    const { userId } = caller.user.user;
    return { subject: { kind: 'user', userId }, orgId: organization?.orgId ?? null };
  }
  const { tokenId, orgId } = caller.token;
  return { subject: { kind: 'token', tokenId, secretId: caller.secret.secretId }, orgId };
}

/** The route as it is declared: nothing that the caller chose enters the log here. */
function operationOf({ method, routeOptions }: SocketRequest): string {
  return `${method} ${routeOptions.url ?? ''}`;
}
