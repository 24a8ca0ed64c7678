import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Admin, Kafka, SeekEntry } from 'kafkajs';
import type { Channel } from '@ledger/publishing';
import type { ArrivedRecord } from '@ledger/publishing/testing';

const TRIES_MAX = 200;

/**
 * The next offset of each partition. A topic that was just made is shown before its broker leads it, and kafkajs
 * hands that on at once, though it is retriable.
 */
export async function topicEnds(
  admin: Admin,
  topic: string,
): Promise<readonly (SeekEntry & { readonly high: string })[]> {
  for (let tried = 1; ; tried += 1) {
    try {
      return await admin.fetchTopicOffsets(topic);
    } catch (error) {
      if (!(error as { retriable?: boolean }).retriable || tried === TRIES_MAX) throw error;
      await sleep(50);
    }
  }
}

/** Reads a topic from its start to what is its end now, as any consumer would. */
export async function readTopic(
  kafka: Kafka,
  prefix: string,
  channel: Channel,
): Promise<readonly ArrivedRecord[]> {
  const topic = prefix + channel;
  const admin = kafka.admin();
  await admin.connect();
  const ends = await topicEnds(admin, topic);
  await admin.disconnect();
  const open = new Map(ends.filter(({ high }) => high !== '0').map((end) => [end.partition, end]));
  const records: ArrivedRecord[] = [];
  if (open.size === 0) return records;
  const groupId = `reader-${randomUUID()}`;
  const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: 50, allowAutoTopicCreation: false });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await new Promise<void>((resolve, reject) => {
    consumer.on(consumer.events.CRASH, ({ payload: { error, restart } }) => {
      if (!restart) reject(error);
    });
    const run = consumer.run({
      autoCommit: false,
      eachBatch: async ({ batch }) => {
        for (const { key, value, headers, offset } of batch.messages) {
          const { partition } = batch;
          records.push({
            channel,
            key: String(key),
            value: String(value),
            headers: Object.fromEntries(
              Object.entries(headers ?? {}).map(([name, text]) => [name, String(text)]),
            ),
            partition,
            offset: BigInt(offset),
          });
          if (BigInt(offset) + 1n >= BigInt(open.get(partition)?.high ?? 0)) open.delete(partition);
        }
        if (open.size === 0) resolve();
      },
    });
    run.catch(reject);
  });
  await consumer.disconnect();
  return records;
}
