import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Producer } from 'kafkajs';
import { KafkaFeed } from '@ledger/gateway-cache';
import { describeFeed, HearingListener, revoked } from '@ledger/gateway-cache/testing';
import {
  CHANNELS,
  LEDGER_POSITION,
  markRecord,
  MESSAGE_TYPES,
  messageRecord,
  type LedgerMessage,
  type OutgoingRecord,
} from '@ledger/publishing';
import { findKafka } from '../kafka/kafka-libraries.js';
import { KafkaServer } from '../kafka/kafka-server.js';

const libraries = await findKafka();
const { missing } = libraries;
if (missing !== undefined) it.skip(`KafkaFeed: ${missing}`, () => undefined);

const TOKEN = '00000000-0000-4000-8000-000000000001';
const AT = '2026-03-27T10:00:00.000Z' as LedgerMessage['data']['occurredAt'];
const PARTITIONS = 2;
const yes = (): boolean => true;
const no = (): boolean => false;

/** What the active relay writes, with the marks that go with it. */
class ScriptedRelay {
  readonly prefix = `t${randomUUID().slice(0, 8)}.`;
  #head = 1_000n;
  #timer: NodeJS.Timeout | undefined;
  #producer!: Producer;
  ledgerId = 'ledger-1';

  constructor(private readonly server: KafkaServer) {}

  async start(): Promise<this> {
    const kafka = this.server.client();
    const admin = kafka.admin();
    await admin.connect();
    const topics = CHANNELS.map((channel) => ({
      topic: this.prefix + channel,
      numPartitions: channel === LEDGER_POSITION ? 1 : PARTITIONS,
      replicationFactor: 1,
    }));
    await admin.createTopics({ topics, waitForLeaders: true });
    await admin.disconnect();
    this.#producer = kafka.producer();
    await this.#producer.connect();
    this.#timer = setInterval(() => void this.mark().catch(() => undefined), 100);
    return this;
  }

  async publish(message: LedgerMessage): Promise<void> {
    await this.publishUnmarked(message);
    await this.mark();
  }

  async publishUnmarked(message: LedgerMessage): Promise<void> {
    await this.#send(messageRecord(message, { ledgerId: this.ledgerId, epoch: 1 }));
    this.#head = BigInt(message.data.position);
  }

  async garbage(position: bigint): Promise<void> {
    const record = messageRecord(revoked(TOKEN, position), { ledgerId: this.ledgerId, epoch: 1 });
    await this.#send({ ...record, value: '{"no":"message"}' });
    this.#head = position;
  }

  passOver(position: bigint): void {
    this.#head = position;
  }

  /** @param ahead What is added to the offsets that the topics have. */
  async mark(position = this.#head, ahead = 0n): Promise<void> {
    const admin = this.server.client().admin();
    await admin.connect();
    try {
      const offsets: Record<string, Record<string, string>> = {};
      for (const type of MESSAGE_TYPES) {
        const ends = await admin.fetchTopicOffsets(this.prefix + type);
        offsets[type] = Object.fromEntries(
          ends.map(({ partition, high }) => {
            const isMoved = high !== '0';
            return [partition, String(BigInt(high) + (isMoved ? ahead : 0n))];
          }),
        );
      }
      const mark = { position: String(position), at: AT, offsets };
      await this.#send(markRecord(mark, { ledgerId: 'l', epoch: 1 }));
    } finally {
      await admin.disconnect();
    }
  }

  silent(): void {
    clearInterval(this.#timer);
  }

  async close(): Promise<void> {
    this.silent();
    await this.#producer.disconnect();
  }

  async #send({ channel, key, value, headers }: OutgoingRecord): Promise<void> {
    const messages = [{ key, value, headers: { ...headers } }];
    await this.#producer.send({ topic: this.prefix + channel, acks: -1, messages });
  }
}

