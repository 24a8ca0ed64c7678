import type { Position } from '@ledger/event-store';

/** The lease is not held any more: somebody else may be the active relay. Nothing was saved. */
export class LeaseLost extends Error {
  override readonly name = 'LeaseLost';
}

/** Nobody can say at present who holds the lease. */
export class LeaseUnavailable extends Error {
  override readonly name = 'LeaseUnavailable';
}

/** The checkpoint that was found cannot be gone on from; an operator must decide. */
export class CheckpointFault extends Error {
  override readonly name = 'CheckpointFault';
}

/** One term of being the active relay. */
export interface RelayTerm {
  /** Rises with each term, whoever holds it. */
  readonly epoch: number;

  /**
   * Whether this is the active relay still. False at the latest when another one can have taken over,
   * also while the other side cannot be reached.
   */
  readonly isHeld: boolean;

  /** Aborted when the term ends. */
  readonly ended: AbortSignal;

  /** How far everything has been sent; 0n when nothing ever was. @throws LeaseUnavailable, CheckpointFault */
  load(): Promise<Position>;

  /** Records how far everything has been sent. @throws LeaseLost, LeaseUnavailable Outcome unknown. */
  save(position: Position): Promise<void>;
}

/**
 * Who is the active relay, and its checkpoint. Of all who ask, one at a time holds a term; what an earlier
 * one saves after that is refused.
 *
 * Every adapter passes `describeRelayLease`.
 */
export abstract class RelayLease {
  /**
   * Resolves with a term of one's own once there is one; waits as long as another relay holds one.
   *
   * @param onStandby Called once it is known that another relay holds one.
   * @throws LeaseUnavailable When who holds it cannot be found out, and when `signal` is aborted.
   */
  abstract acquire(signal: AbortSignal, onStandby?: () => void): Promise<RelayTerm>;

  /** Gives up the term, so that the next in line need not wait for its end. Safe to repeat. */
  abstract close(): Promise<void>;
}
