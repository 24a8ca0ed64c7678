declare const brand: unique symbol;

/** A string that only the named constructor may make, so that one id cannot stand for another. */
export type Brand<T, Name extends string> = T & { readonly [brand]: Name };

export type TokenId = Brand<string, 'TokenId'>;
export type OrgId = Brand<string, 'OrgId'>;
export type UserId = Brand<string, 'UserId'>;
/** Names one secret of a token; changes with each rotation, unlike the token's id. */
export type SecretId = Brand<string, 'SecretId'>;

/**
 * Digest of a secret: SRI form, `sha512-<88 base64>`, or with a salt of the secret's own,
 * `salted-sha512:<salt>:<88 base64>`. The secret itself never enters the domain.
 */
export type SecretDigest = Brand<string, 'SecretDigest'>;

/**
 * UTC instant, RFC 3339 with milliseconds: 2026-01-31T23:59:59.000Z.
 *
 * The fixed width makes the order of the strings the order of time, so deadlines are compared as text.
 */
export type Timestamp = Brand<string, 'Timestamp'>;

/** A bug, not a business outcome: never caught below the HTTP edge, which answers 500. */
export class InvariantViolation extends Error {
  override readonly name = 'InvariantViolation';
}

/** @throws InvariantViolation When `condition` does not hold. Kept on in production. */
export function invariant(condition: boolean, message: string): asserts condition {
  if (!condition) throw new InvariantViolation(message);
}

/** The instant `ms` after the Unix epoch. */
export function timestamp(ms: number): Timestamp {
  return new Date(ms).toISOString() as Timestamp;
}

/** Milliseconds since the Unix epoch. */
export function epochMs(instant: Timestamp): number {
  return Date.parse(instant);
}

/** The later of two instants: what makes event times in a stream never run backwards. */
export function latest(a: Timestamp, b: Timestamp | null | undefined): Timestamp {
  return b && b > a ? b : a;
}
