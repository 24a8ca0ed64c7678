import {
  standing,
  windowEnd,
  windowOf,
  type QuotaStanding,
  type SecretId,
  type Timestamp,
  type WindowLength,
} from '@ledger/domain';
import { ResidentRows } from '../projector/projection.js';
import type {
  QuotaUsageRow,
  SecretUsage,
  WindowUsage,
} from '../projections/quota-usage.projection.js';

/** What every token and user has spent, in memory. For answers; charges are decided on the stream. */
export class QuotaStandings extends ResidentRows<QuotaUsageRow> {
  constructor(private readonly windowLength: WindowLength) {
    super();
  }

  /** Where a subject stands at `now`: a window that was never charged, or is over, stands at zero. */
  at(subjectId: string, limit: number | null, now: Timestamp): QuotaStanding {
    const window = windowOf(now, this.windowLength);
    const usage = this.get(subjectId)?.windows.findLast((each) => each.window === window);
    return standing(limit, usage?.consumed ?? 0, windowEnd(now, this.windowLength));
  }

  /** The name of the window that holds `now`. */
  windowAt(now: Timestamp): string {
    return windowOf(now, this.windowLength);
  }

  /** Up to twelve windows, newest first. */
  windows(subjectId: string): readonly WindowUsage[] {
    return [...(this.get(subjectId)?.windows ?? [])].reverse();
  }

  lastUsedAt(subjectId: string): Timestamp | null {
    return this.get(subjectId)?.lastUsedAt ?? null;
  }

  /** What is recorded of the uses of one living secret; undefined when it was not used. */
  usesOf(subjectId: string, secretId: SecretId): SecretUsage | undefined {
    return this.get(subjectId)?.secrets.find((each) => each.secretId === secretId);
  }

  protected override changed(): void {
    // Looked up by its key alone.
  }

  protected override cleared(): void {
    // Looked up by its key alone.
  }
}
