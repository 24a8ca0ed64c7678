import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { kafkaSettings, readConfig } from '@ledger/runtime';
import { ConfigurationFault, KafkaFault } from '@ledger/process';

const BROKERS = { KAFKA_BROKERS: 'a:9092,b:9092' };
const refused = (environment: NodeJS.ProcessEnv): (() => unknown) => {
  return () => kafkaSettings(readConfig(environment));
};

describe('the settings of Kafka', () => {
  it('are none unless there are brokers', () => {
    expect(kafkaSettings(readConfig({}))).toBeUndefined();
    expect(kafkaSettings(readConfig(BROKERS))).toEqual({
      brokers: ['a:9092', 'b:9092'],
      topicPrefix: '',
      replicationFactor: 3,
      partitions: 3,
    });
  });

  it('refuse plain text in production, unless it is allowed in so many words (C1)', () => {
    const production = { ...BROKERS, NODE_ENV: 'production' };
    expect(refused(production)).toThrow(ConfigurationFault);
    expect(refused(production)).toThrow(/without TLS is refused in production/);
    expect(refused({ ...production, KAFKA_TLS: 'on' })).not.toThrow();
    expect(refused({ ...production, LEDGER_ALLOW_PLAINTEXT: 'true' })).not.toThrow();
  });

  it.each([
    [{ KAFKA_BROKERS: 'kafka' }, /KAFKA_BROKERS must be host:port/],
    [{ KAFKA_CA_FILE: 'ca.pem' }, /KAFKA_CA_FILE is of no use without KAFKA_BROKERS/],
    [{ ...BROKERS, KAFKA_CA_FILE: 'ca.pem' }, /of no use unless KAFKA_TLS is on/],
    [{ ...BROKERS, KAFKA_SASL: 'plain' }, /KAFKA_SASL=plain needs KAFKA_USERNAME and/],
    [{ ...BROKERS, KAFKA_TOPIC_PREFIX: 'a b' }, /KAFKA_TOPIC_PREFIX must be/],
    [{ ...BROKERS, KAFKA_TOPICS: 'x' }, /KAFKA_TOPICS is not a setting/],
  ])('refuse %j', (environment, why) => {
    expect(refused(environment)).toThrow(ConfigurationFault);
    expect(refused(environment)).toThrow(why);
  });

  it('name the file that cannot be read', () => {
    const tls = { ...BROKERS, KAFKA_TLS: 'on', KAFKA_CA_FILE: '/nowhere/ca.pem' };
    expect(refused(tls)).toThrow(KafkaFault);
    expect(refused(tls)).toThrow('KAFKA_CA_FILE cannot be read: /nowhere/ca.pem (ENOENT)');
  });
});

describe('ledger-worker', () => {
  const start = (environment: NodeJS.ProcessEnv): { status: number | null; stderr: string } => {
    const main = join(process.cwd(), 'dist/apps/ledger-worker/src/main.js');
    const env = { PATH: process.env['PATH'], PORT: '0', ...environment };
    const { status, stderr } = spawnSync(process.execPath, [main], { env, encoding: 'utf8' });
    return { status, stderr };
  };

  it('refuses to start without brokers, and beside the process that owns an embedded log', () => {
    const without = start({ LEDGER_STORE: 'sqlite' });
    expect(without.status).toBe(1);
    expect(without.stderr).toMatch(/^ledger-worker cannot start: KAFKA_BROKERS must say/);
    const embedded = start(BROKERS);
    expect(embedded.status).toBe(1);
    expect(embedded.stderr).toMatch(/a worker needs LEDGER_STORE=eventstoredb, and it is sqlite/);
  });
});
