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

/** Every credential in memory, by digest: what authentication and verification look up. */
export class CredentialIndex extends ResidentRows<Credential> {
  readonly #ownerByDigest = new Map<SecretDigest, string>();
  readonly #tokenBySecretId = new Map<SecretId, TokenId>();

  find(digest: SecretDigest): FoundCredential | undefined {
    const owner = this.#ownerByDigest.get(digest);
    const row = owner === undefined ? undefined : this.get(owner);
    if (row === undefined) return undefined;
    return row.kind === 'token' ? foundToken(row, digest) : foundUser(row, digest);
  }

  token(tokenId: string): TokenCredential | undefined {
    const row = this.get(tokenId);
    return row?.kind === 'token' ? row : undefined;
  }

  tokenOfSecret(secretId: string): TokenCredential | undefined {
    const tokenId = this.#tokenBySecretId.get(secretId as SecretId);
    return tokenId === undefined ? undefined : this.token(tokenId);
  }

  protected override changed(before: Credential | undefined, after: Credential): void {
    if (after.kind === 'user') {
      for (const { digest } of after.tokens) this.#ownerByDigest.set(digest, after.userId);
      return;
    }
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
