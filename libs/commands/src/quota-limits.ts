import {
  statusAt,
  USER_QUOTA_UNITS,
  type KnownToken,
  type Rejection,
  type Timestamp,
  type Token,
} from '@ledger/domain';
import type { Unchanged } from '@ledger/event-store';
import type { QuotaSubject } from './charge.js';
import { StreamFolds, type Fold, type FoldSource } from './stream-folds.js';
import { tokenStream } from './streams.js';

/** What a subject may spend, and the streams that say so: they must not move before the append. */
export interface QuotaLimit {
  /** Units per window; null is not limited. */
  readonly units: number | null;
  /** Why nothing may be charged, whatever units are left. */
  readonly refusal: Rejection | null;
  readonly unchanged: readonly Unchanged[];
}

/** Finds limits in the subject's own facts, never in a read model. */
export class QuotaLimits {
  constructor(private readonly folds: StreamFolds) {}

  /** A promise only where there is something to read. */
  of(subject: QuotaSubject, now: Timestamp, source: FoldSource): QuotaLimit | Promise<QuotaLimit> {
    if (subject.kind === 'user') return { units: USER_QUOTA_UNITS, refusal: null, unchanged: [] };
    const stream = tokenStream(subject.tokenId);
    const { streamId } = stream;
    const fold = this.folds.of(stream, source);
    if (!(fold instanceof Promise)) return limitIn(streamId, fold, now);
    return fold.then((read) => limitIn(streamId, read, now));
  }
}

function limitIn(
  streamId: string,
  { state: token, revision }: Fold<Token>,
  now: Timestamp,
): QuotaLimit {
  const unchanged = [{ streamId, revision }];
  if (token.status === 'absent') {
    return { units: 0, refusal: { code: 'TOKEN_NOT_FOUND' }, unchanged };
  }
  return { units: token.maxQuota, refusal: refusalOf(token, now), unchanged };
}

function refusalOf(token: KnownToken, now: Timestamp): Rejection | null {
  if (token.revocation) return { code: 'TOKEN_REVOKED', revokedAt: token.revocation.revokedAt };
  if (token.expiresAt !== null && statusAt(token, now) === 'expired') {
    return { code: 'TOKEN_EXPIRED', expiresAt: token.expiresAt };
  }
  return null;
}
