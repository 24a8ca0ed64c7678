import kafkajs, { type Admin, type ITopicConfig } from 'kafkajs';
import { LEDGER_POSITION } from '../../messages/ledger-position.js';
import { CHANNELS, type Channel } from '../../messages/outgoing-record.js';
import { PublisherUnavailable } from '../../message-publisher.js';
import type { KafkaSettings } from './kafka-connection.js';

const DAY_MS = 86_400_000;

/** Settings of the topics that the ledger makes. docs/kafka.md says why. */
function topicConfig(channel: Channel, settings: KafkaSettings): ITopicConfig {
  const { replicationFactor } = settings;
  const isMark = channel === LEDGER_POSITION;
  const entries = {
    'min.insync.replicas': String(leastInSync(settings)),
    'unclean.leader.election.enable': 'false',
    'cleanup.policy': 'delete',
    'retention.ms': String(isMark ? DAY_MS : 7 * DAY_MS),
    'compression.type': 'producer',
  };
  return {
    topic: settings.topicPrefix + channel,
    numPartitions: isMark ? 1 : settings.partitions,
    replicationFactor,
    configEntries: Object.entries(entries).map(([name, value]) => ({ name, value })),
  };
}

/** A message is kept by two brokers before it counts as sent, where there are three. */
function leastInSync({ replicationFactor }: KafkaSettings): number {
  return replicationFactor > 2 ? 2 : 1;
}

/** Makes the topics that are missing. @returns What is wrong with the others. */
export async function ensureTopics(
  admin: Admin,
  settings: KafkaSettings,
): Promise<readonly string[]> {
  const existing = new Set(await admin.listTopics());
  const [missing, kept] = [false, true].map((isThere) =>
    CHANNELS.filter((channel) => existing.has(settings.topicPrefix + channel) === isThere),
  ) as [Channel[], Channel[]];
  if (missing.length > 0) {
    const topics = missing.map((channel) => topicConfig(channel, settings));
    await admin
      .createTopics({ topics, waitForLeaders: true, timeout: 10_000 })
      .catch((error: unknown) => {
        throw new PublisherUnavailable(refusal(error, settings), { cause: error });
      });
  }
  return kept.length > 0 ? inspect(admin, settings, kept) : [];
}

/** What the broker says to each topic, and what may be done about it. */
function refusal(error: unknown, { replicationFactor }: KafkaSettings): string {
  const { errors, message } = error as Error & { readonly errors?: readonly Error[] };
  const reasons = new Set(errors?.map((each) => each.message) ?? [message]);
  return (
    `Kafka: the topics could not be made: ${[...reasons].join('; ')}. Make them by hand (docs/kafka.md), or set ` +
    `KAFKA_REPLICATION_FACTOR, which is ${replicationFactor}, to no more than there are brokers`
  );
}

async function inspect(
  admin: Admin,
  settings: KafkaSettings,
  kept: readonly Channel[],
): Promise<readonly string[]> {
  const names = kept.map((channel) => settings.topicPrefix + channel);
  const { topics } = await admin.fetchTopicMetadata({ topics: names });
  const marks = topics.find(({ name }) => name === settings.topicPrefix + LEDGER_POSITION);
  if (marks && marks.partitions.length !== 1) {
    throw new PublisherUnavailable(
      `the topic ${marks.name} must have one partition and has ${marks.partitions.length}: remove it, ` +
        'and it is made again',
    );
  }
  // Whoever may not read settings need not: they are the business of who made the topics.
  const described = await admin
    .describeConfigs({
      includeSynonyms: false,
      resources: names.map((name) => ({ type: kafkajs.ConfigResourceTypes.TOPIC, name })),
    })
    .catch(() => ({ resources: [] }));
  return described.resources.flatMap(({ resourceName, configEntries }) => {
    const value = (key: string): string | undefined =>
      configEntries.find(({ configName }) => configName === key)?.configValue;
    const inSync = Number(value('min.insync.replicas') ?? Infinity);
    return [
      ...(inSync < leastInSync(settings)
        ? [`the topic ${resourceName} has min.insync.replicas=${inSync}: set it to 2`]
        : []),
      ...(value('unclean.leader.election.enable') === 'true'
        ? [`the topic ${resourceName} may lose messages: set unclean.leader.election.enable=false`]
        : []),
    ];
  });
}
