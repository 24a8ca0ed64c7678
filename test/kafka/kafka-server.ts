import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kafka, logLevel, type Admin, type RetryOptions } from 'kafkajs';
import { freePorts } from '../support/free-ports.js';
import { KafkaBroker } from './kafka-broker.js';

const READY_MS_MAX = 90_000;

export interface KafkaServerOptions {
  /** Folder of the jars. @see findKafka */
  readonly libraries: string;
  /** How many brokers; each is a controller too. Default 1. */
  readonly brokers?: number;
  /** Port of the first broker; absent for free ones. Each broker takes two. */
  readonly port?: number;
  /** Kept where it is given; else a temporary one, removed at the end. */
  readonly directory?: string;
  /** Settings of the brokers besides those below, or instead of them. */
  readonly properties?: Readonly<Record<string, string>>;
}

/** A real Kafka in KRaft mode on loopback, of one broker or of several. */
export class KafkaServer {
  private constructor(
    /** Addresses, `host:port`. */
    readonly addresses: readonly string[],
    readonly brokers: readonly KafkaBroker[],
    private readonly removeDirectory: () => void,
  ) {}

  /** Resolves once every broker is ready. */
  static async start(options: KafkaServerOptions): Promise<KafkaServer> {
    const { libraries, brokers: count = 1, properties = {} } = options;
    const directory = options.directory ?? mkdtempSync(join(tmpdir(), 'ledger-kafka-'));
    const ports = options.port
      ? Array.from({ length: count * 2 }, (_, index) => options.port! + index)
      : await freePorts(count * 2);
    const clusterId = randomBytes(16).toString('base64url');
    const brokers = Array.from({ length: count }, (_, index) => {
      const nodeId = index + 1;
      const home = join(directory, `broker-${nodeId}`);
      const own = { ...propertiesOf(nodeId, ports, home), ...properties };
      return new KafkaBroker({ libraries, directory: home, clusterId, nodeId, properties: own });
    });
    const addresses = brokers.map((_, index) => `127.0.0.1:${ports[index * 2]}`);
    const server = new KafkaServer(addresses, brokers, () => {
      if (!options.directory) rmSync(directory, { recursive: true, force: true });
    });
    try {
      await Promise.all(brokers.map((broker) => broker.start()));
      await server.ready();
    } catch (error) {
      await server.stop();
      throw error;
    }
    return server;
  }

  get broker(): KafkaBroker {
    return this.brokers[0]!;
  }

  /**
   * A client that says nothing, for tests that look at what arrived. A broker that has just come back finds leaders
   * and coordinators somewhat later than it answers, so it asks again and again.
   */
  client(): Kafka {
    return this.#client({ retries: 40, initialRetryTime: 50, maxRetryTime: 500 }, 10_000);
  }

  /** Resolves once every broker that was started takes part. */
  async ready(): Promise<void> {
    const wanted = this.brokers.filter(({ isRunning }) => isRunning).length;
    const deadline = performance.now() + READY_MS_MAX;
    while (performance.now() < deadline) {
      if ((await this.#members()) === wanted) return;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error(`Kafka was not ready within ${READY_MS_MAX / 1000} s`);
  }

  /** Ends all brokers, and removes what they wrote unless the directory was given. */
  async stop(): Promise<void> {
    const { length } = this.brokers;
    await Promise.all(this.brokers.map((broker) => (length > 1 ? broker.kill() : broker.stop())));
    this.removeDirectory();
  }

  async #members(): Promise<number> {
    const retry = { retries: 2, initialRetryTime: 50, maxRetryTime: 200 };
    const admin: Admin = this.#client(retry, 1_000).admin();
    try {
      await admin.connect();
      return (await admin.describeCluster()).brokers.length;
    } catch {
      return 0;
    } finally {
      await admin.disconnect().catch(() => undefined);
    }
  }

  #client(retry: RetryOptions, connectionTimeout: number): Kafka {
    const brokers = [...this.addresses];
    return new Kafka({ brokers, logLevel: logLevel.NOTHING, connectionTimeout, retry });
  }
}

/** @param ports Of all brokers, two for each. */
function propertiesOf(
  nodeId: number,
  ports: readonly number[],
  home: string,
): Readonly<Record<string, string>> {
  const count = ports.length / 2;
  const [port, controllerPort] = ports.slice((nodeId - 1) * 2);
  const voters = Array.from({ length: count }, (_, index) => {
    return `${index + 1}@127.0.0.1:${ports[index * 2 + 1]}`;
  });
  const copies = String(Math.min(3, count));
  const inSync = count > 2 ? '2' : '1';
  return {
    'process.roles': 'broker,controller',
    'node.id': String(nodeId),
    'controller.quorum.voters': voters.join(','),
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'listener.security.protocol.map':
      'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_SSL:SASL_SSL',
    'log.dirs': join(home, 'log'),
    'auto.create.topics.enable': 'false',
    'offsets.topic.replication.factor': copies,
    'offsets.topic.num.partitions': '1',
    'transaction.state.log.replication.factor': copies,
    'transaction.state.log.min.isr': inSync,
    'transaction.state.log.num.partitions': '1',
    'share.coordinator.state.topic.replication.factor': copies,
    'share.coordinator.state.topic.min.isr': inSync,
    'group.initial.rebalance.delay.ms': '0',
    // A broker that was killed is let in again at once, instead of after its old session has run out.
    'broker.session.timeout.ms': '1500',
    'broker.heartbeat.interval.ms': '300',
    'num.network.threads': '2',
    'num.io.threads': '2',
    'log.cleaner.dedupe.buffer.size': '4194304',
  };
}
