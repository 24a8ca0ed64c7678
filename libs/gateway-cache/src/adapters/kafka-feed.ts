import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Admin, Consumer, EachBatchPayload, Kafka, KafkaMessage } from 'kafkajs';
import {
  connectKafka,
  LEDGER_POSITION,
  MESSAGE_TYPES,
  parseLedgerPosition,
  parseMessage,
  type KafkaAccess,
  type MessageType,
} from '@ledger/publishing';
import type { FeedListener, FeedLoss, InvalidationFeed } from '../feed/invalidation-feed.js';
import { ReconnectDelay } from '../feed/reconnect-delay.js';
import { covers, markOf, partitionKey, type Mark, type NextOffsets } from './kafka-offsets.js';

/** The relay marks its position every second. */
const SILENCE_MS = 5_000;
/** Only bounds how long closing takes: a broker answers a waiting fetch at once when there is something. */
const FETCH_WAIT_MS = 100;
const MARKS_WAITING_MAX = 100;

export interface KafkaFeedOptions {
  readonly access: KafkaAccess;
  /** Each process is a group of its own, since each must have every message. */
  readonly gatewayId: string;
  readonly silenceMs?: number;
}

/**
 * Messages by way of Kafka. Nothing is committed: a gateway starts at the present with nothing in memory,
 * and does so again after everything that may have cost it a message: a crash, a rebalance, a gap.
 *
 * Which position of the log has been applied is known from the relay's marks: once this reader has come
 * as far in every partition as a mark says.
 */
export class KafkaFeed implements InvalidationFeed {
  readonly #kafka: Kafka;
  readonly #prefix: string;
  readonly #closing = new AbortController();
  readonly #delay = new ReconnectDelay();
  #listener!: FeedListener;
  #running: Promise<void> = Promise.resolve();
  #admin: Admin | undefined;
  /** How far this reader has come; undefined until it is known where it started. */
  #next: NextOffsets | undefined;
  /** Where messages are whole from; undefined once a mark has told which position that is. */
  #start: NextOffsets | undefined;
  #marks: Mark[] = [];
  #generation = 0;
  #isLive = false;
  #log: 'same' | 'another' = 'same';
  #source: string | null = null;
  #silence: NodeJS.Timeout | undefined;

  constructor(private readonly options: KafkaFeedOptions) {
    const { access, gatewayId } = options;
    this.#prefix = access.topicPrefix;
    this.#kafka = connectKafka(access, `ledger-gateway-${gatewayId}`);
  }

  open(listener: FeedListener): void {
    this.#listener = listener;
    this.#running = this.#run();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    clearTimeout(this.#silence);
    await this.#running;
  }

