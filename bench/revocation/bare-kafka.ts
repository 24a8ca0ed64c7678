import { connect as connectSocket } from 'node:net';
import { Kafka, logLevel, Partitioners, type Consumer, type Producer } from 'kafkajs';

const TOPIC = 'bench-bare';

/** kafkajs with nothing around it: one producer, one consumer, the settings of the ledger's own topics. */
export class BareKafka {
  readonly #waiting = new Map<string, (at: number) => void>();
  #sent = 0;

  private constructor(
    private readonly producer: Producer,
    private readonly consumer: Consumer,
  ) {}

  static async start(brokers: readonly string[]): Promise<BareKafka> {
    const kafka = new Kafka({
      brokers: [...brokers],
      logLevel: logLevel.NOTHING,
      socketFactory: ({ host, port, onConnect }) => {
        const socket = connectSocket({ host, port, noDelay: true }, onConnect);
        return socket.setKeepAlive(true, 60_000);
      },
    });
    const admin = kafka.admin();
    await admin.connect();
    await admin.createTopics({
      waitForLeaders: true,
      topics: [{ topic: TOPIC, numPartitions: 1, replicationFactor: 1 }],
    });
    await admin.disconnect();
    const producer = kafka.producer({
      idempotent: true,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      createPartitioner: Partitioners.DefaultPartitioner,
    });
    const consumer = kafka.consumer({ groupId: 'bench-bare', maxWaitTimeInMs: 100 });
    const bare = new BareKafka(producer, consumer);
    await producer.connect();
    await consumer.connect();
    await consumer.subscribe({ topics: [TOPIC], fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachMessage: ({ message }) => {
        const at = performance.now();
        bare.#waiting.get(message.key!.toString())?.(at);
        return Promise.resolve();
      },
    });
    return bare;
  }

  /** From right before the send to the arrival at the consumer, in milliseconds. */
  async trip(): Promise<number> {
    const key = String((this.#sent += 1));
    const arrived = new Promise<number>((resolve) => this.#waiting.set(key, resolve));
    const sentAt = performance.now();
    const value = JSON.stringify({ padding: 'x'.repeat(250) });
    const sent = this.producer.send({ topic: TOPIC, acks: -1, messages: [{ key, value }] });
    const [at] = await Promise.all([arrived, sent]);
    this.#waiting.delete(key);
    return at - sentAt;
  }

  async stop(): Promise<void> {
    await this.producer.disconnect();
    await this.consumer.disconnect();
  }
}
