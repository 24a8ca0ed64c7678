import type {
  QuotaConsumed,
  QuotaEvent,
  SecretId,
  Timestamp,
  TokenRotated,
  TokenUsed,
} from '@ledger/domain';
import type { Projection } from '../projector/projection.js';

/** One window's spending, as its latest fact recorded it. */
export interface WindowUsage {
  readonly window: string;
  readonly windowEnd: Timestamp;
  readonly consumed: number;
  readonly limit: number | null;
  /** How many facts of the window the row holds. */
  readonly revision: number;
}

/** What is recorded of the uses of one secret. A use that costs nothing is recorded once a minute at most. */
export interface SecretUsage {
  readonly secretId: SecretId;
  readonly lastUsedAt: Timestamp;
  /** How often since the token was last rotated. */
  readonly usesSinceRotation: number;
}

/** What one token or user has spent, and when it was last used. */
export interface QuotaUsageRow {
  /** Oldest first, at most {@link WINDOWS_MAX}. */
  readonly windows: readonly WindowUsage[];
  readonly lastUsedAt: Timestamp;
  readonly lastUsedSecretId: SecretId | null;
  /** Secrets that were used, of those that the last rotation left alive. */
  readonly secrets: readonly SecretUsage[];
  /** Position of the last event that the row counts, so that a redelivery is not counted twice. */
  readonly countedTo: number;
}

const WINDOWS_MAX = 12;

/** One row a subject: its latest windows and its uses, by secret. Serves quota answers and lists. */
export const quotaUsage: Projection<QuotaUsageRow> = {
  name: 'quota-usage',
  version: 3,
  columns: { last_used_at: { type: 'TEXT', of: ({ lastUsedAt }) => lastUsedAt } },
  indexes: [],
  apply({ payload: event, position, revision }, rows) {
    switch (event.type) {
      case 'QuotaConsumed': {
        const row = rows.get(event.subjectId);
        const windows = withWindow(row?.windows ?? [], event, revision);
        return rows.put(event.subjectId, { windows, ...uses(row, event, Number(position)) });
      }
      case 'QuotaReturned': {
        const row = rows.get(event.subjectId);
        if (!row) throw new Error('units of a lease that was never charged');
        const windows = withWindow(row.windows, event, revision);
        return rows.put(event.subjectId, { ...row, windows });
      }
      case 'TokenUsed': {
        const row = rows.get(event.tokenId);
        const windows = row?.windows ?? [];
        return rows.put(event.tokenId, { windows, ...uses(row, event, Number(position)) });
      }
      case 'TokenRotated': {
        const row = rows.get(event.tokenId);
        if (!row || row.countedTo >= Number(position)) return;
        const secrets = countedAnew(row, event);
        return rows.put(event.tokenId, { ...row, secrets, countedTo: Number(position) });
      }
      default:
        return;
    }
  },
};

/** Charges and free uses lie in streams of their own, so the latest use need not come last. */
function uses(
  row: QuotaUsageRow | undefined,
  { occurredAt, secretId }: QuotaConsumed | TokenUsed,
  position: number,
): Omit<QuotaUsageRow, 'windows'> {
  const isLatest = !row || row.lastUsedAt <= occurredAt;
  return {
    lastUsedAt: isLatest ? occurredAt : row.lastUsedAt,
    lastUsedSecretId: isLatest ? secretId : row.lastUsedSecretId,
    secrets: withUse(row, secretId, occurredAt, position),
    countedTo: Math.max(row?.countedTo ?? 0, position),
  };
}

function withUse(
  row: QuotaUsageRow | undefined,
  secretId: SecretId | null,
  occurredAt: Timestamp,
  position: number,
): readonly SecretUsage[] {
  const secrets = row?.secrets ?? [];
  if (secretId === null || (row && row.countedTo >= position)) return secrets;
  const before = secrets.find((each) => each.secretId === secretId);
  if (!before) return [...secrets, { secretId, lastUsedAt: occurredAt, usesSinceRotation: 1 }];
  const lastUsedAt = before.lastUsedAt > occurredAt ? before.lastUsedAt : occurredAt;
  const after = { secretId, lastUsedAt, usesSinceRotation: before.usesSinceRotation + 1 };
  return secrets.map((each) => (each === before ? after : each));
}

/** Of the secrets used so far, a rotation leaves at most the one that it replaces. */
function countedAnew(row: QuotaUsageRow, { fromSecretId }: TokenRotated): readonly SecretUsage[] {
  return row.secrets
    .filter(({ secretId }) => secretId === fromSecretId)
    .map((each) => ({ ...each, usesSinceRotation: 0 }));
}

/** Assigned from the fact, rather than added to the row, so that a redelivery changes nothing. */
function withWindow(
  windows: readonly WindowUsage[],
  { window, windowEnd, consumedAfter: consumed, limit }: QuotaEvent,
  revision: number,
): readonly WindowUsage[] {
  const usage = { window, windowEnd, consumed, limit, revision };
  const last = windows.at(-1);
  // Nearly every charge falls into the newest window.
  if (last?.window === usage.window) {
    return last.revision >= revision ? windows : [...windows.slice(0, -1), usage];
  }
  const same = windows.find((each) => each.window === usage.window);
  if (same && same.revision >= revision) return windows;
  return [...windows.filter((each) => each !== same), usage]
    .sort((a, b) => (a.windowEnd < b.windowEnd ? -1 : 1))
    .slice(-WINDOWS_MAX);
}