  /** One consumer after the other: kafkajs restarts some crashes by itself, and gives up on others. */
  async #run(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      const groupId = `ledger-gateway-${this.options.gatewayId}-${randomUUID()}`;
      const consumer = this.#kafka.consumer({
        ...{ groupId, maxWaitTimeInMs: FETCH_WAIT_MS, minBytes: 1 },
        ...{ sessionTimeout: 10_000, rebalanceTimeout: 10_000, heartbeatInterval: 1_500 },
        // The loop here starts anew, and from nothing.
        retry: { restartOnFailure: () => Promise.resolve(false) },
      });
      const admin = this.#kafka.admin();
      this.#admin = admin;
      try {
        const crashed = new Promise<Error>((resolve) => {
          consumer.on(consumer.events.CRASH, ({ payload }) => resolve(payload.error));
        });
        await admin.connect();
        await this.#consume(consumer);
        const closed = new Promise<undefined>((resolve) => {
          signal.addEventListener('abort', () => resolve(undefined), { once: true });
          if (signal.aborted) resolve(undefined);
        });
        const crash = await Promise.race([crashed, closed]);
        if (crash) throw crash;
      } catch (error) {
        if (!signal.aborted) this.#lose({ cause: 'disconnected', detail: (error as Error).name });
      } finally {
        await Promise.allSettled([consumer.disconnect(), admin.disconnect()]);
      }
      await sleep(this.#delay.next(), undefined, { signal }).catch(() => undefined);
    }
  }

  async #consume(consumer: Consumer): Promise<void> {
    consumer.on(consumer.events.GROUP_JOIN, () => void this.#joined(consumer));
    await consumer.connect();
    const topics = [...MESSAGE_TYPES, LEDGER_POSITION].map((type) => this.#prefix + type);
    await consumer.subscribe({ topics, fromBeginning: false });
    await consumer.run({ autoCommit: false, eachBatch: (payload) => this.#takeBatch(payload) });
  }

  /** With nothing committed, kafkajs goes on at the present: what came in between is missing. */
  async #joined(consumer: Consumer): Promise<void> {
    this.#generation += 1;
    const generation = this.#generation;
    if (this.#isLive) this.#lose({ cause: 'rebalanced', detail: 'the group was joined anew' });
    this.#next = undefined;
    try {
      const start: NextOffsets = new Map();
      for (const type of MESSAGE_TYPES) {
        const topic = this.#prefix + type;
        for (const { partition, high } of await this.#admin!.fetchTopicOffsets(topic)) {
          if (generation !== this.#generation) return;
          start.set(partitionKey(type, partition), BigInt(high));
          consumer.seek({ topic, partition, offset: high });
        }
      }
      this.#next = new Map(start);
      this.#start = start;
      this.#marks = [];
    } catch (error) {
      if (this.#closing.signal.aborted) return;
      this.#lose({ cause: 'disconnected', detail: (error as Error).name });
      if (generation === this.#generation)
        setTimeout(() => void this.#joined(consumer), 500).unref();
    }
  }

  async #takeBatch({ batch, heartbeat, isRunning, isStale }: EachBatchPayload): Promise<void> {
    const type = batch.topic.slice(this.#prefix.length);
    for (const message of batch.messages) {
      if (!isRunning() || isStale() || this.#closing.signal.aborted) return;
      if (type === LEDGER_POSITION) this.#takeMark(message);
      else this.#takeMessage(type as MessageType, batch.partition, message);
      this.#applyMarks();
    }
    await heartbeat();
  }

  #takeMessage(
    type: MessageType,
    partition: number,
    { offset, headers, value }: KafkaMessage,
  ): void {
    const key = partitionKey(type, partition);
    const place = BigInt(offset);
    const expected = this.#next?.get(key);
    // Offsets of these topics have no holes, unless what was to be read has been removed.
    if (expected !== undefined && place > expected) {
      this.#beginAgain({
        cause: 'disconnected',
        detail: `offsets ${expected} to ${place} are gone`,
      });
    }
    if (expected === undefined || place >= expected) this.#next?.set(key, place + 1n);
    try {
      const source = String(headers?.['ce_source'] ?? '');
      const data: unknown = JSON.parse(value?.toString('utf8') ?? '');
      const message = parseMessage(type, String(headers?.['ce_id'] ?? ''), data);
      if (this.#source !== null && source !== this.#source) {
        this.#log = 'another';
        this.#beginAgain({ cause: 'disconnected', detail: 'messages of another ledger came' });
      }
      this.#source = source;
      this.#listener.message(message);
    } catch (error) {
      const detail = `${type}/${partition} at ${offset}: ${(error as Error).message}`;
      this.#beginAgain({ cause: 'unreadable', detail });
    }
  }

  #takeMark({ value }: KafkaMessage): void {
    try {
      this.#marks.push(markOf(parseLedgerPosition(JSON.parse(value?.toString('utf8') ?? ''))));
    } catch (error) {
      // A mark says nothing about tokens: the next one will do.
      this.#listener.lost({ cause: 'silent', detail: (error as Error).message });
      this.#isLive = false;
      return;
    }
    if (this.#marks.length > MARKS_WAITING_MAX) this.#marks.shift();
    clearTimeout(this.#silence);
    const { silenceMs = SILENCE_MS } = this.options;
    this.#silence = setTimeout(() => {
      this.#lose({ cause: 'silent', detail: `no mark came for ${silenceMs} ms` });
    }, silenceMs);
    this.#silence.unref();
  }

  /** The newest mark that has been reached in every partition tells the position. */
  #applyMarks(): void {
    const next = this.#next;
    if (!next) return;
    const index = this.#marks.findLastIndex(({ offsets }) => covers(next, offsets));
    if (index < 0) return;
    const reached = this.#marks[index]!;
    this.#marks = this.#marks.slice(index + 1);
    if (this.#start) {
      // Everything that was not read came before the start, so it is no newer than a mark behind it.
      if (!covers(reached.offsets, this.#start)) return;
      this.#start = undefined;
      this.#isLive = true;
      this.#delay.reset();
      this.#listener.began(reached.position, this.#log);
      this.#log = 'same';
      return;
    }
    if (!this.#isLive) this.#listener.resumed();
    this.#isLive = true;
    this.#listener.reached(reached.position);
  }

  #beginAgain(loss: FeedLoss): void {
    this.#start = this.#next && new Map(this.#next);
    this.#lose(loss);
  }

  #lose(loss: FeedLoss): void {
    this.#isLive = false;
    this.#listener.lost(loss);
  }
}

/** kafkajs leaves Nagle's algorithm on, which makes small requests wait. */
