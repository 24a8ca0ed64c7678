import { Partitioners, type Admin, type Kafka, type Producer, type RecordMetadata } from 'kafkajs';
import {
  MessagePublisher,
  PublisherUnavailable,
  type ChannelOffsets,
} from '../../message-publisher.js';
import type { PartitionOffsets } from '../../messages/ledger-position.js';
import { CHANNELS, type Channel, type OutgoingRecord } from '../../messages/outgoing-record.js';
import { connectKafka, REQUEST_MS_MAX, RETRY, type KafkaSettings } from './kafka-connection.js';
import { ensureTopics } from './kafka-topics.js';

/** A producer, and how many partitions each topic had when it was made. */
interface Session {
  readonly producer: Producer;
  readonly partitions: ReadonlyMap<Channel, number>;
}

interface PlacedRecord extends OutgoingRecord {
  readonly partition: number;
}

type Partitioner = ReturnType<typeof Partitioners.DefaultPartitioner>;

/**
 * Sends to Kafka, acknowledged by every in-sync copy, by an idempotent producer. After a send that was
 * rejected the producer is thrown away: kafkajs would give its sequence numbers to other messages, which the
 * broker takes for repeats and drops with an answer of success (docs/adr/0011).
 */
export class KafkaPublisher extends MessagePublisher {
  readonly #kafka: Kafka;
  readonly #partitioner: Partitioner = Partitioners.DefaultPartitioner();
  #session: Session | undefined;
  #isSending = false;
  #isClosed = false;

  constructor(private readonly settings: KafkaSettings) {
    super();
    this.#kafka = connectKafka(settings, 'token-ledger-relay');
  }

  ensureChannels(): Promise<readonly string[]> {
    return this.#asAdmin((admin) => ensureTopics(admin, this.settings));
  }

  async publish(records: readonly OutgoingRecord[]): Promise<ChannelOffsets> {
    if (this.#isSending) throw new PublisherUnavailable('another send is under way');
    this.#isSending = true;
    try {
      this.#session ??= await this.#connect();
      return await this.#send(this.#session, records);
    } catch (error) {
      this.#discard();
      throw unavailable(error);
    } finally {
      this.#isSending = false;
    }
  }

  offsets(): Promise<ChannelOffsets> {
    return this.#asAdmin(async (admin) => {
      const all: Partial<Record<Channel, PartitionOffsets>> = {};
      for (const channel of CHANNELS) {
        const offsets = await admin.fetchTopicOffsets(this.#topic(channel));
        all[channel] = Object.fromEntries(
          offsets.map(({ partition, high }) => [String(partition), high]),
        );
      }
      return all;
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const producer = this.#session?.producer;
    this.#session = undefined;
    // Nothing is in flight any more that would have to be waited for.
    await producer?.disconnect().catch(() => undefined);
  }

  async #send(
    { producer, partitions }: Session,
    records: readonly OutgoingRecord[],
  ): Promise<ChannelOffsets> {
    const placed = records.map((record) => this.#place(record, partitions));
    const byChannel = groupBy(placed, ({ channel }) => channel);
    const answers = await producer.sendBatch({
      acks: -1,
      timeout: REQUEST_MS_MAX,
      topicMessages: [...byChannel].map(([channel, messages]) => ({
        topic: this.#topic(channel),
        messages: messages.map(({ key, value, headers, partition }) => {
          return { key, value, headers: { ...headers }, partition };
        }),
      })),
    });
    const offsets = [...byChannel].map(([channel, messages]) => {
      const ofTopic = answers.filter(({ topicName }) => topicName === this.#topic(channel));
      return [channel, nextOffsets(messages, ofTopic)] as const;
    });
    return Object.fromEntries(offsets) as ChannelOffsets;
  }

  /** As every Kafka client places a key. Decided here, so that it is known how many went where. */
  #place(record: OutgoingRecord, partitions: ReadonlyMap<Channel, number>): PlacedRecord {
    const { channel, key, value } = record;
    const count = partitions.get(channel) ?? 1;
    const partitionMetadata = Array.from({ length: count }, (_, partitionId) => {
      return { partitionId, partitionErrorCode: 0, leader: 0, replicas: [], isr: [] };
    });
    const topic = this.#topic(channel);
    const partition = this.#partitioner({ topic, partitionMetadata, message: { key, value } });
    return { ...record, partition };
  }

  async #connect(): Promise<Session> {
    const topics = await this.#asAdmin((admin) =>
      admin.fetchTopicMetadata({ topics: CHANNELS.map((channel) => this.#topic(channel)) }),
    );
    const partitions = new Map(
      CHANNELS.map((channel) => {
        const topic = topics.topics.find(({ name }) => name === this.#topic(channel));
        return [channel, topic?.partitions.length ?? 1];
      }),
    );
    const producer = this.#kafka.producer({
      idempotent: true,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      createPartitioner: Partitioners.DefaultPartitioner,
      retry: RETRY,
    });
    await producer.connect();
    return { producer, partitions };
  }

  #discard(): void {
    const producer = this.#session?.producer;
    this.#session = undefined;
    producer?.disconnect().catch(() => undefined);
  }

  async #asAdmin<Result>(work: (admin: Admin) => Promise<Result>): Promise<Result> {
    if (this.#isClosed) throw new PublisherUnavailable('the publisher is closed');
    const admin = this.#kafka.admin({ retry: RETRY });
    try {
      await admin.connect();
      return await work(admin);
    } catch (error) {
      throw unavailable(error);
    } finally {
      admin.disconnect().catch(() => undefined);
    }
  }

  #topic(channel: Channel): string {
    return this.settings.topicPrefix + channel;
  }
}

/**
 * The next offset of each partition. kafkajs resolves a send although it left out partitions whose leader
 * moved, in between its tries, to a broker that had answered already: so each must have its answer.
 */
function nextOffsets(
  placed: readonly PlacedRecord[],
  answers: readonly RecordMetadata[],
): PartitionOffsets {
  const byPartition = groupBy(placed, ({ partition }) => partition);
  const next = [...byPartition].map(([partition, { length }]) => {
    const answer = answers.find((candidate) => candidate.partition === partition);
    const base = BigInt(answer?.baseOffset ?? -1);
    if (!answer || answer.errorCode !== 0 || base < 0n) {
      throw new PublisherUnavailable(`partition ${partition} did not confirm ${length} messages`);
    }
    return [String(partition), String(base + BigInt(length))];
  });
  return Object.fromEntries(next) as PartitionOffsets;
}

function groupBy<Item, Key>(
  items: readonly Item[],
  keyOf: (item: Item) => Key,
): ReadonlyMap<Key, readonly Item[]> {
  const groups = new Map<Key, Item[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group) group.push(item);
    else groups.set(keyOf(item), [item]);
  }
  return groups;
}

function unavailable(error: unknown): PublisherUnavailable {
  if (error instanceof PublisherUnavailable) return error;
  const why = error instanceof Error ? error.message : String(error);
  return new PublisherUnavailable(`Kafka: ${why}`, { cause: error });
}
