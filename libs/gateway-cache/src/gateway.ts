import { CachedVerifier } from './cache/cached-verifier.js';
import { VerificationCache } from './cache/verification-cache.js';
import { Acknowledgements } from './feed/acknowledgements.js';
import { FeedFollower } from './feed/feed-follower.js';
import type { InvalidationFeed } from './feed/invalidation-feed.js';
import { GatewayDecisions } from './gateway-decisions.js';
import type { GatewayLog } from './gateway-log.js';
import type { Ledger } from './ledger.js';
import { QuotaLeases } from './quota/quota-leases.js';
import type { GatewayTime } from './time.js';

const CHECK_MS = 1_000;

export interface GatewayOptions {
  readonly ledger: Ledger;
  readonly feed: InvalidationFeed;
  readonly time: GatewayTime;
  readonly log: GatewayLog;
  /** Name under which the ledger shows how far this gateway has come. Must be its own. */
  readonly gatewayId: string;
  readonly ttlMs?: number | undefined;
  readonly entriesMax?: number | undefined;
  readonly fencesMax?: number | undefined;
  /** Most units of one token that are held in advance. */
  readonly leaseBlock?: number | undefined;
}

const LEASE_BLOCK = 100;

/** All parts of a gateway, wired: what it remembers, what it forgets, and what it decides. */
export class Gateway {
  readonly cache: VerificationCache;
  readonly verifier: CachedVerifier;
  readonly leases: QuotaLeases;
  readonly follower: FeedFollower;
  readonly acknowledgements: Acknowledgements;
  readonly decisions: GatewayDecisions;
  readonly #checks: NodeJS.Timeout;

  constructor(private readonly options: GatewayOptions) {
    const { ledger, feed, time, log, gatewayId, leaseBlock: block = LEASE_BLOCK } = options;
    const cache = new VerificationCache(options);
    this.cache = cache;
    this.leases = new QuotaLeases({ ledger, time, log, block });
    this.acknowledgements = new Acknowledgements({ ledger, gatewayId, log });
    this.follower = new FeedFollower({
      ...{ cache, time, log },
      onMessage: (message) => this.leases.apply(message),
      onApplied: (position, changed) => {
        if (changed) this.acknowledgements.applied(position);
      },
    });
    const onPosition = (position: bigint): void => this.follower.expect(position);
    this.verifier = new CachedVerifier({ ledger, cache, time, onPosition });
    this.decisions = new GatewayDecisions({ cache, leases: this.leases, verifier: this.verifier });
    this.#checks = setInterval(() => this.#check(), CHECK_MS);
    this.#checks.unref();
    feed.open(this.follower);
  }

  /** Gives back what it holds, and says goodbye. Nothing must be decided any more. */
  async close(): Promise<void> {
    clearInterval(this.#checks);
    await this.options.feed.close();
    await this.leases.close();
    await this.acknowledgements.close();
  }

  #check(): void {
    this.follower.check();
    void this.leases.sweep();
  }
}
