import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { findKafka } from './kafka-libraries.js';
import { KafkaServer } from './kafka-server.js';

// `npm run kafka`: a real Kafka for development, until Ctrl-C.
const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '9092' },
    brokers: { type: 'string', default: '1' },
  },
});
const { folder, missing } = await findKafka();
if (missing !== undefined) {
  process.stderr.write(`Kafka cannot start: ${missing}.\n`);
  process.exit(1);
}
const port = Number(values.port);
const directory = join(folder, '..', `data-${port}-${values.brokers}`);
const server = await KafkaServer.start({
  libraries: folder,
  brokers: Number(values.brokers),
  port,
  directory,
});
const addresses = server.addresses.join(',');
process.stdout.write(`Kafka listens on ${addresses}; its data is in ${directory}\n`);
process.stdout.write(`KAFKA_BROKERS=${addresses} npm start\n`);
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void server.stop());
}
