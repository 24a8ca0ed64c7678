import { LRUCache } from 'lru-cache';
import { positionOf, type LedgerMessage } from '@ledger/publishing';
import type { Verification } from '../ledger.js';
import { hasPassed, NEVER, stricter, type Deadline, type GatewayTime } from '../time.js';
import { RevisionFence } from './revision-fence.js';
import { SecretDeadlines } from './secret-deadlines.js';

/** No answer is used for longer, whatever is configured: the bound when no message gets through (V2). */
export const TTL_MS_MAX = 30_000;
/** Also the time that a secret asked about before it was made may stay unknown (V6). */
export const NEGATIVE_TTL_MS_MAX = 5_000;

const ENTRIES_MAX = 100_000;
/** Few and apart: made-up secrets push out each other, and nothing that is good. */
const NEGATIVE_ENTRIES_MAX = 2_000;
const FENCES_MAX = 100_000;

export interface VerificationCacheOptions {
  readonly time: GatewayTime;
  readonly ttlMs?: number | undefined;
  readonly entriesMax?: number | undefined;
  readonly fencesMax?: number | undefined;
}

interface Entry {
  readonly key: string;
  readonly verification: Verification;
  until: Deadline;
}

/**
 * Answers of the ledger, by digest of the secret and by what was asked. An answer leaves when a message
 * says that it is out of date, when its time is over, or when there are too many; none comes in that was
 * judged before a message which was applied. Messages may come late, in any order, and again: in which
 * order decides at most whether a revoked token is refused from memory or by asking.
 */
export class VerificationCache {
  readonly #time: GatewayTime;
  readonly #ttlMs: number;
  readonly #negativeTtlMs: number;
  readonly #positive: LRUCache<string, Entry>;
  readonly #negative: LRUCache<string, Entry>;
  readonly #byToken = new Map<string, Set<Entry>>();
  readonly #fence: RevisionFence;
  readonly #deadlines: SecretDeadlines;
  #log = 0;

  constructor({ time, ttlMs = TTL_MS_MAX, ...sizes }: VerificationCacheOptions) {
    const { entriesMax = ENTRIES_MAX, fencesMax = FENCES_MAX } = sizes;
    this.#time = time;
    this.#ttlMs = Math.min(ttlMs, TTL_MS_MAX);
    this.#negativeTtlMs = Math.min(ttlMs, NEGATIVE_TTL_MS_MAX);
    const dispose = (entry: Entry): void => this.#unlink(entry);
    this.#positive = new LRUCache({ max: entriesMax, dispose });
    this.#negative = new LRUCache({ max: Math.min(NEGATIVE_ENTRIES_MAX, entriesMax), dispose });
    this.#fence = new RevisionFence(fencesMax);
    this.#deadlines = new SecretDeadlines(fencesMax);
  }

