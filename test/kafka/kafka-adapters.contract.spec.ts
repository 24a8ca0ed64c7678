import { randomUUID } from 'node:crypto';
import { KafkaPublisher, KafkaRelayLease, type KafkaSettings } from '@ledger/publishing';
import { describePublisher, describeRelayLease } from '@ledger/publishing/testing';
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
    const own = { ...settings(), ledgerId: 'ledger-1', sessionMs: 6_000 };
    const publisher = new KafkaPublisher(own);
    await publisher.ensureChannels();
    await publisher.close();
    return { another: () => new KafkaRelayLease(own), close: async () => undefined };
  },
  run,
);
