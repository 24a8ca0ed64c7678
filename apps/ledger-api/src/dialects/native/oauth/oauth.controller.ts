import { Controller, Req, Res, UseGuards } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import {
  Clock,
  parseCredential,
  RevokePersonalTokenCommand,
  RevokeTokenCommand,
} from '@ledger/commands';
import { epochMs, grants, judge, secretExpiry, type Timestamp } from '@ledger/domain';
import {
  CredentialIndex,
  Directory,
  TokenList,
  type FoundCredential,
  type TokenCredential,
} from '@ledger/read-models';
import { NativeAccess } from '../native-access.js';
import { NativeAnswers } from '../native-answers.js';
import { contextOf, type NativeReply, type NativeRequest } from '../native-request.js';
import { NativeGuard } from '../native.guard.js';
import { insufficientScope } from '../problems/problem.js';
import { INTROSPECT, REVOKE_SECRET } from '../routes/oauth-routes.js';
import { NativeRoute } from '../routes/route-contract.js';
import { secretAskedAbout } from './oauth-form.js';

type FoundToken = Extract<FoundCredential, { kind: 'token' }>;
type FoundUser = Extract<FoundCredential, { kind: 'user' }>;

const REVOKE_SCOPE = 'ledger:tokens:revoke';
const CAUSE = { reason: 'requested', note: null } as const;
/** Whether a secret is alive does not depend on what it is to be used for. */
const ANY_USE = { scopes: [], resource: null, ownOrganization: '' } as const;

/** Introspection (RFC 7662) and revocation (RFC 7009) of secrets. */
@Controller()
@UseGuards(NativeGuard)
export class OauthController {
  constructor(
    private readonly bus: CommandBus,
    private readonly credentials: CredentialIndex,
    private readonly directory: Directory,
    private readonly tokens: TokenList,
    private readonly access: NativeAccess,
    private readonly answers: NativeAnswers,
    private readonly clock: Clock,
  ) {}

  @NativeRoute(INTROSPECT)
  introspect(@Req() request: NativeRequest): object {
    const found = this.#find(secretAskedAbout(request));
    const { caller } = request;
    // Every negative is this and nothing else, so that none can be told from another (RFC 7662, 2.2).
    if (found?.kind !== 'token' || !this.access.mayVerify(caller, found.token.orgId)) {
      return { active: false };
    }
    return this.#isLive(found) ? this.#active(found) : { active: false };
  }

  @NativeRoute(REVOKE_SECRET)
  async revoke(
    @Req() request: NativeRequest,
    @Res({ passthrough: true }) reply: NativeReply,
  ): Promise<void> {
    const found = this.#find(secretAskedAbout(request));
    const { caller } = request;
    const isSelf =
      caller.kind === 'token' &&
      found?.kind === 'token' &&
      found.token.tokenId === caller.token.tokenId;
    // Refused whatever the secret is, so that the refusal tells nothing about it.
    if (caller.kind === 'token' && !isSelf && !grants(caller.token.scopes, REVOKE_SCOPE)) {
      throw insufficientScope(request.id, REVOKE_SCOPE);
    }
    if (found?.kind === 'user') return this.#revokePersonal(request, reply, found);
    if (!found || !this.#isLive(found) || !this.#sees(request, found.token)) return;
    const { orgId, tokenId } = found.token;
    const outcome = await this.bus.execute(
      new RevokeTokenCommand({ orgId, tokenId }, CAUSE, contextOf(request)),
    );
    this.answers.accepted(outcome, request.id, reply);
  }

  /** A person ends their own personal tokens. Those of others do not exist, as far as is told. */
  async #revokePersonal(
    request: NativeRequest,
    reply: NativeReply,
    { userId, personalTokenId, revoked }: FoundUser,
  ): Promise<void> {
    const { principal } = request.caller;
    if (revoked || principal.kind !== 'user' || principal.userId !== userId) return;
    const outcome = await this.bus.execute(
      new RevokePersonalTokenCommand(userId, personalTokenId, contextOf(request)),
    );
    this.answers.state(outcome, request.id, reply);
  }

  #find(secret: string): FoundCredential | undefined {
    const presented = parseCredential(secret);
    return presented ? this.credentials.find(presented) : undefined;
  }

  #isLive({ token, secret }: FoundToken): boolean {
    return judge({ ...token, resources: [] }, secret, ANY_USE, this.clock.now()) === 'VALID';
  }

  #sees({ caller }: NativeRequest, token: TokenCredential): boolean {
    if (caller.kind === 'token') return caller.token.orgId === token.orgId;
    const { userId } = caller.user.user;
    const organization = this.directory.organization(token.orgId);
    const role = organization ? this.directory.roleIn(organization, userId) : null;
    if (role !== 'member') return role === 'admin';
    return token.visibility === 'organization' || token.createdByUserId === userId;
  }

  #active({ token, secret }: FoundToken): object {
    const { tokenId, orgId, ownerId, name, dialect, scopes, resources } = token;
    const end = secretExpiry(token, secret);
    return {
      active: true,
      scope: scopes.join(' '),
      client_id: tokenId,
      sub: tokenId,
      jti: secret.secretId,
      token_type: 'Bearer',
      iat: this.#issuedAt(token, secret.secretId),
      ...(end === null ? {} : { exp: seconds(end) }),
      ...{ org_id: orgId, owner_id: ownerId, name, dialect, resources },
    };
  }

  #issuedAt({ tokenId }: TokenCredential, secretId: string): number {
    const row = this.tokens.get(tokenId);
    if (!row) throw new Error('a token that has a credential is listed');
    const { current, previous } = row.token.secrets;
    const secret = previous?.secretId === secretId ? previous : current;
    return seconds(secret.issuedAt);
  }
}

function seconds(instant: Timestamp): number {
  return Math.floor(epochMs(instant) / 1000);
}
