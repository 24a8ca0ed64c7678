import {
  standing,
  windowEnd,
  windowOf,
  type QuotaStanding,
  type SecretId,
  type Timestamp,
  type WindowLength,
} from '@ledger/domain';
import type { Projector } from '../projector/projector.js';
import {
  quotaUsage,
  type QuotaUsageRow,
  type SecretUsage,
  type WindowUsage,
} from '../projections/quota-usage.projection.js';

/** What every token and user has spent. For answers; charges are decided on the stream. */
export class QuotaStandings {
  constructor(
    private readonly projector: Projector,
    private readonly windowLength: WindowLength,
  ) {}

  /** Where a subject stands at `now`: a window that was never charged, or is over, stands at zero. */
  at(subjectId: string, limit: number | null, now: Timestamp): QuotaStanding {
    const window = windowOf(now, this.windowLength);
    const usage = this.row(subjectId)?.windows.findLast((each) => each.window === window);
    return standing(limit, usage?.consumed ?? 0, windowEnd(now, this.windowLength));
  }

  /** The name of the window that holds `now`. */
  windowAt(now: Timestamp): string {
    return windowOf(now, this.windowLength);
  }

  /** Up to twelve windows, newest first. */
  windows(subjectId: string): readonly WindowUsage[] {
    return [...(this.row(subjectId)?.windows ?? [])].reverse();
  }

  lastUsedAt(subjectId: string): Timestamp | null {
    return this.row(subjectId)?.lastUsedAt ?? null;
  }

  /** What is recorded of the uses of one living secret; undefined when it was not used. */
  usesOf(subjectId: string, secretId: SecretId): SecretUsage | undefined {
    return this.row(subjectId)?.secrets.find((each) => each.secretId === secretId);
  }

  /** All that is known of a subject's spending; undefined before its first use. */
  row(subjectId: string): QuotaUsageRow | undefined {
    return this.projector.row<QuotaUsageRow>(quotaUsage.name, subjectId);
  }
}
