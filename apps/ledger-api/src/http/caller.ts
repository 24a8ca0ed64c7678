import { Injectable } from '@nestjs/common';
import {
  Clock,
  parseCredential,
  READ_YOUR_WRITES_MS_MAX,
  type PresentedCredential,
  type Principal,
} from '@ledger/commands';
import { judge, type OrgId, type Timestamp } from '@ledger/domain';
import {
  CredentialIndex,
  Directory,
  type CredentialSecret,
  type FoundCredential,
  type TokenCredential,
  type UserRow,
} from '@ledger/read-models';
import { ProjectorProgress } from '@ledger/runtime';
import { Failed } from './answer.js';

/** Who is calling, authenticated. What they may do is for the dialect and the domain to say. */
export type Caller =
  | { readonly kind: 'user'; readonly principal: Principal; readonly user: UserRow }
  | {
      readonly kind: 'token';
      readonly principal: Principal;
      readonly token: TokenCredential;
      readonly secret: CredentialSecret;
    };

/** What a request presents as its credential. */
export type Presented =
  | { readonly outcome: 'none' }
  | { readonly outcome: 'invalid' }
  | { readonly outcome: 'several' }
  | { readonly outcome: 'secret'; readonly secret: string };

interface CredentialHeaders {
  readonly headers: { readonly authorization?: string | undefined };
  readonly raw: { readonly rawHeaders: readonly string[] };
}

const FORM = /^([A-Za-z]+) +([^\s]+) *$/;

/**
 * Takes the secret out of the Authorization header, never out of URL, query or body (S12).
 *
 * @param schemes Accepted scheme names in lower case; of `basic`, the user is the secret.
 */
export function presentedSecret(request: CredentialHeaders, schemes: readonly string[]): Presented {
  const { authorization } = request.headers;
  if (authorization === undefined) return { outcome: 'none' };
  if (countAuthorizations(request.raw.rawHeaders) > 1) return { outcome: 'several' };
  const [, scheme, value] = FORM.exec(authorization) ?? [];
  if (scheme === undefined || value === undefined) return { outcome: 'invalid' };
  const name = scheme.toLowerCase();
  if (!schemes.includes(name)) return { outcome: 'invalid' };
  if (name !== 'basic') return { outcome: 'secret', secret: value };
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(value)) return { outcome: 'invalid' };
  const [user = ''] = Buffer.from(value, 'base64').toString('utf8').split(':', 1);
  const secret = formDecoded(user);
  return secret === '' ? { outcome: 'invalid' } : { outcome: 'secret', secret };
}

/** OAuth clients form-encode what they put into Basic (RFC 6749 2.3.1). No secret holds a percent sign. */
function formDecoded(user: string): string {
  if (!user.includes('%')) return user;
  try {
    return decodeURIComponent(user);
  } catch {
    return '';
  }
}

function countAuthorizations(rawHeaders: readonly string[]): number {
  let count = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!;
    if (name.length === 13 && name.toLowerCase() === 'authorization') count += 1;
  }
  return count;
}

/** Finds out who presents a secret. The same for every dialect; which kinds each accepts is its own. */
@Injectable()
export class Authenticator {
  constructor(
    private readonly credentials: CredentialIndex,
    private readonly directory: Directory,
    private readonly clock: Clock,
    private readonly progress: ProjectorProgress,
  ) {}

  /** @returns null for whatever is not a living credential: no reason is told (S8). */
  authenticate(secret: string, accepts: (found: FoundCredential) => boolean): Caller | null {
    const presented = parseCredential(secret);
    return presented && this.recognise(presented, accepts);
  }

  /** As {@link authenticate}, for a credential that was parsed before. It is judged anew each time. */
  recognise(
    presented: PresentedCredential,
    accepts: (found: FoundCredential) => boolean,
  ): Caller | null {
    const found = this.credentials.find(presented);
    if (!found || !accepts(found)) return null;
    return found.kind === 'token' ? this.#asToken(found) : this.#asUser(found);
  }

  /**
   * Waits, bounded, until credentials may be judged on this node: never while the read models lack
   * something that this node has answered already (decision 2). @throws Failed `unavailable`.
   */
  async untilJudgeable(): Promise<void> {
    if (!this.progress.mustNotJudge) return;
    const deadline = performance.now() + READ_YOUR_WRITES_MS_MAX;
    while (this.#mayStillCatchUp() && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    if (!this.progress.mustNotJudge) return;
    const message = this.progress.isTooOld
      ? 'This node has lost touch with its log, so it cannot know what was revoked. Try again shortly.'
      : 'The read models of this node are behind its log. Try again shortly.';
    throw new Failed({ kind: 'unavailable', code: 'BEHIND', message, retryAfterSeconds: 1 });
  }

  #mayStillCatchUp(): boolean {
    return this.progress.mustNotJudge && !this.progress.isHopeless;
  }

  #asToken({ token, secret }: Extract<FoundCredential, { kind: 'token' }>): Caller | null {
    if (!isLive(token, secret, this.clock.now())) return null;
    const { tokenId, orgId } = token;
    const principal = { kind: 'org_token', tokenId, orgId, secretId: secret.secretId } as const;
    return { kind: 'token', principal, token, secret };
  }

  #asUser(found: Extract<FoundCredential, { kind: 'user' }>): Caller | null {
    const user = this.directory.user(found.userId);
    if (found.revoked || !user) return null;
    const { userId, personalTokenId } = found;
    return { kind: 'user', principal: { kind: 'user', userId, personalTokenId }, user };
  }
}

const ANY_USE = { scopes: [], resource: null, ownOrganization: '' } as const;

/** Whether a secret is good at all, whatever it is to be used for. */
function isLive(token: TokenCredential, secret: CredentialSecret, now: Timestamp): boolean {
  const { tokenId, orgId, dialect, revoked, expiresAt, scopes } = token;
  const unlimited = { tokenId, orgId, dialect, revoked, expiresAt, scopes, resources: [] };
  return judge(unlimited, secret, ANY_USE, now) === 'VALID';
}

/** The organizations that a caller belongs to. */
export function belongsTo(caller: Caller, orgId: OrgId, directory: Directory): boolean {
  if (caller.kind === 'token') return caller.token.orgId === orgId;
  return directory.organizationsOf(caller.user.user.userId).some((org) => org.orgId === orgId);
}
