import { readFileSync } from 'node:fs';
import type { KafkaSettings } from '@ledger/publishing';

/** The settings that say where messages go. */
export interface KafkaConfig {
  readonly NODE_ENV: 'development' | 'test' | 'production';
  readonly LEDGER_ALLOW_PLAINTEXT: 'true' | 'false';
  readonly KAFKA_BROKERS?: string;
  readonly KAFKA_TLS: 'on' | 'off';
  readonly KAFKA_CA_FILE?: string;
  readonly KAFKA_SASL: 'none' | 'plain' | 'scram-sha-256' | 'scram-sha-512';
  readonly KAFKA_USERNAME?: string;
  readonly KAFKA_PASSWORD_FILE?: string;
  readonly KAFKA_TOPIC_PREFIX: string;
  readonly KAFKA_REPLICATION_FACTOR: number;
  readonly KAFKA_PARTITIONS: number;
}

/** Kafka cannot be used as configured, for a reason that only a look at its files could tell. */
export class KafkaFault extends Error {
  override readonly name = 'KafkaFault';
}

/** What is wrong with the settings as they are, files unread. */
export function kafkaFaults(config: KafkaConfig): readonly string[] {
  const { KAFKA_BROKERS: brokers, KAFKA_TLS: tls, KAFKA_SASL: sasl } = config;
  const faults: string[] = [];
  if (brokers === undefined) {
    const given = (['KAFKA_CA_FILE', 'KAFKA_USERNAME', 'KAFKA_PASSWORD_FILE'] as const).filter(
      (name) => config[name] !== undefined,
    );
    return given.map((name) => `${name} is of no use without KAFKA_BROKERS`);
  }
  const hasBoth = config.KAFKA_USERNAME !== undefined && config.KAFKA_PASSWORD_FILE !== undefined;
  if (sasl !== 'none' && !hasBoth) {
    faults.push(`KAFKA_SASL=${sasl} needs KAFKA_USERNAME and KAFKA_PASSWORD_FILE`);
  }
  if (config.KAFKA_CA_FILE !== undefined && tls === 'off') {
    faults.push('KAFKA_CA_FILE is of no use unless KAFKA_TLS is on');
  }
  const isProduction = config.NODE_ENV === 'production';
  if (isProduction && tls === 'off' && config.LEDGER_ALLOW_PLAINTEXT !== 'true') {
    faults.push(
      'Kafka without TLS is refused in production: set KAFKA_TLS=on, or LEDGER_ALLOW_PLAINTEXT=true where ' +
        'the network is protected otherwise',
    );
  }
  return faults;
}

/**
 * How to reach the configured Kafka; undefined when there is none. Reads its files.
 *
 * @throws KafkaFault When one of them cannot be read.
 */
export function kafkaSettings(config: KafkaConfig): KafkaSettings | undefined {
  const { KAFKA_BROKERS: brokers, KAFKA_SASL: mechanism, KAFKA_USERNAME: username } = config;
  if (brokers === undefined) return undefined;
  const { KAFKA_CA_FILE: caFile, KAFKA_PASSWORD_FILE: passwordFile } = config;
  return {
    brokers: brokers.split(','),
    topicPrefix: config.KAFKA_TOPIC_PREFIX,
    replicationFactor: config.KAFKA_REPLICATION_FACTOR,
    partitions: config.KAFKA_PARTITIONS,
    ...(config.KAFKA_TLS === 'on' && {
      tls: caFile === undefined ? {} : { ca: textOf('KAFKA_CA_FILE', caFile) },
    }),
    ...(mechanism !== 'none' && {
      sasl: {
        mechanism,
        username: username!,
        password: textOf('KAFKA_PASSWORD_FILE', passwordFile!).replace(/\r?\n$/, ''),
      },
    }),
  };
}

function textOf(setting: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new KafkaFault(`${setting} cannot be read: ${file} (${code ?? 'unknown error'})`, {
      cause,
    });
  }
}
