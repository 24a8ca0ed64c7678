import { ServerFeaturesClient } from '@eventstore/db-client/generated/serverfeatures_grpc_pb.js';
import shared from '@eventstore/db-client/generated/shared_pb.js';
import { StreamsClient } from '@eventstore/db-client/generated/streams_grpc_pb.js';
import type { ReadReq, ReadResp } from '@eventstore/db-client/generated/streams_pb.js';
import type { EndPoint } from '@eventstore/db-client';
import { Metadata, status, type ClientReadableStream } from '@grpc/grpc-js';
import { AppendStream } from './append-stream.js';
import type { ConnectionSettings } from './connection-settings.js';
import { ServerSilent } from './server-errors.js';

interface Cancellable {
  cancel(): void;
}

/** A channel to one server and the calls on it. Is replaced as a whole, and never mended. */
export class ServerLink {
  readonly appends: AppendStream;
  readonly #client: StreamsClient;
  readonly #calls = new Set<Cancellable>();
  readonly #left = new AbortController();
  #messagesRead = 0;

  constructor(
    readonly endpoint: EndPoint,
    private readonly settings: ConnectionSettings,
  ) {
    const { channelCredentials, channelOptions } = settings;
    const target = `${endpoint.address}:${endpoint.port}`;
    this.#client = new StreamsClient(target, channelCredentials, channelOptions);
    this.appends = new AppendStream(() =>
      this.#kept(this.#client.batchAppend(this.#headers(true))),
    );
  }

  /** Aborted when the link is being replaced: whoever stays on it for long should move to the next one. */
  get left(): AbortSignal {
    return this.#left.signal;
  }

  /** Messages of all reads and subscriptions so far. */
  get messagesRead(): number {
    return this.#messagesRead;
  }

  /** @throws ServiceError, ServerSilent When the server cannot be reached or answers nothing in time. */
  async probe(timeoutMs: number): Promise<void> {
    const { channelCredentials } = this.settings;
    const channelOverride = this.#client.getChannel();
    const features = new ServerFeaturesClient('', channelCredentials, { channelOverride });
    await new Promise<void>((resolve, reject) => {
      const call = features.getSupportedMethods(new shared.Empty(), this.#headers(), (error) => {
        clearTimeout(timer);
        const isReached = !error || !UNREACHED.has(error.code);
        if (isReached) resolve();
        else reject(error);
      });
      const timer = setTimeout(() => {
        reject(new ServerSilent(`no answer to a probe in ${timeoutMs} ms`));
        call.cancel();
      }, timeoutMs);
    });
  }

  /** An error listener is attached already; further ones are for the caller. */
  read(request: ReadReq, requiresLeader: boolean): ClientReadableStream<ReadResp> {
    const call = this.#kept(this.#client.read(request, this.#headers(requiresLeader)));
    call.on('data', () => (this.#messagesRead += 1));
    return call;
  }

  /** Tells those who stay, leaves the others `graceMs` to finish, and cancels what is left then. */
  retire(graceMs: number): void {
    this.#left.abort();
    setTimeout(() => this.close(), graceMs).unref();
  }

  close(): void {
    this.#left.abort();
    for (const call of this.#calls) call.cancel();
    this.#calls.clear();
    this.#client.close();
  }

  #kept<Call extends Cancellable & NodeJS.EventEmitter>(call: Call): Call {
    this.#calls.add(call);
    // Always one listener for errors: without any, a broken connection would end the process.
    call.on('error', () => this.#calls.delete(call));
    call.on('end', () => this.#calls.delete(call));
    return call;
  }

  #headers(requiresLeader = false): Metadata {
    const metadata = new Metadata();
    for (const [key, value] of Object.entries(this.settings.headers)) metadata.set(key, value);
    if (requiresLeader) metadata.set('requires-leader', 'true');
    return metadata;
  }
}

/** Any other status is an answer of the server. */
const UNREACHED = new Set<number>([status.UNAVAILABLE, status.CANCELLED, status.DEADLINE_EXCEEDED]);
