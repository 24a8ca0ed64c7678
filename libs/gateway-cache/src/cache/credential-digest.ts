import { hash } from 'node:crypto';

/** Longer is no secret of any dialect, and shorter none that would be safe. */
const LENGTH_MIN = 8;
const LENGTH_MAX = 512;
const VISIBLE_ASCII = /^[\x21-\x7e]+$/;

/** Whether it could be a secret at all. What could not is refused without asking the ledger. */
export function isPlausibleSecret(text: string): boolean {
  return text.length >= LENGTH_MIN && text.length <= LENGTH_MAX && VISIBLE_ASCII.test(text);
}

/** What stands for a secret in memory. The secret itself is never kept. */
export function credentialDigest(secret: string): string {
  return hash('sha256', secret, 'base64url');
}