  get size(): { readonly positive: number; readonly negative: number } {
    return { positive: this.#positive.size, negative: this.#negative.size };
  }

  /** Which log the answers are about: another number after it was exchanged. */
  get log(): number {
    return this.#log;
  }

  /** The answer, if it may still be given. */
  get(key: string): Verification | undefined {
    const entry = this.#positive.get(key) ?? this.#negative.get(key);
    if (!entry) return undefined;
    if (!hasPassed(entry.until, this.#time)) return entry.verification;
    this.#forget(entry);
    return undefined;
  }

  /** First position whose answers about the token may be used; null for one that is not known yet. */
  minPosition(tokenId: string | null): bigint {
    return this.#fence.of(tokenId);
  }

  /** Whether a message that was applied is newer than the answer. */
  isOutdated({ identity, position }: Verification): boolean {
    return position < this.#fence.of(identity?.tokenId ?? null);
  }

  /**
   * Until when an answer may be given.
   *
   * @param askedAtMs When the ledger was asked, on the monotonic clock: its answer is no older.
   */
  deadlineOf(verification: Verification, askedAtMs: number): Deadline {
    const { code, identity, expiresAtMs, answeredAtMs } = verification;
    const ttlMs = code === 'VALID' ? this.#ttlMs : this.#negativeTtlMs;
    const ttl = { wallMs: Infinity, monotonicMs: askedAtMs + ttlMs };
    const ownEnd = expiresAtMs === null ? NEVER : expiry(expiresAtMs, answeredAtMs, askedAtMs);
    const graceEnd = identity ? this.#deadlines.of(identity.secretId) : NEVER;
    return stricter(stricter(ttl, ownEnd), graceEnd);
  }

  /** Keeps an answer, unless it is out of date or over. */
  put(key: string, verification: Verification, askedAtMs: number): void {
    if (this.isOutdated(verification)) return;
    const until = this.deadlineOf(verification, askedAtMs);
    if (hasPassed(until, this.#time)) return;
    const { code, identity } = verification;
    const entry = { key, verification, until };
    const [home, other] =
      code === 'VALID' ? [this.#positive, this.#negative] : [this.#negative, this.#positive];
    other.delete(key);
    home.set(key, entry);
    if (!identity) return;
    const entries = this.#byToken.get(identity.tokenId);
    if (entries) entries.add(entry);
    else this.#byToken.set(identity.tokenId, new Set([entry]));
  }

  /**
   * Forgets what a message puts out of date; of a revocation, which is final, the answer is known without
   * asking. Safe to repeat, in any order.
   */
  apply(message: LedgerMessage): void {
    const { tokenId } = message.data;
    const position = positionOf(message);
    this.#fence.raise(tokenId, position);
    const rotated = message.type === 'token-rotated' ? message.data : undefined;
    if (rotated) this.#deadlines.add(rotated.secretId, this.#graceEnd(rotated));
    for (const entry of [...(this.#byToken.get(tokenId) ?? [])]) {
      const { identity, position: judgedAt } = entry.verification;
      const isEnding = rotated !== undefined && identity!.secretId === rotated.secretId;
      // All that changed for a secret in its grace is that it ends.
      if (isEnding) entry.until = stricter(entry.until, this.#deadlines.of(rotated.secretId));
      const isKept = judgedAt >= position || isEnding;
      if (isKept && !hasPassed(entry.until, this.#time)) continue;
      this.#forget(entry);
      if (!isKept && message.type === 'token-revoked') this.#refuse(entry, position);
    }
  }

  /** Messages may have been missed, none of them about a change after `from`. */
  flush(from: bigint): void {
    this.#fence.raiseFloor(from);
    this.#clear();
  }

  /** The log is another one: positions start anew, and what was said about the old one means nothing. */
  reset(from: bigint): void {
    this.#log += 1;
    this.#fence.reset(from);
    this.#deadlines.clear();
    this.#clear();
  }

  #graceEnd(rotated: {
    readonly graceEndsAt: string;
    readonly graceRemainingMs: number;
  }): Deadline {
    return {
      wallMs: Date.parse(rotated.graceEndsAt),
      monotonicMs: this.#time.monotonicMs() + rotated.graceRemainingMs,
    };
  }

  /** For as long as any refusal: then the ledger is asked again. */
  #refuse({ key, verification }: Entry, position: bigint): void {
    const nothing = { quota: null, expiresAtMs: null, answeredAtMs: null };
    const refusal = {
      code: 'REVOKED',
      position,
      identity: verification.identity,
      ...nothing,
    } as const;
    this.put(key, refusal, this.#time.monotonicMs());
  }

  #forget({ key }: Entry): void {
    this.#positive.delete(key);
    this.#negative.delete(key);
  }

  #unlink(entry: Entry): void {
    const tokenId = entry.verification.identity?.tokenId;
    const entries = tokenId === undefined ? undefined : this.#byToken.get(tokenId);
    if (!entries?.delete(entry)) return;
    if (entries.size === 0) this.#byToken.delete(tokenId!);
  }

  #clear(): void {
    this.#positive.clear();
    this.#negative.clear();
  }
}

/** `Date` of HTTP is cut to the second: what is left may be less by that. */
const DATE_STEP_MS = 1_000;

/** The end as the ledger's own clock counts it, for a gateway whose clock is wrong (X5). */
function expiry(expiresAtMs: number, answeredAtMs: number | null, askedAtMs: number): Deadline {
  if (answeredAtMs === null) return { wallMs: expiresAtMs, monotonicMs: Infinity };
  const remainingMs = expiresAtMs - answeredAtMs - DATE_STEP_MS;
  return { wallMs: expiresAtMs, monotonicMs: askedAtMs + remainingMs };
}
