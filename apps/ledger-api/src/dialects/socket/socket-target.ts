import { Injectable } from '@nestjs/common';
import { parseCredential, type TokenTarget } from '@ledger/commands';
import type { OrgId, SecretDigest, SecretId, TokenIdentity } from '@ledger/domain';
import { CredentialIndex, type TokenCredential } from '@ledger/read-models';
import { badRequest, tokenNotFound } from './socket-answers.js';
import type { Identifiers } from './socket.dto.js';

interface Named {
  readonly by: keyof Identifiers;
  readonly token: TokenCredential | undefined;
  readonly identity: TokenIdentity;
}

/**
 * Finds the token that a body names. The index only turns names into a stream; whether a hash or id is
 * that of the current secret is decided on the stream itself (K3, K4).
 */
@Injectable()
export class SocketTargets {
  constructor(private readonly credentials: CredentialIndex) {}

  /**
   * @param names What the body says, and the path where it names a token too.
   * @throws Refusal 400 for no name or names of several tokens, 404 for a token that is not here.
   */
  resolve(orgId: OrgId, ...names: readonly Identifiers[]): TokenTarget {
    const named = names.flatMap((each) => this.#named(orgId, each));
    const [first, second] = named;
    if (!first) {
      throw badRequest({ path: '', message: 'Name the token by uuid, id, token or hash.' });
    }
    const isPair = named.length === 2 && first.by === 'uuid' && second!.by === 'hash';
    const agree = named.every(({ token }) => token && token.tokenId === first.token?.tokenId);
    if (named.length > 1 && !isPair && !agree) {
      throw badRequest({ path: '', message: 'The identifiers must all name the same token.' });
    }
    const identity = together(named.map((name) => name.identity));
    if (!first.token || !identity) throw tokenNotFound();
    return { orgId, tokenId: first.token.tokenId, identity };
  }

  /** The older client's paths name the token by its uuid, or by the id of its current secret. */
  fromPath(orgId: OrgId, id: string): Identifiers {
    const token = this.credentials.token(id.toLowerCase());
    return isHere(orgId, token) ? { uuid: id } : { id };
  }

  #named(orgId: OrgId, { uuid, id, token, hash }: Identifiers): readonly Named[] {
    const named: Named[] = [];
    const add = (by: Named['by'], found: TokenCredential | undefined, identity: TokenIdentity) => {
      named.push({ by, token: isHere(orgId, found) ? found : undefined, identity });
    };
    if (uuid) add('uuid', this.credentials.token(uuid.toLowerCase()), {});
    if (id) {
      const secretId = id.toLowerCase() as SecretId;
      add('id', this.credentials.tokenOfSecret(secretId), { secretId });
    }
    if (token) {
      const presented = parseCredential(token);
      const digest = presented?.kind === 'socket' ? presented.digest : undefined;
      add('token', this.#ofDigest(digest), digest ? { digest } : {});
    }
    if (hash) {
      const digest = hash as SecretDigest;
      add('hash', this.#ofDigest(digest), { digest });
    }
    return named;
  }

  #ofDigest(digest: SecretDigest | undefined): TokenCredential | undefined {
    const found = digest && this.credentials.find({ digest });
    return found?.kind === 'token' ? found.token : undefined;
  }
}

/** A token of another organization or dialect is as good as none, so that nothing is told of it (A11). */
function isHere(orgId: OrgId, token: TokenCredential | undefined): boolean {
  return token?.orgId === orgId && token.dialect === 'socket';
}

/** What several names say of the current secret; null when they cannot all be right. */
function together(identities: readonly TokenIdentity[]): TokenIdentity | null {
  const all: TokenIdentity = Object.assign({}, ...identities);
  const agree = identities.every(({ digest = all.digest, secretId = all.secretId }) => {
    return digest === all.digest && secretId === all.secretId;
  });
  return agree ? all : null;
}
