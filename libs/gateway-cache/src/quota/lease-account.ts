import type { LeaseGrant, Quota } from '../ledger.js';
import { hasPassed, type Deadline, type GatewayTime } from '../time.js';

/** Units of one lease that are still to be spent. */
interface Block {
  readonly leaseId: string;
  left: number;
  readonly until: Deadline;
}

/** What is to be given back of a lease. */
export interface Unspent {
  readonly leaseId: string;
  readonly units: number;
}

const DATE_STEP_MS = 1_000;

/** The units that a gateway holds of one token. */
export class LeaseAccount {
  #blocks: Block[] = [];
  #quota: Quota | null = null;
  lastUsedMs: number;

  constructor(private readonly time: GatewayTime) {
    this.lastUsedMs = time.monotonicMs();
  }

  /** Units that may be spent now. Those of a window that has ended are gone. */
  get left(): number {
    let left = 0;
    let hasEnded = false;
    for (const block of this.#blocks) {
      if (hasPassed(block.until, this.time)) hasEnded = true;
      else left += block.left;
    }
    if (hasEnded) this.#blocks = this.#blocks.filter(({ until }) => !hasPassed(until, this.time));
    return left;
  }

  /** The quota as the caller should see it: what the ledger has left, and what is held here. */
  get quota(): Quota | null {
    const quota = this.#quota;
    if (!quota || quota.remaining === null) return quota;
    return { ...quota, remaining: quota.remaining + this.left };
  }

  add({ leaseId, units, quota, expiresAtMs, answeredAtMs }: LeaseGrant, askedAtMs: number): void {
    const remainingMs = answeredAtMs === null ? Infinity : expiresAtMs - answeredAtMs;
    const monotonicMs = askedAtMs + remainingMs - DATE_STEP_MS;
    this.#blocks.push({ leaseId, left: units, until: { wallMs: expiresAtMs, monotonicMs } });
    this.#quota = quota;
  }

  /** Spends all of it or nothing. */
  spend(units: number): boolean {
    if (this.left < units) return false;
    let due = units;
    for (const block of this.#blocks) {
      const part = Math.min(block.left, due);
      block.left -= part;
      due -= part;
      if (due === 0) break;
    }
    this.#blocks = this.#blocks.filter(({ left }) => left > 0);
    this.lastUsedMs = this.time.monotonicMs();
    return true;
  }

  /** Takes out what was not spent, so that it cannot be spent any more. */
  empty(): readonly Unspent[] {
    const unspent = this.#blocks
      .filter(({ until }) => !hasPassed(until, this.time))
      .map(({ leaseId, left }) => ({ leaseId, units: left }));
    this.#blocks = [];
    return unspent;
  }
}
