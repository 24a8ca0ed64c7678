import type { Channel, OutgoingRecord } from './messages/outgoing-record.js';
import type { PartitionOffsets } from './messages/ledger-position.js';

/** Next offset of partitions, by channel: what lies below them has been sent. */
export type ChannelOffsets = Readonly<Partial<Record<Channel, PartitionOffsets>>>;

/** Sending failed, or nobody knows whether it did. Safe to repeat: receivers know messages by their id. */
export class PublisherUnavailable extends Error {
  override readonly name = 'PublisherUnavailable';
}

/**
 * Where messages go.
 *
 * Every adapter passes `describePublisher`; what that suite leaves open is not promised.
 */
export abstract class MessagePublisher {
  /**
   * Makes what channels are missing. Safe to repeat.
   *
   * @returns What is wrong with channels that were there before, though they can be used.
   * @throws PublisherUnavailable With what to do about it.
   */
  abstract ensureChannels(): Promise<readonly string[]>;

  /**
   * Sends records, and resolves once every one of them is durable. Records of one channel and key arrive
   * in the order given, also over several calls. One call at a time.
   *
   * @returns The next offset of each partition that records went to.
   * @throws PublisherUnavailable When any part of them may be missing: all of it must be sent again.
   */
  abstract publish(records: readonly OutgoingRecord[]): Promise<ChannelOffsets>;

  /** The next offset of every partition of every channel. @throws PublisherUnavailable */
  abstract offsets(): Promise<ChannelOffsets>;

  /** Lets go of connections. Safe to repeat. */
  abstract close(): Promise<void>;
}
