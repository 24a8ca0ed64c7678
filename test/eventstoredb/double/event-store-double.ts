import {
  Server,
  ServerCredentials,
  status,
  type sendUnaryData,
  type ServerUnaryCall,
  type Metadata,
  type ServerErrorResponse,
} from '@grpc/grpc-js';
import { GossipService } from '@eventstore/db-client/generated/gossip_grpc_pb.js';
import gossip from '@eventstore/db-client/generated/gossip_pb.js';
import { ServerFeaturesService } from '@eventstore/db-client/generated/serverfeatures_grpc_pb.js';
import features from '@eventstore/db-client/generated/serverfeatures_pb.js';
import shared from '@eventstore/db-client/generated/shared_pb.js';
import { StreamsService } from '@eventstore/db-client/generated/streams_grpc_pb.js';
import { randomUUID } from 'node:crypto';
import { AppendService } from './append-service.js';
import { EventLog } from './event-log.js';
import { Faults, type Endpoint } from './faults.js';
import { ReadService } from './read-service.js';
import { TcpFront } from './tcp-front.js';
import { rpcError, rpcErrors } from './wire.js';

const LEADER = 8;
const FOLLOWER = 6;

export interface DoubleOptions {
  /** Shared by the members of a cluster. */
  readonly log?: EventLog;
  /** Members as gossip tells them; by default this server alone, leading. */
  readonly members?: () => readonly Member[];
  /** Certificate and key in PEM form; plaintext without them. */
  readonly tls?: { readonly cert: Buffer; readonly key: Buffer };
  /** Who may call; anyone without it. */
  readonly user?: { readonly username: string; readonly password: string };
}

export interface Member extends Endpoint {
  readonly isLeader: boolean;
  readonly isAlive: boolean;
}

/**
 * An EventStoreDB that speaks the protocol and keeps its log in memory: it answers as the recorded server does, and
 * fails on demand. A server of this process behind a TCP front on a port of its own.
 */
export class EventStoreDouble {
  readonly faults = new Faults();
  readonly front = new TcpFront();
  readonly appends: AppendService;
  readonly reads: ReadService;
  #log: EventLog;
  #server: Server | undefined;

  private constructor(private readonly options: DoubleOptions) {
    this.#log = options.log ?? new EventLog();
    this.appends = new AppendService(() => this.#log, this.faults);
    this.reads = new ReadService(() => this.#log, this.faults);
  }

  static async start(options: DoubleOptions = {}): Promise<EventStoreDouble> {
    const double = new EventStoreDouble(options);
    await double.start();
    return double;
  }

  get log(): EventLog {
    return this.#log;
  }

  get endpoint(): Endpoint {
    return { address: '127.0.0.1', port: this.front.port };
  }

  get connectionString(): string {
    const tls = this.options.tls !== undefined;
    return `esdb://${tls ? 'localhost' : '127.0.0.1'}:${this.front.port}?tls=${tls}`;
  }

  /** On the port of before, with the log of before or with an empty one. */
  async start({ keepLog = true }: { readonly keepLog?: boolean } = {}): Promise<void> {
    if (!keepLog) this.#log = new EventLog();
    const server = new Server();
    const streams = this.#guarded();
    server.addService(StreamsService, streams);
    server.addService(ServerFeaturesService, { getSupportedMethods: answerFeatures });
    server.addService(GossipService, {
      read: (_call: unknown, answer: sendUnaryData<gossip.ClusterInfo>) =>
        answer(null, clusterInfo(this.options.members?.() ?? [this.#self()])),
    });
    const { tls } = this.options;
    const credentials = tls
      ? ServerCredentials.createSsl(null, [{ cert_chain: tls.cert, private_key: tls.key }])
      : ServerCredentials.createInsecure();
    const insidePort = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', credentials, (error, port) =>
        error ? reject(error) : resolve(port),
      );
    });
    this.#server = server;
    await this.front.listen(insidePort);
  }

  /** Gone from one moment to the next, as a killed process. */
  async stop(): Promise<void> {
    await this.front.close();
    this.#server?.forceShutdown();
    this.#server = undefined;
  }

  dropSubscriptions(code: number = status.UNAVAILABLE): void {
    this.reads.dropSubscriptions(rpcError(code, 'dropped by the test'));
  }

  #self(): Member {
    return { ...this.endpoint, isLeader: true, isAlive: true };
  }

  /** Every call shows who it is from, and those that demand the leader are sent to it. */
  #guarded() {
    const { appends, reads } = this;
    return {
      append: this.#unary(appends.append.bind(appends)),
      delete: this.#unary(appends.delete.bind(appends)),
      tombstone: this.#unary(appends.tombstone.bind(appends)),
      batchAppend: this.#streaming(appends.batchAppend.bind(appends)),
      read: this.#streaming((call: Parameters<ReadService['read']>[0]) => void reads.read(call)),
    };
  }

