import { randomUUID } from 'node:crypto';
import { ConfigResourceTypes } from 'kafkajs';
import { KafkaPublisher, KafkaRelayLease, type KafkaSettings } from '@ledger/publishing';
import { describePublisher, describeRelayLease, sampleRecords } from '@ledger/publishing/testing';
import { describeWith, findKafka } from './kafka-libraries.js';
import { KafkaServer } from './kafka-server.js';
import { readTopic } from './support/consume.js';

const libraries = await findKafka();
const run = describeWith(libraries);
let server: KafkaServer;

/** Topics and a group of their own for each test. */
function settings(): KafkaSettings {
  const topicPrefix = `t${randomUUID().slice(0, 8)}.`;
  return { brokers: server.addresses, topicPrefix, replicationFactor: 1, partitions: 3 };
}

beforeAll(async () => {
  if (libraries.folder) server = await KafkaServer.start({ libraries: libraries.folder });
});
afterAll(() => server?.stop());

describePublisher(
  'KafkaPublisher',
  async () => {
    const own = settings();
    const publisher = new KafkaPublisher(own);
    return {
      publisher,
      arrived: (channel) => readTopic(server.client(), own.topicPrefix, channel),
      close: () => publisher.close(),
    };
  },
  run,
);

describeRelayLease(
  'KafkaRelayLease',
  async () => {
    // Nobody here falls silent but by a machine that stands still.
    const own = { ...settings(), ledgerId: 'ledger-1', sessionMs: 30_000 };
    const publisher = new KafkaPublisher(own);
    await publisher.ensureChannels();
    await publisher.close();
    return { another: () => new KafkaRelayLease(own), close: async () => undefined };
  },
  run,
);

run('KafkaPublisher', () => {
  it('says what to do when the topics cannot be made', async () => {
    const publisher = new KafkaPublisher({ ...settings(), replicationFactor: 3 });
    await expect(publisher.ensureChannels()).rejects.toThrow(
      /set KAFKA_REPLICATION_FACTOR, which is 3/,
    );
    await publisher.close();
  });

  it('makes topics as documented, and tells of those that are weaker (K7)', async () => {
    const own = settings();
    const admin = server.client().admin();
    await admin.connect();
    const weak = [{ name: 'unclean.leader.election.enable', value: 'true' }];
    const topic = `${own.topicPrefix}token-updated`;
    await admin.createTopics({ topics: [{ topic, numPartitions: 1, configEntries: weak }] });
    const publisher = new KafkaPublisher(own);
    expect(await publisher.ensureChannels()).toEqual([
      `the topic ${topic} may lose messages: set unclean.leader.election.enable=false`,
    ]);
    await publisher.close();
    const name = `${own.topicPrefix}token-revoked`;
    const described = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: ConfigResourceTypes.TOPIC, name }],
    });
    const { topics } = await admin.fetchTopicMetadata({ topics: [name] });
    await admin.disconnect();
    const config = described.resources[0]!.configEntries;
    const values = Object.fromEntries(config.map((each) => [each.configName, each.configValue]));
    expect(values).toMatchObject({
      'min.insync.replicas': '1',
      'unclean.leader.election.enable': 'false',
      'retention.ms': '604800000',
      'cleanup.policy': 'delete',
    });
    expect(topics[0]!.partitions).toHaveLength(3);
  });

  it('refuses marks over several partitions, where their order would be lost', async () => {
    const own = settings();
    const admin = server.client().admin();
    await admin.connect();
    const topic = `${own.topicPrefix}ledger-position`;
    await admin.createTopics({ topics: [{ topic, numPartitions: 2 }] });
    await admin.disconnect();
    const publisher = new KafkaPublisher(own);
    await expect(publisher.ensureChannels()).rejects.toThrow(/must have one partition and has 2/);
    await publisher.close();
  });

  it('loses none of 100 sends at once: what overlaps is refused, what is acknowledged is there (K4)', async () => {
    const own = settings();
    const publisher = new KafkaPublisher(own);
    await publisher.ensureChannels();
    const records = sampleRecords(100);
    const sends = await Promise.allSettled(records.map((record) => publisher.publish([record])));
    for (const [index, { status }] of sends.entries()) {
      if (status === 'rejected') await publisher.publish([records[index]!]);
    }
    await publisher.close();
    const arrived = await readTopic(server.client(), own.topicPrefix, 'token-revoked');
    expect(new Set(arrived.map(({ partition, offset }) => `${partition}:${offset}`)).size).toBe(
      100,
    );
    expect(new Set(arrived.map(({ value }) => value)).size).toBe(100);
  });
});

run('KafkaRelayLease', () => {
  it('refuses the checkpoint of another ledger', async () => {
    const own = { ...settings(), ledgerId: 'ledger-1', sessionMs: 30_000 };
    const publisher = new KafkaPublisher(own);
    await publisher.ensureChannels();
    await publisher.close();
    const never = new AbortController().signal;
    const first = new KafkaRelayLease(own);
    await (await first.acquire(never)).save(7n);
    await first.close();
    const other = new KafkaRelayLease({ ...own, ledgerId: 'ledger-2' });
    const term = await other.acquire(never);
    await expect(term.load()).rejects.toThrow(/of ledger ledger-1, and this is ledger-2/);
    await other.close();
  });
});
