import type { Timestamp } from './primitives.js';
import type { IssuedSecret } from './token-events.js';

export interface Secret extends IssuedSecret {
  readonly issuedAt: Timestamp;
}

/**
 * The secrets of one token: the current one, and at most one older one that is valid until its grace
 * ends. Deadlines are recorded and compared on every use; no timer ends them.
 */
export interface SecretRing {
  readonly current: Secret;
  readonly previous: (Secret & { readonly validUntil: Timestamp }) | null;
}

/** Puts a new secret in front. The old one stays until `previousValidUntil`; null ends it at once. */
export function rotateRing(
  ring: SecretRing,
  current: Secret,
  previousValidUntil: Timestamp | null,
): SecretRing {
  return {
    current,
    previous:
      previousValidUntil === null ? null : { validUntil: previousValidUntil, ...ring.current },
  };
}

/** End of the grace that is still open at `now`, or null. "Until T" means while now < T. */
export function openGrace(ring: SecretRing, now: Timestamp): Timestamp | null {
  return ring.previous && now < ring.previous.validUntil ? ring.previous.validUntil : null;
}