  #unary<Call extends { readonly metadata: Metadata }, Response>(
    handle: (call: Call, answer: sendUnaryData<Response>) => void,
  ) {
    return (call: Call, answer: sendUnaryData<Response>): void => {
      const refusal = this.#refusal(call.metadata);
      if (refusal) answer(refusal);
      else handle(call, answer);
    };
  }

  #streaming<
    Call extends { readonly metadata: Metadata; emit(event: string, error: Error): boolean },
  >(handle: (call: Call) => void) {
    return (call: Call): void => {
      const refusal = this.#refusal(call.metadata);
      if (refusal) call.emit('error', refusal as ServerErrorResponse);
      else handle(call);
    };
  }

  #refusal(metadata: Metadata): ServerErrorResponse | undefined {
    const { user } = this.options;
    if (user) {
      const expected = Buffer.from(`${user.username}:${user.password}`).toString('base64');
      const [authorization] = metadata.get('authorization');
      if (authorization !== `Basic ${expected}`) return rpcErrors.unauthenticated();
    }
    const demandsLeader = metadata.get('requires-leader')[0] === 'true';
    const { leader } = this.faults;
    return leader && demandsLeader ? rpcErrors.notLeader(leader) : undefined;
  }
}

/** Method names as a 24.6 server lists them, in lower case. */
const METHODS = [
  ['event_store.client.streams.streams', 'append', []],
  ['event_store.client.streams.streams', 'batchappend', ['deadline_duration']],
  ['event_store.client.streams.streams', 'delete', []],
  ['event_store.client.streams.streams', 'read', ['position', 'events']],
  ['event_store.client.streams.streams', 'tombstone', []],
  ['event_store.client.gossip.gossip', 'read', []],
  ['event_store.client.server_features.serverfeatures', 'getsupportedmethods', []],
] as const;

function answerFeatures(
  _call: ServerUnaryCall<unknown, unknown>,
  answer: sendUnaryData<features.SupportedMethods>,
): void {
  const methods = METHODS.map(([service, method, supported]) =>
    new features.SupportedMethod()
      .setServiceName(service)
      .setMethodName(method)
      .setFeaturesList([...supported]),
  );
  const answerMethods = new features.SupportedMethods().setMethodsList(methods);
  answer(null, answerMethods.setEventStoreServerVersion('24.6.0'));
}

function clusterInfo(members: readonly Member[]): gossip.ClusterInfo {
  return new gossip.ClusterInfo().setMembersList(
    members.map(({ address, port, isLeader, isAlive }) =>
      new gossip.MemberInfo()
        .setInstanceId(new shared.UUID().setString(randomUUID()))
        .setTimeStamp('0')
        .setState(isLeader ? LEADER : FOLLOWER)
        .setIsAlive(isAlive)
        .setHttpEndPoint(new gossip.EndPoint().setAddress(address).setPort(port)),
    ),
  );
}
