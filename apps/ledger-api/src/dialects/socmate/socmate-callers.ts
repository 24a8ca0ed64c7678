import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Clock, parseCredential } from '@ledger/commands';
import { judge } from '@ledger/domain';
import {
  CredentialIndex,
  Directory,
  type FoundCredential,
  type OrganizationRow,
} from '@ledger/read-models';
import { Authenticator, presentedSecret, type Caller } from '../../http/caller.js';
import { DETAILS, forbidden, unauthorized } from './socmate-answers.js';

type FoundKey = Extract<FoundCredential, { kind: 'token' }>;

const ANY_USE = { scopes: [], resource: null, ownOrganization: '' } as const;

/** Finds out who calls this dialect: a user by bearer token, or an API key by its header. */
@Injectable()
export class SocmateCallers {
  constructor(
    private readonly authenticator: Authenticator,
    private readonly credentials: CredentialIndex,
    private readonly directory: Directory,
    private readonly clock: Clock,
  ) {}

  /** Waits until this node may judge credentials. @throws Failed `BEHIND` */
  ready(): Promise<void> {
    return this.authenticator.untilJudgeable();
  }

  /** An admin and the organization they administer. Keys never manage keys. @throws Refusal 401, 403 */
  admin(request: FastifyRequest): {
    readonly caller: Extract<Caller, { kind: 'user' }>;
    readonly organization: OrganizationRow;
  } {
    const presented = presentedSecret(request, ['bearer']);
    if (presented.outcome === 'none' && request.headers['x-api-key'] !== undefined) {
      this.key(request);
      throw forbidden(DETAILS.adminRequired);
    }
    const caller = this.#user(request);
    const { userId } = caller.user.user;
    // The user's only or default organization: of several, the one that they joined first. No admin of
    // another one can move them out of it, by adding them to their own.
    const [organization] = this.directory.organizationsOf(userId);
    if (!organization || this.directory.roleIn(organization, userId) !== 'admin') {
      throw forbidden(DETAILS.adminRequired);
    }
    return { caller, organization };
  }

  /** A key, or a user of any role, who passes every scope check. @throws Refusal 401, 403 */
  any(request: FastifyRequest): Caller {
    if (request.headers['x-api-key'] !== undefined) return this.key(request);
    const caller = this.#user(request);
    // Who left every organization keeps their token, and has no role.
    if (this.directory.organizationsOf(caller.user.user.userId).length > 0) return caller;
    throw forbidden(DETAILS.roleRequired);
  }

  /** @throws Refusal 401. The precise reason only to who holds the secret. */
  key(request: FastifyRequest): Extract<Caller, { kind: 'token' }> {
    const header = request.headers['x-api-key'];
    const presented = typeof header === 'string' ? parseCredential(header) : null;
    const found = presented?.kind === 'socmate' ? this.credentials.find(presented) : undefined;
    if (found?.kind !== 'token') throw unauthorized(DETAILS.invalidKey);
    this.#assertLive(found);
    const { token, secret } = found;
    const { tokenId, orgId } = token;
    const principal = { kind: 'org_token', tokenId, orgId, secretId: secret.secretId } as const;
    return { kind: 'token', principal, token, secret };
  }

  #assertLive({ token, secret }: FoundKey): void {
    const now = this.clock.now();
    if (secret.validUntil !== null && secret.validUntil <= now) {
      throw unauthorized(DETAILS.invalidKey);
    }
    const verdict = judge(token, secret, ANY_USE, now);
    if (verdict === 'REVOKED') throw unauthorized(DETAILS.disabledKey);
    if (verdict === 'EXPIRED') throw unauthorized(DETAILS.expiredKey);
    if (verdict !== 'VALID') throw unauthorized(DETAILS.invalidKey);
  }

  #user(request: FastifyRequest): Extract<Caller, { kind: 'user' }> {
    const presented = presentedSecret(request, ['bearer']);
    if (presented.outcome !== 'secret') throw unauthorized();
    const caller = this.authenticator.authenticate(presented.secret, ({ kind }) => kind === 'user');
    if (caller?.kind !== 'user') throw unauthorized();
    return caller;
  }
}
