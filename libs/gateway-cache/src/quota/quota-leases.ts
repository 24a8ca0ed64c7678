import { LRUCache } from 'lru-cache';
import type { LedgerMessage } from '@ledger/publishing';
import type { GatewayLog } from '../gateway-log.js';
import type { Ledger, LeaseGrant, Outcome, Quota } from '../ledger.js';
import type { GatewayTime } from '../time.js';
import { LeaseAccount, type Unspent } from './lease-account.js';

const ACCOUNTS_MAX = 10_000;
const IDLE_MS = 10_000;
/** How long a refusal is remembered: units may come back, from a gateway that gave them back. */
const REFUSAL_MS = 1_000;
const ATTEMPTS = 2;

export interface LeaseCharge {
  readonly tokenId: string;
  readonly units: number;
  readonly operation: string;
}

/** What became of units that were to be spent. */
export type Spending =
  | { readonly outcome: 'spent'; readonly quota: Quota | null }
  | Exclude<Outcome<never>, { outcome: 'answered' }>;

interface Account {
  readonly held: LeaseAccount;
  /** The lease being asked for. */
  pending: Promise<Outcome<LeaseGrant>> | null;
  refusal: { readonly spending: Spending; readonly untilMs: number } | null;
}

export interface QuotaLeasesParts {
  readonly ledger: Pick<Ledger, 'lease' | 'returnLease'>;
  readonly time: GatewayTime;
  readonly log: GatewayLog;
  /** Most units of one token that are held here: what a crash loses of it. */
  readonly block: number;
}

/**
 * Spends quota from units that were taken in advance. The ledger has counted them already, so nothing is
 * overdrawn; what a crash leaves unspent stays consumed until the window ends. No gateway holds more than
 * `block` units of a token, or one call's cost where that is more (Q3).
 */
export class QuotaLeases {
  readonly counts = { leased: 0, returned: 0, lost: 0 };
  readonly #accounts: LRUCache<string, Account>;

  constructor(private readonly parts: QuotaLeasesParts) {
    this.#accounts = new LRUCache({
      max: ACCOUNTS_MAX,
      dispose: ({ held }, tokenId, reason) => {
        if (reason === 'evict') void this.#giveBack(tokenId, held.empty());
      },
    });
  }

  /** Units that are held here, of all tokens. */
  get held(): number {
    let units = 0;
    for (const { held } of this.#accounts.values()) units += held.left;
    return units;
  }

  /** @returns A promise only when the ledger must be asked first. */
  spend(charge: LeaseCharge): Spending | Promise<Spending> {
    const account = this.#accountOf(charge.tokenId);
    return this.#spent(account, charge) ?? this.#spendLater(account, charge);
  }

  /** A token that is gone takes its units along; one that changed may have a quota again. */
  apply({ type, data }: LedgerMessage): void {
    const account = this.#accounts.peek(data.tokenId);
    if (!account) return;
    account.refusal = null;
    if (type !== 'token-revoked') return;
    account.held.empty();
    this.#accounts.delete(data.tokenId);
  }

  /** Gives back what nobody has used for a while; to be called every second or so. */
  async sweep(): Promise<void> {
    const idleSince = this.parts.time.monotonicMs() - IDLE_MS;
    const idle = [...this.#accounts.entries()].filter(([, { held, pending }]) => {
      return !pending && held.lastUsedMs <= idleSince;
    });
    await Promise.all(idle.map(([tokenId, account]) => this.#end(tokenId, account)));
  }

  /** Gives everything back, for the end. Nothing must be spent any more. */
  async close(): Promise<void> {
    await Promise.all([...this.#accounts.values()].flatMap(({ pending }) => pending ?? []));
    const all = [...this.#accounts.entries()];
    await Promise.all(all.map(([tokenId, account]) => this.#end(tokenId, account)));
  }

  #accountOf(tokenId: string): Account {
    const known = this.#accounts.get(tokenId);
    if (known) return known;
    const account = { held: new LeaseAccount(this.parts.time), pending: null, refusal: null };
    this.#accounts.set(tokenId, account);
    return account;
  }

  /** Spends what is held, and asks for more before it runs out. Undefined when there is too little. */
  #spent(account: Account, charge: LeaseCharge): Spending | undefined {
    const { held } = account;
    if (!held.spend(charge.units)) return undefined;
    const { quota } = held;
    const isLow = held.left <= this.parts.block / 2;
    if (isLow && !account.pending && !this.#refusalOf(account)) void this.#lease(account, charge);
    return { outcome: 'spent', quota };
  }

  async #spendLater(account: Account, charge: LeaseCharge): Promise<Spending> {
    for (let attempt = 0; attempt < ATTEMPTS || account.pending; attempt += 1) {
      const refused = account.pending ? undefined : this.#refusalOf(account);
      if (refused) return refused;
      const outcome = await (account.pending ?? this.#lease(account, charge));
      const spent = this.#spent(account, charge);
      if (spent) return spent;
      if (outcome.outcome !== 'answered') return outcome;
      // Fewer were granted than were asked for, because no more are left.
      if (account.held.left > 0 && !account.pending) return this.#tooFew(account);
    }
    return { outcome: 'unavailable', reason: 'quota is in demand', retryAfterSeconds: 1 };
  }

  #lease(account: Account, charge: LeaseCharge): Promise<Outcome<LeaseGrant>> {
    const asking = this.#ask(account, charge).finally(() => {
      account.pending = null;
    });
    account.pending = asking;
    return asking;
  }

  async #ask(account: Account, charge: LeaseCharge): Promise<Outcome<LeaseGrant>> {
    const { ledger, time, block } = this.parts;
    const { tokenId, operation } = charge;
    const askedAtMs = time.monotonicMs();
    const units = Math.max(block, charge.units) - account.held.left;
    const outcome = await ledger.lease({ tokenId, units, operation });
    if (outcome.outcome === 'answered') {
      this.counts.leased += outcome.value.units;
      // Revoked meanwhile: the units went with the token.
      if (this.#accounts.peek(tokenId) === account) account.held.add(outcome.value, askedAtMs);
      else this.counts.lost += outcome.value.units;
    } else {
      account.refusal = { spending: outcome, untilMs: time.monotonicMs() + REFUSAL_MS };
    }
    return outcome;
  }

  #refusalOf(account: Account): Spending | undefined {
    if (!account.refusal) return undefined;
    if (this.parts.time.monotonicMs() < account.refusal.untilMs) return account.refusal.spending;
    account.refusal = null;
    return undefined;
  }

  #tooFew({ held: { quota } }: Account): Spending {
    const code = 'QUOTA_EXCEEDED';
    return { outcome: 'refused', status: 429, code, retryAfterSeconds: undefined, quota };
  }

  async #end(tokenId: string, account: Account): Promise<void> {
    this.#accounts.delete(tokenId);
    await this.#giveBack(tokenId, account.held.empty());
  }

  async #giveBack(tokenId: string, all: readonly Unspent[]): Promise<void> {
    for (const { leaseId, units } of all) {
      let outcome = await this.parts.ledger.returnLease(leaseId, tokenId, units);
      if (outcome.outcome === 'unavailable') {
        outcome = await this.parts.ledger.returnLease(leaseId, tokenId, units);
      }
      if (outcome.outcome === 'answered') this.counts.returned += units;
      else {
        this.counts.lost += units;
        this.parts.log.warn('lease.not-returned', { tokenId, units, ...outcome });
      }
    }
  }
}
