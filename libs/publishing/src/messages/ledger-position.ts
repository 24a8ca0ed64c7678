import type { Timestamp } from '@ledger/domain';
import type { MessageType } from './ledger-message.js';

/** Name of the marks' topic on Kafka, and of their events on SSE. */
export const LEDGER_POSITION = 'ledger-position';

/** Next offsets of a topic, in decimal, by partition. */
export type PartitionOffsets = Readonly<Record<string, string>>;

/**
 * How far what was sent has come: every message up to `position` has gone out before this mark, or not
 * at all because its event has none. Says also, by coming at all, that the sender is alive.
 */
export interface LedgerPositionMark {
  /** In decimal. */
  readonly position: string;
  readonly at: Timestamp;
  /**
   * On Kafka, where order between partitions is not kept: every message up to `position` lies below these
   * offsets. Who has read up to them in each partition has applied the position.
   */
  readonly offsets?: Readonly<Partial<Record<MessageType, PartitionOffsets>>>;
}
