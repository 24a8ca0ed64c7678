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

  /** @throws Refusal 400 for no name or names of several tokens, 404 for a token that is not here. */
  resolve(orgId: OrgId, identifiers: Identifiers): TokenTarget {
    const named = this.#named(identifiers);
    const [first] = named;
    if (!first) {
      throw badRequest({ path: '', message: 'Name the token by uuid, id, token or hash.' });
    }
    const isPair = named.length === 2 && named[0]!.by === 'uuid' && named[1]!.by === 'hash';
    const agree = named.every(({ token }) => token && token.tokenId === first.token?.tokenId);
    if (named.length > 1 && !isPair && !agree) {
      throw badRequest({ path: '', message: 'The identifiers must all name the same token.' });
    }
    const { token } = first;
    if (!token || token.orgId !== orgId || token.dialect !== 'socket') throw tokenNotFound();
    const identity = Object.assign({}, ...named.map((name) => name.identity)) as TokenIdentity;
    return { orgId, tokenId: token.tokenId, identity };
  }

  /** The older client's paths name the token by its uuid, or by the id of its current secret. */
  fromPath(id: string): Identifiers {
    return this.credentials.token(id.toLowerCase()) ? { uuid: id } : { id };
  }

  #named({ uuid, id, token, hash }: Identifiers): readonly Named[] {
    const named: Named[] = [];
    if (uuid) {
      named.push({ by: 'uuid', token: this.credentials.token(uuid.toLowerCase()), identity: {} });
    }
    if (id) {
      const identity = { secretId: id as SecretId };
      named.push({ by: 'id', token: this.credentials.tokenOfSecret(id), identity });
    }
    if (token) named.push(this.#byDigest('token', parseCredential(token)?.digest));
    if (hash) named.push(this.#byDigest('hash', hash as SecretDigest));
    return named;
  }

  #byDigest(by: 'token' | 'hash', digest: SecretDigest | undefined): Named {
    const found = digest && this.credentials.find(digest);
    const token = found?.kind === 'token' ? found.token : undefined;
    return { by, token, identity: digest ? { digest } : {} };
  }
}
