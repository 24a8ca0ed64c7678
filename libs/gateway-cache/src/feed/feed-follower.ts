import type { LedgerMessage } from '@ledger/publishing';
import type { VerificationCache } from '../cache/verification-cache.js';
import type { GatewayLog } from '../gateway-log.js';
import type { GatewayTime } from '../time.js';
import type { FeedListener, FeedLoss } from './invalidation-feed.js';

/** How long the feed may lack what the ledger's answers already show. */
const LAG_MS_MAX = 5_000;

export type FeedState = 'starting' | 'live' | 'lost' | 'lagging';

export interface FeedFollowerParts {
  readonly cache: VerificationCache;
  readonly time: GatewayTime;
  readonly log: GatewayLog;
  readonly onMessage?: (message: LedgerMessage) => void;
  /** Everything up to a position was applied; `changed` when a message or a new start was part of it. */
  readonly onApplied?: (position: bigint, changed: boolean) => void;
}

/**
 * Applies what a feed brings to the cache. Where messages may be missing, everything is forgotten (V5);
 * while none come, answers live no longer than ever: their time bounds what can go unnoticed.
 */
export class FeedFollower implements FeedListener {
  readonly counts = { messages: 0, flushes: 0, losses: 0 };
  #state: FeedState = 'starting';
  #applied = 0n;
  #hasChanged = false;
  /** What the ledger has answered with, and since when it is missing here. */
  #expected: { readonly position: bigint; readonly sinceMs: number } | null = null;

  constructor(private readonly parts: FeedFollowerParts) {}

  get state(): FeedState {
    return this.#state;
  }

  get applied(): bigint {
    return this.#applied;
  }

  /** How long the feed has lacked what an answer showed, in milliseconds. */
  get lagMs(): number {
    return this.#expected ? this.parts.time.monotonicMs() - this.#expected.sinceMs : 0;
  }

  began(from: bigint, log: 'same' | 'another'): void {
    const { cache } = this.parts;
    if (log === 'another') cache.reset(from);
    else cache.flush(from);
    this.counts.flushes += 1;
    this.parts.log.info('feed.began', { from: String(from), log });
    this.#state = 'live';
    this.#applied = from;
    this.#expected = null;
    this.#hasChanged = true;
    this.reached(from);
  }

  resumed(): void {
    this.#state = 'live';
    this.parts.log.info('feed.resumed', { applied: String(this.#applied) });
  }

  message(message: LedgerMessage): void {
    this.parts.cache.apply(message);
    this.parts.onMessage?.(message);
    this.counts.messages += 1;
    this.#hasChanged = true;
  }

  reached(position: bigint): void {
    if (position < this.#applied) return;
    this.#applied = position;
    if (this.#expected && position >= this.#expected.position) this.#caughtUp();
    this.parts.onApplied?.(position, this.#hasChanged);
    this.#hasChanged = false;
  }

  lost({ cause, detail }: FeedLoss): void {
    this.counts.losses += 1;
    this.#state = 'lost';
    this.parts.log.warn('feed.lost', { cause, detail });
    // Nobody knows which token it was about.
    if (cause === 'unreadable') this.#flush();
  }

  /** An answer of the ledger was judged at this position, so the feed should have it soon. */
  expect(position: bigint): void {
    if (position <= this.#applied || this.#expected) return;
    this.#expected = { position, sinceMs: this.parts.time.monotonicMs() };
  }

  /** Notices a feed that looks alive and is not; to be called every second or so. */
  check(): void {
    if (this.#state !== 'live' || this.lagMs <= LAG_MS_MAX) return;
    this.#state = 'lagging';
    this.counts.losses += 1;
    this.parts.log.warn('feed.lagging', { applied: String(this.#applied), lagMs: this.lagMs });
    this.#flush();
  }

  #caughtUp(): void {
    this.#expected = null;
    if (this.#state === 'lagging') this.resumed();
  }

  #flush(): void {
    this.parts.cache.flush(this.#applied);
    this.counts.flushes += 1;
  }
}
