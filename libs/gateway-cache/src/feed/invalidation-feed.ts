import type { LedgerMessage } from '@ledger/publishing';

/** Why messages do not come, or cannot be relied on. */
export interface FeedLoss {
  readonly cause:
    | 'disconnected'
    | 'silent'
    | 'refused'
    | 'rebalanced'
    /** A message came that cannot be read: whatever it said is missing. */
    | 'unreadable';
  /** For the log. Never holds a secret. */
  readonly detail: string;
}

/** Hears what a feed brings. Calls come one after the other; none may throw. */
export interface FeedListener {
  /**
   * Messages come, whole from a position on. Of those before it, any may have been missed.
   *
   * @param log `another` when positions do not go on from those that came before.
   */
  began(from: bigint, log: 'same' | 'another'): void;
  /** Messages come again, and none is missing. */
  resumed(): void;
  /** About one token, in any order between tokens, and perhaps not for the first time. */
  message(message: LedgerMessage): void;
  /** Every message up to this position has been handed over. Never before `began`. */
  reached(position: bigint): void;
  /** Messages do not come any more, until `resumed` or `began`. */
  lost(loss: FeedLoss): void;
}

/**
 * Where messages of the ledger come from. Connects by itself for as long as it is open, tells what it
 * knows to be missing, and never ends by itself.
 */
export interface InvalidationFeed {
  /** Starts to listen; once. */
  open(listener: FeedListener): void;
  /** Stops, and hands over nothing more. Safe to repeat. */
  close(): Promise<void>;
}
