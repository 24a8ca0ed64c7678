import {
  spend,
  unspent,
  type Lease,
  type Quota,
  type QuotaEvent,
  type QuotaWindow,
} from '@ledger/domain';
import type { EventStore, Revision, StoredEvent } from '@ledger/event-store';
import { placeOfLease, type Charge, type LeaseReturn } from './charge.js';
import type { Fold } from './stream-folds.js';
import { piecesOf } from './stream-pieces.js';
import { quotaStream } from './streams.js';

/** Finds leases that are to be given back, and that the fold of their window does not remember. */
export class AskedLeases {
  constructor(private readonly store: EventStore) {}

  /** The quota of a fold, with every lease that one of these calls gives back. */
  async of(
    subjectId: string,
    window: QuotaWindow,
    fold: Fold<Quota>,
    calls: readonly { readonly work: Charge | LeaseReturn }[],
  ): Promise<Quota> {
    const quota = fold.state;
    const found = new Map<string, Lease>();
    for (const { work } of calls) {
      if (!('leaseId' in work) || quota.leases.has(work.leaseId)) continue;
      const place = placeOfLease(work.leaseId);
      if (place?.window !== window) continue;
      const { streamId } = quotaStream(subjectId, window);
      const lease = await this.#find(streamId, work.leaseId, place.revision, fold.revision);
      if (lease) found.set(work.leaseId, lease);
    }
    if (found.size === 0) return quota;
    return { ...quota, leases: new Map([...quota.leases, ...found]) };
  }

  /** What the log says of a lease up to a revision: its charge lies at `revision` or, if null, anywhere. */
  async #find(
    streamId: string,
    leaseId: string,
    revision: Revision | null,
    upTo: Revision,
  ): Promise<Lease | undefined> {
    let quota = unspent;
    for await (const piece of piecesOf(this.store, streamId, (revision ?? 1) - 1)) {
      const events = (piece as readonly StoredEvent<QuotaEvent>[]).map(({ payload }) => payload);
      quota = events.filter((event) => event.leaseId === leaseId).reduce(spend, quota);
      const lease = quota.leases.get(leaseId);
      // A name that does not tell the truth about its place was never given: nothing more is read for it.
      if (!lease && revision !== null) return undefined;
      const end = piece.at(-1)?.revision ?? upTo;
      if ((lease && lease.returned !== null) || end >= upTo) return lease;
    }
    return quota.leases.get(leaseId);
  }
}
