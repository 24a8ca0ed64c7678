import { readFileSync } from 'node:fs';
import { IsIn, IsOptional, IsString, Matches } from 'class-validator';
import type { KafkaAccess } from '@ledger/publishing';
import { ProcessSettings } from './process-settings.js';

/** What a process is told that may use Kafka: how to reach it, and what the ledger's topics are called there. */
export class MessagingSettings extends ProcessSettings {
  /** `host:port` of brokers, with commas between several. */
  @IsOptional()
  @Matches(/^[^\s,:]+:\d+(,[^\s,:]+:\d+)*$/, {
    message: 'KAFKA_BROKERS must be host:port, with commas between several',
  })
  readonly KAFKA_BROKERS?: string;

  /** TLS to the brokers. Their certificates are always checked. */
  @IsIn(['on', 'off'])
  readonly KAFKA_TLS: 'on' | 'off' = 'off';

  /** PEM file of the authority that signed the brokers' certificates; else the system's authorities. */
  @IsOptional()
  @IsString()
  readonly KAFKA_CA_FILE?: string;

  /** How this process proves to the brokers who it is. */
  @IsIn(['none', 'plain', 'scram-sha-256', 'scram-sha-512'])
  readonly KAFKA_SASL: 'none' | 'plain' | 'scram-sha-256' | 'scram-sha-512' = 'none';

  @IsOptional()
  @IsString()
  readonly KAFKA_USERNAME?: string;

  /** File that holds that user's password. */
  @IsOptional()
  @IsString()
  readonly KAFKA_PASSWORD_FILE?: string;

  /** Put before the names of topics; a ledger needs one of its own where several share a Kafka. */
  @Matches(/^[A-Za-z0-9._-]{0,64}$/, {
    message: 'KAFKA_TOPIC_PREFIX must be at most 64 letters, digits, dots, hyphens or underscores',
  })
  readonly KAFKA_TOPIC_PREFIX: string = '';
}

/** Kafka cannot be used as configured, for a reason that only a look at its files could tell. */
export class KafkaFault extends Error {
  override readonly name = 'KafkaFault';
}

/** What is wrong with the settings as they are, files unread. */
export function kafkaFaults(settings: MessagingSettings): readonly string[] {
  const { KAFKA_BROKERS: brokers, KAFKA_TLS: tls, KAFKA_SASL: sasl } = settings;
  if (brokers === undefined) {
    return (['KAFKA_CA_FILE', 'KAFKA_USERNAME', 'KAFKA_PASSWORD_FILE'] as const)
      .filter((name) => settings[name] !== undefined)
      .map((name) => `${name} is of no use without KAFKA_BROKERS`);
  }
  const faults: string[] = [];
  const isNamed =
    settings.KAFKA_USERNAME !== undefined && settings.KAFKA_PASSWORD_FILE !== undefined;
  if (sasl !== 'none' && !isNamed) {
    faults.push(`KAFKA_SASL=${sasl} needs KAFKA_USERNAME and KAFKA_PASSWORD_FILE`);
  }
  if (settings.KAFKA_CA_FILE !== undefined && tls === 'off') {
    faults.push('KAFKA_CA_FILE is of no use unless KAFKA_TLS is on');
  }
  return faults;
}

/**
 * How to reach the configured Kafka; undefined when there is none.
 *
 * @throws KafkaFault When one of its files cannot be read.
 */
export function kafkaAccess(settings: MessagingSettings): KafkaAccess | undefined {
  const { KAFKA_BROKERS: brokers, KAFKA_SASL: mechanism, KAFKA_USERNAME: username } = settings;
  if (brokers === undefined) return undefined;
  const { KAFKA_CA_FILE: caFile, KAFKA_PASSWORD_FILE: passwordFile } = settings;
  return {
    brokers: brokers.split(','),
    topicPrefix: settings.KAFKA_TOPIC_PREFIX,
    ...(settings.KAFKA_TLS === 'on' && {
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
