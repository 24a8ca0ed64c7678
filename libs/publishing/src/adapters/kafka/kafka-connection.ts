import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { Kafka, logLevel, type SASLOptions } from 'kafkajs';

/** How to reach Kafka, and what its topics are called. */
/** How a Kafka is reached, and what the ledger's topics are called there. */
export interface KafkaAccess {
  /** `host:port` of some of the brokers; the others are learnt from them. */
  readonly brokers: readonly string[];
  /** TLS to the brokers, whose certificates are always checked; absent for plain text. PEM texts. */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  readonly sasl?: {
    readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
    readonly username: string;
    readonly password: string;
  };
  /** Put before the names of all topics and of the group. */
  readonly topicPrefix: string;
}

export interface KafkaSettings extends KafkaAccess {
  /** Copies of each partition, where topics are made. */
  readonly replicationFactor: number;
  /** Partitions of the topics of messages, where they are made. */
  readonly partitions: number;
}

/** A broker that hangs is given up after this long, so that another can be asked. */
export const REQUEST_MS_MAX = 3_000;
const CONNECT_MS_MAX = 3_000;

/** kafkajs takes other defaults under NODE_ENV=test, so each setting is given. */
export const RETRY = {
  initialRetryTime: 100,
  maxRetryTime: 1_000,
  retries: 3,
  factor: 0.2,
  multiplier: 2,
} as const;

/** A client whose sockets send at once. It logs nothing: whoever uses it says what went wrong. */
export function connectKafka({ brokers, tls, sasl }: KafkaAccess, clientId: string): Kafka {
  return new Kafka({
    clientId,
    brokers: [...brokers],
    logLevel: logLevel.NOTHING,
    connectionTimeout: CONNECT_MS_MAX,
    requestTimeout: REQUEST_MS_MAX,
    enforceRequestTimeout: true,
    retry: RETRY,
    ...(tls ? { ssl: { ...tls, minVersion: 'TLSv1.2' } } : {}),
    ...(sasl ? { sasl: sasl as SASLOptions } : {}),
    socketFactory: ({ host, port, ssl, onConnect }) => {
      const socket: Socket = ssl
        ? connectTls({ host, port, ...serverName(host), ...ssl } as ConnectionOptions, onConnect)
        : connectTcp({ host, port }, onConnect);
      // kafkajs leaves Nagle's algorithm on, which holds back small messages.
      socket.setNoDelay(true);
      socket.setKeepAlive(true, 10_000);
      return socket;
    },
  });
}

/** An address that is a number has no name to be indicated. */
function serverName(host: string): { readonly servername?: string } {
  return /^[\d.]+$|:/.test(host) ? {} : { servername: host };
}
