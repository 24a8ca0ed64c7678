import type { OrgId, SecretId, Timestamp, TokenId } from '@ledger/domain';
import type { Position, Revision } from '@ledger/event-store';

/** What leaves the ledger, in order of how final it is. Each type is a Kafka topic of the same name. */
export const MESSAGE_TYPES = ['token-revoked', 'token-rotated', 'token-updated'] as const;

export type MessageType = (typeof MESSAGE_TYPES)[number];

/** What every message says: which cached answers are out of date, and from where in the log on. */
interface AboutToken {
  readonly tokenId: TokenId;
  readonly orgId: OrgId;
  /** Of the token's stream, after the event. */
  readonly revision: Revision;
  /**
   * Of the event in the log, in decimal. An answer about the token that was judged at an earlier
   * position is out of date; one judged here or later is not.
   */
  readonly position: string;
  readonly occurredAt: Timestamp;
}

/** The token is dead, with all of its secrets. */
export interface TokenRevokedData extends AboutToken {
  readonly revocationId: string;
  readonly reason: string;
}

/** One secret of the token ends: at once, or when its grace does. No further message says so then. */
export interface TokenRotatedData extends AboutToken {
  /** The secret that ends. */
  readonly secretId: SecretId;
  /** The secret that took its place; null where a grace was closed and nothing new was issued. */
  readonly newSecretId: SecretId | null;
  /** When the old secret ends; equal to `occurredAt` when it has no grace. */
  readonly graceEndsAt: Timestamp;
  /**
   * What is left of the grace at the moment of sending, in milliseconds, 0 when it is over. A receiver
   * with a wrong clock goes by the stricter of the two (requirement X5).
   */
  readonly graceRemainingMs: number;
}

/** Something else changed that an answer about the token shows: its scopes, resources, expiry, quota, or names. */
export interface TokenUpdatedData extends AboutToken {
  /** Name of the attribute, as the native API spells it. */
  readonly attribute: string;
}

interface Envelope<Type extends MessageType, Data> {
  /** The event's id: the same each time the message is sent again. */
  readonly id: string;
  readonly type: Type;
  readonly data: Data;
}

/** One fact for those who cache what the ledger says. Never holds a secret, nor a digest of one. */
export type LedgerMessage =
  | Envelope<'token-revoked', TokenRevokedData>
  | Envelope<'token-rotated', TokenRotatedData>
  | Envelope<'token-updated', TokenUpdatedData>;

/** Position of a message in the log. */
export function positionOf({ data }: LedgerMessage): Position {
  return BigInt(data.position);
}
