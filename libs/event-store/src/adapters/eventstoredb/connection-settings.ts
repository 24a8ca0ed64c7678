import { ChannelCredentials, credentials, type ChannelOptions } from '@grpc/grpc-js';
import type { DNSClusterOptions, EndPoint, GossipClusterOptions } from '@eventstore/db-client';
import {
  parseConnectionString,
  type ConnectionOptions,
} from '@eventstore/db-client/dist/Client/parseConnectionString.js';
import { readFileSync } from 'node:fs';

export interface DatabaseUser {
  readonly username: string;
  readonly password: string;
}

/** How to reach a database: from its connection string, and from what is better kept out of one. */
export interface ConnectionTarget {
  readonly connectionString: string;
  /** PEM file of the authority that signed the servers' certificates; else that of the connection string. */
  readonly tlsCaFile?: string;
  /** Else the user of the connection string. */
  readonly credentials?: DatabaseUser;
}

export interface ConnectionSettings {
  /** The one server; undefined where the leader of a cluster has to be found first. */
  readonly endpoint: EndPoint | undefined;
  readonly discovery: DNSClusterOptions | GossipClusterOptions | undefined;
  readonly channelCredentials: ChannelCredentials;
  readonly channelOptions: ChannelOptions;
  /** Sent with every call. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Short enough that a dead connection is noticed within seconds. */
const KEEPALIVE_MS = 2_000;
const GOSSIP_TIMEOUT_SECONDS = 1;
/** As much as a server of any version may have written as one event. */
const MESSAGE_BYTES_MAX = 17 * 1024 * 1024;

/** @throws Error For a connection string that cannot be read, or a certificate file that is not there. */
export function connectionSettings(target: ConnectionTarget): ConnectionSettings {
  const parsed = parseConnectionString(target.connectionString);
  const isSecure = parsed.tls !== false;
  const [first] = parsed.hosts;
  const isCluster = parsed.dnsDiscover || parsed.hosts.length > 1;
  return {
    endpoint: isCluster ? undefined : first,
    discovery: isCluster ? discoveryOf(parsed) : undefined,
    channelCredentials: isSecure ? secured(parsed, target.tlsCaFile) : credentials.createInsecure(),
    channelOptions: {
      // Without this, a new channel to the same address is given the old one's connection, dead or not.
      'grpc.use_local_subchannel_pool': 1,
      'grpc.keepalive_time_ms': intervalOf(parsed.keepAliveInterval),
      'grpc.keepalive_timeout_ms': intervalOf(parsed.keepAliveTimeout),
      'grpc.max_receive_message_length': MESSAGE_BYTES_MAX,
      'grpc.max_send_message_length': MESSAGE_BYTES_MAX,
    },
    headers: {
      'connection-name': parsed.connectionName ?? 'token-ledger',
      // A password never leaves in clear, and a server without TLS would not look at it.
      ...(isSecure && authorization(target.credentials ?? parsed.defaultCredentials)),
    },
  };
}

function discoveryOf(parsed: ConnectionOptions): DNSClusterOptions | GossipClusterOptions {
  const { hosts, dnsDiscover, gossipTimeout = GOSSIP_TIMEOUT_SECONDS } = parsed;
  // One round a call: the connection repeats it, and can stop. Appends are for the leader only.
  const rules = { gossipTimeout, maxDiscoverAttempts: 1, nodePreference: 'leader' as const };
  const [discover] = hosts;
  return dnsDiscover && discover ? { ...rules, discover } : { ...rules, endpoints: hosts };
}

function secured(parsed: ConnectionOptions, tlsCaFile = parsed.tlsCAFile): ChannelCredentials {
  const { userCertFile, userKeyFile } = parsed;
  return credentials.createSsl(
    tlsCaFile === undefined ? null : readFileSync(tlsCaFile),
    userKeyFile === undefined ? null : readFileSync(userKeyFile),
    userCertFile === undefined ? null : readFileSync(userCertFile),
  );
}

function authorization(user: DatabaseUser | undefined): { authorization?: string } {
  if (!user) return {};
  const token = Buffer.from(`${user.username}:${user.password}`).toString('base64');
  return { authorization: `Basic ${token}` };
}

/** -1 turns keepalive off, as in the client. */
function intervalOf(milliseconds = KEEPALIVE_MS): number {
  return milliseconds < 0 ? 2 ** 31 - 1 : milliseconds;
}
