import { randomUUID } from 'node:crypto';
import type { Producer } from 'kafkajs';
import { revoked } from '@ledger/gateway-cache/testing';
import {
  CHANNELS,
  LEDGER_POSITION,
  markRecord,
  MESSAGE_TYPES,
  messageRecord,
  type LedgerMessage,
  type OutgoingRecord,
} from '@ledger/publishing';
import type { KafkaServer } from '../kafka-server.js';
import { topicEnds } from './consume.js';

const TOKEN = '00000000-0000-4000-8000-000000000001';
const AT = '2026-03-27T10:00:00.000Z' as LedgerMessage['data']['occurredAt'];
const PARTITIONS = 2;

/** What the active relay writes, with the marks that go with it. */
export class ScriptedRelay {
  readonly prefix = `t${randomUUID().slice(0, 8)}.`;
  #head = 1_000n;
  #timer: NodeJS.Timeout | undefined;
  #producer!: Producer;
  /** The newest of them, and the newest that is over. */
  #marking: Promise<void> = Promise.resolve();
  #marked = this.#marking;
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
    this.#timer = setInterval(() => {
      if (this.#marking === this.#marked) void this.mark().catch(() => undefined);
    }, 100);
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

  /**
   * One after the other, as a relay does: each says of its position what the topics hold at its turn.
   *
   * @param ahead What is added to the offsets that the topics have.
   */
  mark(position?: bigint, ahead = 0n): Promise<void> {
    const turn = this.#marking.then(() => this.#mark(position ?? this.#head, ahead));
    const settled: Promise<void> = turn
      .catch(() => undefined)
      .then(() => void (this.#marked = settled));
    this.#marking = settled;
    return turn;
  }

  async #mark(position: bigint, ahead: bigint): Promise<void> {
    const admin = this.server.client().admin();
    await admin.connect();
    try {
      const offsets: Record<string, Record<string, string>> = {};
      for (const type of MESSAGE_TYPES) {
        const ends = await topicEnds(admin, this.prefix + type);
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
    await this.#marking;
    await this.#producer.disconnect();
  }

  async #send({ channel, key, value, headers }: OutgoingRecord): Promise<void> {
    const messages = [{ key, value, headers: { ...headers } }];
    await this.#producer.send({ topic: this.prefix + channel, acks: -1, messages });
  }
}
