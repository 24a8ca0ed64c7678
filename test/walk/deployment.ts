import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Admin } from 'kafkajs';
import { EventStoreDouble } from '../eventstoredb/double/event-store-double.js';
import { EchoService } from '../gateway/support/echo-service.js';
import { Nginx } from '../gateway/support/nginx.js';
import { KafkaServer } from '../kafka/kafka-server.js';

const ROUTES = { routes: [{ path: '/jobs/**', methods: ['GET'], scopes: ['jobs'] }] };

/**
 * Everything that runs in production, each in a process of its own: two API nodes on one EventStoreDB, the worker
 * that sends messages to Kafka, and a gateway behind nginx that protects a service. EventStoreDB is the one at
 * `LEDGER_TEST_EVENTSTOREDB_URL`, else the double of it that speaks its protocol.
 */
export class Deployment {
  readonly admin = randomUUID();
  readonly #directory = mkdtempSync(join(tmpdir(), 'ledger-walk-'));
  readonly #stops: (() => Promise<void>)[] = [];
  /** Origins of the two API nodes. */
  nodes: readonly string[] = [];
  /** Origin of nginx. */
  front = '';
  /** What stands for EventStoreDB. */
  database = '';
  readonly #processes: string[] = [];
  #kafka!: Admin;

  static async start(kafkaLibraries: string): Promise<Deployment> {
    const deployment = new Deployment();
    try {
      await deployment.#start(kafkaLibraries);
      return deployment;
    } catch (error) {
      await deployment.stop();
      throw error;
    }
  }

  /** Asks every process for something that none has to wait for. */
  async probe(): Promise<void> {
    const alive = this.#processes.map(async (url) => {
      await (await fetch(`${url}/health/live`)).arrayBuffer();
    });
    await Promise.all([...alive, this.#kafka.describeCluster()]);
  }

  /** Stops all, in the opposite order. */
  async stop(): Promise<void> {
    for (const stop of this.#stops.splice(0).reverse()) await stop();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async #start(libraries: string): Promise<void> {
    const kafka = await KafkaServer.start({ libraries });
    this.#stops.push(() => kafka.stop());
    this.#kafka = kafka.client().admin();
    await this.#kafka.connect();
    this.#stops.push(() => this.#kafka.disconnect());
    const brokers = kafka.addresses.join(',');
    const keyFile = join(this.#directory, 'ledger.key');
    writeFileSync(keyFile, `${randomBytes(32).toString('base64')}\n`, { mode: 0o600 });
    const shared = {
      LOG_LEVEL: 'warn',
      LEDGER_STORE: 'eventstoredb',
      LEDGER_EVENTSTOREDB_URL: await this.#databaseUrl(),
      // A database that is used again holds other ledgers.
      LEDGER_EVENTSTOREDB_PREFIX: `walk-${randomBytes(4).toString('hex')}-`,
      LEDGER_MASTER_KEY_FILE: keyFile,
      LEDGER_BOOTSTRAP_TOKEN: this.admin,
      KAFKA_BROKERS: brokers,
      KAFKA_REPLICATION_FACTOR: '1',
    };
    const node = (name: string): Promise<string> =>
      this.#process('ledger-api', {
        ...shared,
        LEDGER_RELAY: 'off',
        LEDGER_DATA_DIR: join(this.#directory, name),
      });
    // One after the other, so that the first makes the organization.
    this.nodes = [await node('node-1'), await node('node-2')];
    await this.#process('ledger-worker', {
      ...shared,
      LEDGER_DATA_DIR: join(this.#directory, 'worker'),
    });
    const routesFile = join(this.#directory, 'routes.json');
    writeFileSync(routesFile, JSON.stringify(ROUTES));
    const gateway = await this.#process('ledger-gateway', {
      LOG_LEVEL: 'warn',
      GATEWAY_ID: 'walk',
      GATEWAY_LEDGER_URL: this.nodes[1]!,
      GATEWAY_LEDGER_TOKEN: this.admin,
      GATEWAY_ROUTES_FILE: routesFile,
      GATEWAY_FEED: 'kafka',
      KAFKA_BROKERS: brokers,
    });
    const service = await EchoService.start();
    this.#stops.push(() => service.close());
    const nginx = await Nginx.start(gateway, service.url);
    this.#stops.push(() => nginx.stop());
    this.front = nginx.url;
  }

  async #databaseUrl(): Promise<string> {
    const given = process.env['LEDGER_TEST_EVENTSTOREDB_URL'];
    if (given) {
      this.database = 'EventStoreDB';
      return given;
    }
    const double = await EventStoreDouble.start();
    this.#stops.push(() => double.stop());
    this.database =
      'the double of EventStoreDB, which speaks its protocol and keeps its log in memory';
    return double.connectionString;
  }

  /** Starts an app, and resolves with where it listens. */
  async #process(app: string, settings: NodeJS.ProcessEnv): Promise<string> {
    const inherited = Object.entries(process.env).filter(
      ([name]) => !/^(LEDGER|KAFKA|GATEWAY|NODE_ENV|PORT)/.test(name),
    );
    const child = spawn(process.execPath, [`dist/apps/${app}/src/main.js`], {
      env: { ...Object.fromEntries(inherited), PORT: '0', ...settings },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#stops.push(() => ended(child));
    const url = await listening(app, child);
    this.#processes.push(url);
    return url;
  }
}

function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.once('exit', () => resolve());
    child.kill('SIGTERM');
  });
}

function listening(app: string, child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = '';
    child.stdout!.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      const [, url] = /listens on (http:\S+)/.exec(output) ?? [];
      if (url) resolve(url);
    });
    child.once('exit', (code) => reject(new Error(`${app} ended with ${code}:\n${output}`)));
  });
}
