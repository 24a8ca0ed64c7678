import { Injectable, SetMetadata, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { CommandBus, } from '@nestjs/cqrs';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import { Clock, ConsumeQuotaCommand, UseRecorder } from '@ledger/commands';
import { grants } from '@ledger/domain';
import { Directory, type OrganizationRow } from '@ledger/read-models';
import { Refusal } from '../../http/answer.js';
import { Authenticator, belongsTo, presentedSecret, type Caller } from '../../http/caller.js';
import { commandContext, idempotencyKey } from '../../http/request-context.js';
import {
  badRequest,
  MESSAGES,
  missingScopes,
  refuse,
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
      // A token limited to resources reaches no route of an organization as a whole.
      const isLimited = caller.token.resources.length > 0;
      if (isLimited || !grants(caller.token.scopes, scope)) throw missingScopes([scope]);
      return;
    }
    const { userId } = caller.user.user;
    const isAdmin = organization && this.directory.roleIn(organization, userId) === 'admin';
    if (!isAdmin && !MEMBER_SCOPES.includes(scope)) throw missingScopes([scope]);
  }

  async #charge(request: SocketRequest, { cost }: SocketPolicy): Promise<void> {
    const { caller } = request;
    const key = idempotencyKey(request);
    if (key === undefined) throw badRequest({ path: 'Idempotency-Key', message: 'is malformed' });
    const { repeat, ...context } = commandContext(request, caller.principal, 'socket', key);
    if (cost === 0) {
      if (caller.kind === 'token') {
        const { tokenId, orgId } = caller.token;
        this.uses.record({ tokenId, orgId, secretId: caller.secret.secretId }, context);
      }
      return;
    }
    const isToken = caller.kind === 'token';
    const subject = isToken
      ? { kind: 'token' as const, tokenId: caller.token.tokenId, secretId: caller.secret.secretId }
      : { kind: 'user' as const, userId: caller.user.user.userId };
    const orgId = isToken ? caller.token.orgId : (request.organization?.orgId ?? null);
    const operation = `${request.method} ${request.routeOptions.url ?? ''}`;
    // A repeated write is charged once, as what it asks for is done once.
    const once = key === null ? {} : { repeat: { ...repeat!, route: `charge ${repeat!.route}` } };
    const outcome = await this.bus.execute(
      new ConsumeQuotaCommand({ subject, orgId, cost, operation }, { ...context, ...once }),
    );
    if (outcome.outcome === 'rejected') {
      throw refuse(outcome.rejection, Date.parse(this.clock.now()));
    }
  }
}
