import {
  epochMs,
  standing,
  type QuotaStanding,
  type Timestamp,
  type TokenId,
} from '@ledger/domain';
import type { QuotaStandings } from '@ledger/read-models';
import type { HttpReply } from '../../../http/exchange.js';
import { policyWindow, setQuotaHeaders, type PolicyWindow } from '../quota-headers.js';

/** Where tokens stand, with the current window worked out once instead of for each request. */
export class HotQuota {
  #name = '';
  #window: PolicyWindow | undefined;

  constructor(private readonly quotas: QuotaStandings) {}

  window(now: Timestamp): PolicyWindow {
    const name = this.quotas.windowAt(now);
    if (!this.#window || name !== this.#name) {
      this.#window = policyWindow(name, this.quotas.at('', null, now).resetAt);
      this.#name = name;
    }
    return this.#window;
  }

  at(
    { tokenId, maxQuota }: { readonly tokenId: TokenId; readonly maxQuota: number | null },
    now: Timestamp,
  ): QuotaStanding {
    const { end } = this.window(now);
    const windows = this.quotas.row(tokenId)?.windows;
    if (windows) {
      // The current window is the last one, if the token was charged in it at all.
      for (let index = windows.length - 1; index >= 0; index -= 1) {
        const usage = windows[index]!;
        if (usage.window === this.#name) return standing(maxQuota, usage.consumed, end);
      }
    }
    return standing(maxQuota, 0, end);
  }

  tell(reply: HttpReply, quota: QuotaStanding, now: Timestamp): void {
    if (quota.limit === null) return;
    setQuotaHeaders(reply, quota, this.window(now), epochMs(now));
  }
}
