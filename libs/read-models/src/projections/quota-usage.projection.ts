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
      const windows = row?.windows ?? [];
      // Assigned from the fact, rather than added to the row, so that a redelivery changes nothing.
      const usage = { window, windowEnd, consumed: consumedAfter, limit };
      rows.put(subjectId, {
        windows: withWindow(windows, usage),
        ...use(row, occurredAt, secretId),
      });
    } else if (event.type === 'TokenUsed') {
      const row = rows.get(event.tokenId);
      const windows = row?.windows ?? [];
      rows.put(event.tokenId, { windows, ...use(row, event.occurredAt, event.secretId) });
    }
  },
};

/** The later use. Charges and free uses lie in streams of their own, so the later need not come last. */
function use(
  row: QuotaUsageRow | undefined,
  lastUsedAt: Timestamp,
  lastUsedSecretId: SecretId | null,
): Pick<QuotaUsageRow, 'lastUsedAt' | 'lastUsedSecretId'> {
  if (!row || row.lastUsedAt <= lastUsedAt) return { lastUsedAt, lastUsedSecretId };
  return { lastUsedAt: row.lastUsedAt, lastUsedSecretId: row.lastUsedSecretId };
}

function withWindow(windows: readonly WindowUsage[], usage: WindowUsage): readonly WindowUsage[] {
  const last = windows.at(-1);
  // Nearly every charge falls into the newest window. Within one, the total only grows.
  if (last?.window === usage.window) {
    return last.consumed > usage.consumed ? windows : [...windows.slice(0, -1), usage];
  }
  const same = windows.find(({ window }) => window === usage.window);
  if (same && same.consumed > usage.consumed) return windows;
  return [...windows.filter((each) => each !== same), usage]
    .sort((a, b) => (a.windowEnd < b.windowEnd ? -1 : 1))
    .slice(-WINDOWS_MAX);
}
