import { createHmac, hkdfSync, randomUUID } from 'node:crypto';
import type { SecretId, Timestamp, TokenId } from '@ledger/domain';
import { epochMs } from '@ledger/domain';
import { principalId, type CommandContext } from './command-context.js';

/**
 * The names that one request gives to what it makes. A repeated request arrives at the same names, so it
 * finds what the first one did, and its secret can be made again instead of being stored (docs/adr/0005).
 */
export interface RequestIdentity {
  readonly commandId: string;
  readonly tokenId: TokenId;
  readonly secretId: SecretId;
  readonly revocationId: string;
  /** From which the secret is made; undefined for a request that cannot be repeated. */
  readonly seed: Buffer | undefined;
  /** Keyed digest of the body: the same key with another body is refused. */
  readonly fingerprint: string | undefined;
  /** How long a repeat is given the first outcome, in milliseconds. */
  readonly ttlMs: number;
}

/** How long the first answer to an idempotency key, secret included, is given again (I4). */
export const IDEMPOTENCY_TTL_MS = 24 * 3_600_000;

export interface RequestIdentitiesOptions {
  /** 32 bytes that never leave the deployment. */
  readonly masterKey: Buffer;
  /** LEDGER_RETRY_WINDOW_MS; 0 is off. */
  readonly retryWindowMs: number;
}

export class RequestIdentities {
  readonly #key: Buffer;
  readonly #retryWindowMs: number;

  constructor({ masterKey, retryWindowMs }: RequestIdentitiesOptions) {
    this.#key = Buffer.from(hkdfSync('sha256', masterKey, '', 'request-identity:v1', 32));
    this.#retryWindowMs = retryWindowMs;
  }

  /**
   * Who this request may be: the last one, unless an earlier one's outcome is found and still recent.
   * Only a request without a key, within the retry window, has more than one.
   */
  of(context: CommandContext, now: Timestamp, guessesRepeats: boolean): readonly RequestIdentity[] {
    const { repeat } = context;
    if (repeat && repeat.key !== null) {
      return [this.#derived(context, repeat, `key:${repeat.key}`, IDEMPOTENCY_TTL_MS)];
    }
    const windowMs = this.#retryWindowMs;
    if (!repeat || windowMs === 0 || !guessesRepeats) return [fresh()];
    // Time is cut into pieces as long as the window, so a repeat falls into the same piece or the next.
    const piece = Math.floor(epochMs(now) / windowMs);
    return [piece - 1, piece].map((index) =>
      this.#derived(context, repeat, `body:${index}:${repeat.body}`, windowMs),
    );
  }

  #derived(
    context: CommandContext,
    { route, body }: NonNullable<CommandContext['repeat']>,
    name: string,
    ttlMs: number,
  ): RequestIdentity {
    const scope = [principalId(context.principal), context.dialect, route, name];
    const root = createHmac('sha256', this.#key).update(JSON.stringify(scope)).digest();
    const names = createHmac('sha512', root).update('names').digest();
    return {
      commandId: uuid(names.subarray(0, 16)),
      tokenId: uuid(names.subarray(16, 32)) as TokenId,
      secretId: uuid(names.subarray(32, 48)) as SecretId,
      revocationId: uuid(names.subarray(48, 64)),
      seed: createHmac('sha256', root).update('seed').digest(),
      fingerprint: createHmac('sha256', this.#key).update(body).digest('base64url'),
      ttlMs,
    };
  }
}

function fresh(): RequestIdentity {
  return {
    commandId: randomUUID(),
    tokenId: randomUUID() as TokenId,
    secretId: randomUUID() as SecretId,
    revocationId: randomUUID(),
    seed: undefined,
    fingerprint: undefined,
    ttlMs: 0,
  };
}

/** The first 16 bytes as a UUID of version 8, the one that RFC 9562 leaves to its maker. */
export function uuid(digest: Buffer): string {
  const bytes = Buffer.from(digest.subarray(0, 16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x80;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20),
  ].join('-');
}

/** A UUID v4 made from a seed instead of fresh randomness: a personal token that can be answered again. */
export function uuidFromSeed(seed: Buffer): string {
  const text = uuid(createHmac('sha256', seed).update('personal-token').digest());
  return `${text.slice(0, 14)}4${text.slice(15)}`;
}