(missing === undefined ? describe : describe.skip)('with a real Kafka', () => {
  let server: KafkaServer;

  beforeAll(async () => {
    server = await KafkaServer.start({ libraries: libraries.folder! });
  });
  afterAll(() => server?.stop());

  const feedOf = (relay: ScriptedRelay): KafkaFeed => {
    const { prefix: topicPrefix } = relay;
    return new KafkaFeed({ brokers: server.addresses, topicPrefix, gatewayId: 'test' });
  };

  describeFeed('KafkaFeed', async () => {
    const relay = await new ScriptedRelay(server).start();
    const feed = feedOf(relay);
    return {
      feed,
      publish: (message) => relay.publish(message),
      publishGarbage: (position) => relay.garbage(position),
      publishUnknown: async (position) => relay.passOver(position),
      cut: () => server.broker.kill(),
      async mend() {
        await server.broker.start();
        await server.ready();
        // Partitions have leaders somewhat later than the cluster has its brokers.
        while (!(await relay.mark().then(yes, no))) await sleep(100);
      },
      async close() {
        await feed.close();
        await relay.close();
      },
    };
  });

  it('starts at the present: the position from which nothing is missing', async () => {
    const relay = await new ScriptedRelay(server).start();
    for (const position of [1_001n, 1_002n, 1_003n]) await relay.publish(revoked(TOKEN, position));
    const listener = new HearingListener();
    const feed = feedOf(relay);
    feed.open(listener);
    const began = await listener.until(({ kind }) => kind === 'began');
    expect(began).toMatchObject({ position: 1_003n });
    expect(listener.heard.filter(({ kind }) => kind === 'message')).toEqual([]);
    await feed.close();
    await relay.close();
  });

  it('does not begin by a mark from before its start', async () => {
    const relay = await new ScriptedRelay(server).start();
    relay.silent();
    await relay.publishUnmarked(revoked(TOKEN, 1_001n));
    const listener = new HearingListener();
    const feed = feedOf(relay);
    feed.open(listener);
    // These were overtaken by a message that this reader never sees: they promise too little.
    for (let marks = 0; marks < 40; marks += 1) await relay.mark(1_000n, -1n);
    while (listener.heard.length === 0) await relay.mark(1_001n);
    expect(listener.heard[0]).toEqual({ kind: 'began', position: 1_001n });
    await feed.close();
    await relay.close();
  });

  it('has not come as far as a mark says until it has read as far', async () => {
    const relay = await new ScriptedRelay(server).start();
    const listener = new HearingListener();
    const feed = feedOf(relay);
    feed.open(listener);
    await listener.until(({ kind }) => kind === 'began');
    relay.silent();
    await relay.publish(revoked(TOKEN, 1_001n));
    await listener.untilPosition(1_001n);
    // The mark is read first, the message that it is about afterwards.
    await relay.mark(1_005n, 1n);
    await relay.mark(1_002n);
    await listener.untilPosition(1_002n);
    const message = revoked(TOKEN, 1_005n);
    await relay.publish(message);
    await listener.untilPosition(1_005n);
    const order = listener.heard.map((heard) => {
      return heard.kind === 'message' ? heard.message.id : 'position' in heard && heard.position;
    });
    expect(order.indexOf(message.id)).toBeGreaterThan(0);
    expect(order.indexOf(1_005n)).toBeGreaterThan(order.indexOf(message.id));
    await feed.close();
    await relay.close();
  });

  it('says that it hears nothing when the relay falls silent, and goes on after it', async () => {
    const relay = await new ScriptedRelay(server).start();
    const { prefix: topicPrefix } = relay;
    const feed = new KafkaFeed({
      ...{ brokers: server.addresses, topicPrefix, gatewayId: 'test', silenceMs: 1_000 },
    });
    const listener = new HearingListener();
    feed.open(listener);
    await listener.until(({ kind }) => kind === 'began');
    relay.silent();
    await listener.until((heard) => heard.kind === 'lost' && heard.cause === 'silent');
    const before = listener.heard.length;
    await relay.publish(revoked(TOKEN, 1_001n));
    await listener.until(({ kind }) => kind === 'resumed', before - 1);
    await listener.untilPosition(1_001n);
    await feed.close();
    await relay.close();
  });
});
