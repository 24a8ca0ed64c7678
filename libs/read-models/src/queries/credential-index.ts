import type { SecretDigest, TokenId, UserId } from '@ledger/domain';
import type { Projector } from '../projector/projector.js';
import {
  credentials,
  type Credential,
  type CredentialSecret,
  type TokenCredential,
  type UserCredential,
} from '../projections/credentials.projection.js';

/** Whose secret a digest belongs to. Whether it is still good is for the caller to judge. */
export type FoundCredential =
  | { readonly kind: 'token'; readonly token: TokenCredential; readonly secret: CredentialSecret }
  | {
      readonly kind: 'user';
      readonly userId: UserId;
      readonly personalTokenId: TokenId;
      readonly revoked: boolean;
    };

/** How a presented secret is looked up: by its digest, or by the key id in it and then by comparison. */
export type CredentialLookUp =
  | { readonly digest: SecretDigest }
  | { readonly keyId: string; readonly matches: (digest: SecretDigest) => boolean };

/** Finds credentials by digest, or by the key id in a salted secret: authentication and verification ask it. */
export class CredentialIndex {
  constructor(private readonly projector: Projector) {}

  find(lookUp: CredentialLookUp): FoundCredential | undefined {
    if ('keyId' in lookUp) return this.#findSalted(lookUp.keyId, lookUp.matches);
    const row = this.#rowBy(lookUp.digest);
    if (row === undefined || row.kind === 'frozen') return undefined;
    return row.kind === 'token' ? foundToken(row, lookUp.digest) : foundUser(row, lookUp.digest);
  }

  token(tokenId: string): TokenCredential | undefined {
    return asToken(this.projector.row<Credential>(credentials.name, tokenId));
  }

  tokenOfKeyId(keyId: string): TokenCredential | undefined {
    const token = asToken(this.#rowBy(keyId));
    return token?.keyId === keyId ? token : undefined;
  }

  tokenOfSecret(secretId: string): TokenCredential | undefined {
    const token = asToken(this.#rowBy(secretId));
    return token?.secrets.some((secret) => secret.secretId === secretId) ? token : undefined;
  }

  /** What kind of text it was looked up by is for the caller to check: they share one table. */
  #rowBy(lookUp: string): Credential | undefined {
    const key = this.projector.keyOf(credentials.name, lookUp);
    return key === undefined ? undefined : this.projector.row<Credential>(credentials.name, key);
  }

  #findSalted(
    keyId: string,
    matches: (digest: SecretDigest) => boolean,
  ): FoundCredential | undefined {
    const token = this.tokenOfKeyId(keyId);
    const secret = token?.secrets.findLast(({ digest }) => matches(digest));
    return token && secret && { kind: 'token', token, secret };
  }
}

function asToken(row: Credential | undefined): TokenCredential | undefined {
  return row?.kind === 'token' ? row : undefined;
}

function foundToken(token: TokenCredential, digest: SecretDigest): FoundCredential | undefined {
  const { secrets } = token;
  // The newest is asked for most.
  for (let index = secrets.length - 1; index >= 0; index -= 1) {
    const secret = secrets[index]!;
    if (secret.digest === digest) return { kind: 'token', token, secret };
  }
  return undefined;
}

function foundUser(row: UserCredential, digest: SecretDigest): FoundCredential | undefined {
  const token = row.tokens.find((each) => each.digest === digest);
  if (!token) return undefined;
  const { tokenId: personalTokenId, revoked } = token;
  return { kind: 'user', userId: row.userId, personalTokenId, revoked };
}
