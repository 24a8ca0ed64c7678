import { createHmac, hash, hkdfSync, randomBytes, randomUUID } from 'node:crypto';
import { inspect } from 'node:util';
import { crc32 } from 'node:zlib';
import type { Dialect, SecretDigest } from '@ledger/domain';

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

  constructor(plaintext: string, preview: string) {
    this.#plaintext = plaintext;
    this.digest = digestOf(plaintext);
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

/** A credential as it was presented: what kind it is by its form, and its digest. */
export interface PresentedCredential {
  readonly kind: 'personal' | Dialect;
  readonly digest: SecretDigest;
}

const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const NATIVE_RANDOM_LENGTH = 30;
const NATIVE_CHECKSUM_LENGTH = 6;
const NATIVE_FORM = /^[a-z]{2,6}_([0-9A-Za-z]{30})([0-9A-Za-z]{6})$/;
const SOCKET_FORM = /^sktsec_[A-Za-z0-9_-]{43}_api$/;
const PERSONAL_FORM = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;

/**
 * Recognises a credential by its form, or answers null: what is malformed, or fails its checksum, is
 * refused before any look-up (S3).
 */
export function parseCredential(text: string): PresentedCredential | null {
  if (text.length > 64) return null;
  if (SOCKET_FORM.test(text)) return { kind: 'socket', digest: digestOf(text) };
  const native = NATIVE_FORM.exec(text);
  if (native) {
    if (checksum(native[1]!) !== native[2]) return null;
    return { kind: 'native', digest: digestOf(text) };
  }
  if (PERSONAL_FORM.test(text)) return { kind: 'personal', digest: digestOf(text.toLowerCase()) };
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

/**
 * Makes a secret in the format of its dialect, from fresh randomness, or from the seed of a request that
 * may be repeated: the same seed makes the same secret again (docs/adr/0005).
 */
export function mintSecret(dialect: Dialect, seed?: Buffer): Secret {
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
  }
}

/** Makes a user's personal token, a UUID v4; or wraps one that the operator chose for the first start. */
export function mintPersonalToken(chosen: string = randomUUID()): Secret {
  const plaintext = chosen.toLowerCase();
  return new Secret(plaintext, `****${plaintext.slice(-4)}`);
}

export function isPersonalToken(text: string): boolean {
  return PERSONAL_FORM.test(text);
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
