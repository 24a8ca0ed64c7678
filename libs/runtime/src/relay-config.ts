import type { KafkaSettings } from '@ledger/publishing';
import { kafkaAccess, kafkaFaults, type MessagingSettings } from '@ledger/process';

/** The settings that say where messages go. */
export interface RelayConfig extends MessagingSettings {
  readonly NODE_ENV: 'development' | 'test' | 'production';
  readonly LEDGER_ALLOW_PLAINTEXT: 'true' | 'false';
  readonly KAFKA_REPLICATION_FACTOR: number;
  readonly KAFKA_PARTITIONS: number;
}

/** What is wrong with the settings as they are, files unread. */
export function relayFaults(config: RelayConfig): readonly string[] {
  const { KAFKA_BROKERS: brokers, KAFKA_TLS: tls, LEDGER_ALLOW_PLAINTEXT: plaintext } = config;
  const faults = kafkaFaults(config);
  const isProtected = tls === 'on' || plaintext === 'true';
  if (brokers === undefined || isProtected || config.NODE_ENV !== 'production') return faults;
  return [
    ...faults,
    'Kafka without TLS is refused in production: set KAFKA_TLS=on, or LEDGER_ALLOW_PLAINTEXT=true where ' +
      'the network is protected otherwise',
  ];
}

/**
 * Where the relay sends messages; undefined when there is no Kafka. Reads files.
 *
 * @throws KafkaFault When one of them cannot be read.
 */
export function kafkaSettings(config: RelayConfig): KafkaSettings | undefined {
  const access = kafkaAccess(config);
  return (
    access && {
      ...access,
      replicationFactor: config.KAFKA_REPLICATION_FACTOR,
      partitions: config.KAFKA_PARTITIONS,
    }
  );
}
