import { createHmac, hash, hkdfSync, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
import { inspect } from 'node:util';
import { crc32 } from 'node:zlib';
import type { Dialect, PublicId, SecretDigest, TokenId } from '@ledger/domain';

/**
 * The plaintext of a secret on its way to the one answer that carries it.
 *
 * Prints as `[redacted]` wherever it strays: logs, JSON, templates, inspection (S13).
 */
export class Secret {
  readonly #plaintext: string;
  readonly digest: SecretDigest;
  /** Prefix and last four characters: enough to recognise a secret by, useless to a thief. */
  readonly preview: string;

  constructor(plaintext: string, preview: string, digest = digestOf(plaintext)) {
    this.#plaintext = plaintext;
    this.digest = digest;
    this.preview = preview;
  }

  /** The plaintext. To be called where the answer is written, and nowhere else. */
  reveal(): string {
    return this.#plaintext;
  }

  toString(): string {
    return '[redacted]';
  }

  toJSON(): string {
    return '[redacted]';
  }

  [inspect.custom](): string {
    return '[redacted]';
  }
}

/** SRI SHA-512 of a secret. A fast hash is enough: every secret carries at least 122 random bits (S5). */
export function digestOf(plaintext: string): SecretDigest {
  return `sha512-${hash('sha512', plaintext, 'base64')}` as SecretDigest;
}

/** SHA-512 of a secret after its salt (decision 11). */
export function saltedDigestOf(plaintext: string, salt: string): SecretDigest {
  return `salted-sha512:${salt}:${hash('sha512', `${salt}${plaintext}`, 'base64')}` as SecretDigest;
}

/**
 * A credential as it was presented: what kind it is by its form, and how it is found. A salted secret is
 * found by the key id in it, and then compared.
 */
export type PresentedCredential =
  | { readonly kind: 'personal' | 'native' | 'socket'; readonly digest: SecretDigest }
  | {
      readonly kind: 'socmate';
      readonly keyId: string;
      /** Whether a stored digest is that of this secret. Takes the same time for all of them. */
      readonly matches: (digest: SecretDigest) => boolean;
    };

const CREDENTIAL_LENGTH_MAX = 96;
const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const NATIVE_RANDOM_LENGTH = 30;
const NATIVE_CHECKSUM_LENGTH = 6;
const NATIVE_FORM = /^[a-z]{2,6}_([0-9A-Za-z]{30})([0-9A-Za-z]{6})$/;
const SOCKET_FORM = /^sktsec_[A-Za-z0-9_-]{43}_api$/;
/** Key ids of any length are read; those made here have twelve characters. */
const SOCMATE_FORM = /^sk_live_(k_[a-z0-9]{1,32})_[0-9a-f]{40}$/;
const PERSONAL_FORM = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;

/**
 * Recognises a credential by its form, or answers null: what is malformed, or fails its checksum, is
 * refused before any look-up (S3).
 */
export function parseCredential(text: string): PresentedCredential | null {
  if (text.length > CREDENTIAL_LENGTH_MAX) return null;
  if (SOCKET_FORM.test(text)) return { kind: 'socket', digest: digestOf(text) };
  const native = NATIVE_FORM.exec(text);
  if (native) {
    if (checksum(native[1]!) !== native[2]) return null;
    return { kind: 'native', digest: digestOf(text) };
  }
  if (PERSONAL_FORM.test(text)) return { kind: 'personal', digest: digestOf(text.toLowerCase()) };
  const [, keyId] = SOCMATE_FORM.exec(text) ?? [];
  if (keyId !== undefined)
    return { kind: 'socmate', keyId, matches: (digest) => matchesSalted(text, digest) };
  return null;
}

/** Six base62 digits of the CRC32 of the random part: a typing error is found without a look-up (S2). */
export function checksum(randomPart: string): string {
  let rest = crc32(randomPart);
  let digits = '';
  for (let place = 0; place < NATIVE_CHECKSUM_LENGTH; place += 1) {
    digits = BASE62[rest % 62] + digits;
    rest = Math.floor(rest / 62);
  }
  return digits;
}

/** Prefix of native secrets, so that scanners recognise a leaked one. */
export const NATIVE_PREFIX = 'tl';

/** What a secret is made from. */
export interface Minting {
  /** A request that may be repeated makes the same secret from the same seed (docs/adr/0005). */
  readonly seed?: Buffer | undefined;
  /** Part of the secret in dialects that have one. */
  readonly publicId?: PublicId | undefined;
}

/** Makes a secret in the format of its dialect, from fresh randomness or from a seed. */
export function mintSecret(dialect: Dialect, { seed, publicId }: Minting = {}): Secret {
  switch (dialect) {
    case 'socket': {
      const random = bytes(32, seed).toString('base64url');
      return new Secret(`sktsec_${random}_api`, `sktsec_****${random.slice(-4)}_api`);
    }
    case 'native': {
      const random = base62(NATIVE_RANDOM_LENGTH, seed);
      const secret = `${NATIVE_PREFIX}_${random}${checksum(random)}`;
      return new Secret(secret, `${NATIVE_PREFIX}_****${secret.slice(-4)}`);
    }
    case 'socmate': {
      const source = bytes(36, seed);
      const secret = source.toString('hex', 0, 20);
      const plaintext = `sk_live_${publicId?.keyId ?? 'k_'}_${secret}`;
      const preview = `sk_live_${publicId?.keyId ?? 'k_'}_****${secret.slice(-4)}`;
      return new Secret(
        plaintext,
        preview,
        saltedDigestOf(plaintext, source.toString('base64url', 20)),
      );
    }
  }
}

/** The names that a dialect shows of a token, derived from its id so that a repeat finds the same ones. */
export function publicIdOf(dialect: Dialect, tokenId: TokenId): PublicId | undefined {
  if (dialect !== 'socmate') return undefined;
  const digest = Buffer.from(hash('sha256', `public id of ${tokenId}`, 'hex'), 'hex');
  const number = digest.readBigUInt64BE(0) % 36n ** 12n;
  const keyId = `k_${number.toString(36).padStart(12, '0')}`;
  return { keyId, objectId: digest.toString('hex', 16, 28) };
}

/** Makes a user's personal token, a UUID v4; or wraps one that the operator chose for the first start. */
export function mintPersonalToken(chosen: string = randomUUID()): Secret {
  const plaintext = chosen.toLowerCase();
  return new Secret(plaintext, `****${plaintext.slice(-4)}`);
}

export function isPersonalToken(text: string): boolean {
  return PERSONAL_FORM.test(text);
}

function matchesSalted(plaintext: string, digest: SecretDigest): boolean {
  const [form, salt = ''] = digest.split(':', 2);
  if (form !== 'salted-sha512') return false;
  const expected = Buffer.from(digest);
  const actual = Buffer.from(saltedDigestOf(plaintext, salt));
  return expected.length === actual.length && timingSafeEqual(expected, actual);
}

function bytes(length: number, seed?: Buffer): Buffer {
  if (!seed) return randomBytes(length);
  return Buffer.from(hkdfSync('sha256', seed, '', 'secret', length));
}

/** Uniform digits: bytes of 248 and above are thrown away, since 256 is no multiple of 62 (S1). */
function base62(length: number, seed?: Buffer): string {
  let digits = '';
  for (let round = 0; digits.length < length; round += 1) {
    const source = seed && createHmac('sha256', seed).update(`round ${round}`).digest();
    for (const byte of bytes(64, source)) {
      if (byte < 248 && digits.length < length) digits += BASE62[byte % 62];
    }
  }
  return digits;
}
