import {
  MessagePublisher,
  PublisherUnavailable,
  type ChannelOffsets,
} from '../message-publisher.js';
import { CHANNELS, type Channel, type OutgoingRecord } from '../messages/outgoing-record.js';

/** Channels that live in memory, for those who send to them and those who look at what arrived. */
export class MemoryChannels {
  readonly #records = new Map<Channel, OutgoingRecord[]>(CHANNELS.map((name) => [name, []]));

  /** Everything that was sent to a channel, in order. */
  records(channel: Channel): readonly OutgoingRecord[] {
    return this.#records.get(channel)!;
  }

  add(record: OutgoingRecord): void {
    this.#records.get(record.channel)!.push(record);
  }

  offsetsOf(channels: Iterable<Channel>): ChannelOffsets {
    const next = [...channels].map((name) => [name, { '0': String(this.records(name).length) }]);
    return Object.fromEntries(next) as ChannelOffsets;
  }
}

/** Sends to channels in memory, of one partition each: for tests, and gone with the process. */
export class MemoryPublisher extends MessagePublisher {
  #isClosed = false;

  constructor(readonly channels: MemoryChannels = new MemoryChannels()) {
    super();
  }

  async ensureChannels(): Promise<readonly string[]> {
    this.#assertOpen();
    return [];
  }

  async publish(records: readonly OutgoingRecord[]): Promise<ChannelOffsets> {
    this.#assertOpen();
    for (const record of records) this.channels.add(record);
    return this.channels.offsetsOf(new Set(records.map(({ channel }) => channel)));
  }

  async offsets(): Promise<ChannelOffsets> {
    this.#assertOpen();
    return this.channels.offsetsOf(CHANNELS);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new PublisherUnavailable('the publisher is closed');
  }
}
