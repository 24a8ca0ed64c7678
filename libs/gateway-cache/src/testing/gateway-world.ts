import { Gateway, type GatewayOptions } from '../gateway.js';
import { requirement, type Decision, type Requirement } from '../gateway-decisions.js';
import { LineLog } from './line-log.js';
import { ManualTime } from './manual-time.js';
import { MemoryFeed } from './memory-feed.js';
import { ModelLedger } from './model-ledger.js';

/** What a route of the tests demands. */
export const JOBS: Requirement = requirement({ scopes: ['jobs'] });

/** Caches set their room aside in advance. */
const SMALL = { gatewayId: 'g1', entriesMax: 5_000, fencesMax: 5_000 };

/** A gateway before a model of the ledger, with clocks that a test moves. */
export class GatewayWorld {
  readonly time: ManualTime;
  readonly ledger: ModelLedger;
  readonly feed: MemoryFeed;
  readonly log = new LineLog();
  readonly gateway: Gateway;

  constructor(options: Partial<GatewayOptions> & { readonly skewMs?: number } = {}) {
    this.time = new ManualTime(options.skewMs);
    this.ledger = new ModelLedger(this.time);
    this.feed = new MemoryFeed(this.ledger.position);
    const { time, ledger, feed, log } = this;
    this.gateway = new Gateway({ time, ledger, feed, log, ...SMALL, ...options });
  }

  decide(secret: string, required: Requirement = JOBS): Decision | Promise<Decision> {
    return this.gateway.decisions.decide(secret, required);
  }

  async outcome(secret: string, required: Requirement = JOBS): Promise<Decision['outcome']> {
    return (await this.decide(secret, required)).outcome;
  }

  close(): Promise<void> {
    return this.gateway.close();
  }
}
