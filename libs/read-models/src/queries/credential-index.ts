import type { SecretDigest, SecretId, TokenId, UserId } from '@ledger/domain';
import { ResidentRows } from '../projector/projection.js';
import type {
  Credential,
  CredentialSecret,
  TokenCredential,
  UserCredential,
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

/** Every credential in memory, by digest: what authentication and verification look up. */
export class CredentialIndex extends ResidentRows<Credential> {
  readonly #ownerByDigest = new Map<SecretDigest, string>();
  readonly #tokenBySecretId = new Map<SecretId, TokenId>();
  readonly #tokenByKeyId = new Map<string, TokenId>();

  find(lookUp: CredentialLookUp): FoundCredential | undefined {
    if ('keyId' in lookUp) return this.#findSalted(lookUp.keyId, lookUp.matches);
    const { digest } = lookUp;
    const owner = this.#ownerByDigest.get(digest);
    const row = owner === undefined ? undefined : this.get(owner);
    if (row === undefined || row.kind === 'frozen') return undefined;
    return row.kind === 'token' ? foundToken(row, digest) : foundUser(row, digest);
  }

  token(tokenId: string): TokenCredential | undefined {
    const row = this.get(tokenId);
    return row?.kind === 'token' ? row : undefined;
  }

  tokenOfKeyId(keyId: string): TokenCredential | undefined {
    const tokenId = this.#tokenByKeyId.get(keyId);
    return tokenId === undefined ? undefined : this.token(tokenId);
  }

  tokenOfSecret(secretId: string): TokenCredential | undefined {
    const tokenId = this.#tokenBySecretId.get(secretId as SecretId);
    return tokenId === undefined ? undefined : this.token(tokenId);
  }

  protected override changed(before: Credential | undefined, after: Credential): void {
    if (after.kind === 'frozen') return;
    if (after.kind === 'user') {
      for (const { digest } of after.tokens) this.#ownerByDigest.set(digest, after.userId);
      return;
    }
    if (after.keyId !== null) this.#tokenByKeyId.set(after.keyId, after.tokenId);
    // Secrets are only ever added, at the end, so what a row held before is indexed already.
    const known = before?.kind === 'token' ? before.secrets.length : 0;
    for (const { digest, secretId } of after.secrets.slice(known)) {
      this.#ownerByDigest.set(digest, after.tokenId);
      this.#tokenBySecretId.set(secretId, after.tokenId);
    }
  }

  protected override cleared(): void {
    this.#ownerByDigest.clear();
    this.#tokenBySecretId.clear();
    this.#tokenByKeyId.clear();
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
