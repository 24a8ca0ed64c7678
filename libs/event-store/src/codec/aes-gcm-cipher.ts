import { createCipheriv, createDecipheriv, hkdfSync, randomFillSync } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { StoreDamaged } from '../event-store.js';
import { PersonalDataCipher, type SealedText } from './personal-data.js';

const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const SUBJECT_KEYS_MAX = 10_000;
const NONCES_DRAWN_AT_ONCE = 256;

/**
 * AES-256-GCM under a key of its own for each subject, derived from the ledger's master key by
 * HKDF-SHA256. The master key lies outside the log: whoever holds only the files reads no personal data.
 */
export class AesGcmCipher extends PersonalDataCipher {
  readonly #masterKey: Buffer;
  readonly #subjectKeys = new LRUCache<string, Buffer>({ max: SUBJECT_KEYS_MAX });
  readonly #nonces = Buffer.alloc(NONCE_BYTES * NONCES_DRAWN_AT_ONCE);
  #noncesLeft = 0;

  /** @param masterKey 32 bytes from a cryptographic source. @throws RangeError For any other length. */
  constructor(masterKey: Uint8Array) {
    super();
    if (masterKey.length !== KEY_BYTES) {
      throw new RangeError(`the ledger key has ${masterKey.length} bytes instead of ${KEY_BYTES}`);
    }
    this.#masterKey = Buffer.from(masterKey);
  }

  seal(text: string, subject: string, aad: string): SealedText {
    const nonce = this.#nonce();
    const cipher = createCipheriv('aes-256-gcm', this.#keyOf(subject), nonce);
    cipher.setAAD(Buffer.from(aad));
    const parts = [cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()];
    const c = Buffer.concat(parts).toString('base64');
    return { v: 1, subject, n: nonce.toString('base64'), c };
  }

  open({ v, subject, n, c }: SealedText, aad: string): string {
    // Version 1 is all there is; what claims another one was written by a newer ledger.
    if (v !== 1) throw new StoreDamaged(`personal data is sealed in an unknown form, version ${v}`);
    try {
      const sealed = Buffer.from(c, 'base64');
      const nonce = Buffer.from(n, 'base64');
      const options = { authTagLength: TAG_BYTES };
      const decipher = createDecipheriv('aes-256-gcm', this.#keyOf(subject), nonce, options);
      decipher.setAAD(Buffer.from(aad));
      decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
      return (
        decipher.update(sealed.subarray(0, -TAG_BYTES), undefined, 'utf8') + decipher.final('utf8')
      );
    } catch (cause) {
      throw new StoreDamaged(
        'personal data cannot be opened: the ledger key does not belong to this log, ' +
          'or the data was altered or moved',
        { cause },
      );
    }
  }

  #keyOf(subject: string): Buffer {
    const known = this.#subjectKeys.get(subject);
    if (known) return known;
    const info = `personal-data:v1:${subject}`;
    const key = Buffer.from(hkdfSync('sha256', this.#masterKey, '', info, KEY_BYTES));
    this.#subjectKeys.set(subject, key);
    return key;
  }

  /** Drawn in bulk, since asking the system for each one would cost more than the encryption. */
  #nonce(): Buffer {
    if (this.#noncesLeft === 0) {
      randomFillSync(this.#nonces);
      this.#noncesLeft = NONCES_DRAWN_AT_ONCE;
    }
    this.#noncesLeft -= 1;
    const start = this.#noncesLeft * NONCE_BYTES;
    return this.#nonces.subarray(start, start + NONCE_BYTES);
  }
}
