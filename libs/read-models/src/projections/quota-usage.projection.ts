import type { SecretId, Timestamp } from '@ledger/domain';
import type { Projection } from '../projector/projection.js';

/** One window's spending, as its latest charge recorded it. */
export interface WindowUsage {
  readonly window: string;
  readonly windowEnd: Timestamp;
  readonly consumed: number;
  readonly limit: number | null;
}

/** What one token or user has spent, and when it was last used. */
export interface QuotaUsageRow {
  /** Oldest first, at most {@link WINDOWS_MAX}. */
  readonly windows: readonly WindowUsage[];
  readonly lastUsedAt: Timestamp;
  readonly lastUsedSecretId: SecretId | null;
}

const WINDOWS_MAX = 12;

/** One row a subject: its latest windows and its last use. Serves quota answers and lists. */
export const quotaUsage: Projection<QuotaUsageRow> = {
  name: 'quota-usage',
  version: 1,
  columns: { last_used_at: { type: 'TEXT', of: ({ lastUsedAt }) => lastUsedAt } },
  indexes: [],
  apply({ payload: event }, rows) {
    if (event.type === 'QuotaConsumed') {
      const { subjectId, window, windowEnd, consumedAfter, limit, secretId, occurredAt } = event;
      const row = rows.get(subjectId);
      // Assigned from the fact, rather than added to the row, so that a redelivery changes nothing.
      const usage = { window, windowEnd, consumed: consumedAfter, limit };
      rows.put(subjectId, {
        windows: withWindow(row?.windows ?? [], usage),
        lastUsedAt: occurredAt,
        lastUsedSecretId: secretId,
      });
    } else if (event.type === 'TokenUsed') {
      const { tokenId, occurredAt: lastUsedAt, secretId: lastUsedSecretId } = event;
      const windows = rows.get(tokenId)?.windows ?? [];
      rows.put(tokenId, { windows, lastUsedAt, lastUsedSecretId });
    }
  },
};

function withWindow(windows: readonly WindowUsage[], usage: WindowUsage): readonly WindowUsage[] {
  const last = windows.at(-1);
  if (last === undefined || windows.length === 1) {
    return last === undefined || last.window === usage.window ? [usage] : [last, usage];
  }
  const others = windows.filter(({ window }) => window !== usage.window);
  return [...others, usage].slice(-WINDOWS_MAX);
}
