import type { EndPoint } from '@eventstore/db-client';
import { discoverEndpoint } from '@eventstore/db-client/dist/Client/discovery.js';
import { StoreUnavailable } from '../../event-store.js';
import { backOff } from './backoff.js';
import type { ConnectionSettings } from './connection-settings.js';
import { leaderNamedBy } from './server-errors.js';
import { ServerLink } from './server-link.js';

/** Counters since the store was opened. */
export interface LinkStats {
  readonly isConnected: boolean;
  /** Links made so far; all but the first replaced one. */
  readonly links: number;
  /** Attempts to connect that failed. */
  readonly failedAttempts: number;
  /** `host:port` of the server in use, or of the last one. */
  readonly endpoint: string | undefined;
}

interface Waiting {
  readonly resolve: (link: ServerLink) => void;
  readonly reject: (error: StoreUnavailable) => void;
}

const CLOSED = 'the event store is closed';

/**
 * Keeps a link to the leader. A link that broke, or that answers nothing any more, is given up whole and the next
 * one is looked for at once: a server that hangs never says so, and a channel to it would wait with it for ever.
 */
export class ServerConnection {
  readonly #closed = new AbortController();
  readonly #waiting = new Set<Waiting>();
  #link: ServerLink | undefined;
  #leader: EndPoint | undefined;
  #failed: EndPoint | undefined;
  #lastError: Error | undefined;
  #isConnecting = false;
  #links = 0;
  #failedAttempts = 0;

  /** @param patienceMs How long a server may take to answer a probe, and a retired link to finish its calls. */
  constructor(
    private readonly settings: ConnectionSettings,
    private readonly patienceMs: number,
  ) {
    this.#connect();
  }

  get stats(): LinkStats {
    const endpoint = this.#link?.endpoint ?? this.#failed;
    return {
      isConnected: this.#link !== undefined,
      links: this.#links,
      failedAttempts: this.#failedAttempts,
      endpoint: endpoint && `${endpoint.address}:${endpoint.port}`,
    };
  }

  /** @throws StoreUnavailable When there is no link in time. */
  link(timeoutMs: number): Promise<ServerLink> {
    if (this.#link) return Promise.resolve(this.#link);
    if (this.#closed.signal.aborted) return Promise.reject(new StoreUnavailable(CLOSED));
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        const message = `no connection to the database in ${Math.round(timeoutMs)} ms`;
        this.#waiting.delete(waiting);
        reject(new StoreUnavailable(message, { cause: this.#lastError }));
      }, timeoutMs);
      const waiting: Waiting = {
        resolve: (link) => {
          clearTimeout(timer);
          resolve(link);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      };
      this.#waiting.add(waiting);
    });
  }

  /** To be called by whoever finds a link of no more use. Does nothing when another one was faster. */
  giveUp(link: ServerLink, error: Error): void {
    if (this.#link !== link) return;
    this.#link = undefined;
    this.#failed = link.endpoint;
    this.#leader = leaderNamedBy(error);
    this.#lastError = error;
    link.retire(this.patienceMs);
    this.#connect();
  }

  close(): void {
    this.#closed.abort();
    this.#link?.close();
    this.#link = undefined;
    for (const { reject } of this.#waiting) reject(new StoreUnavailable(CLOSED));
    this.#waiting.clear();
  }

  #connect(): void {
    if (this.#isConnecting) return;
    this.#isConnecting = true;
    void this.#untilConnected();
  }

  async #untilConnected(): Promise<void> {
    for (let attempt = 1; !this.#closed.signal.aborted; attempt += 1) {
      try {
        return this.#use(await this.#probed());
      } catch (error) {
        this.#failedAttempts += 1;
        this.#lastError = error as Error;
        await backOff(attempt, this.#closed.signal);
      }
    }
  }

  #use(link: ServerLink): void {
    if (this.#closed.signal.aborted) return link.close();
    this.#isConnecting = false;
    this.#links += 1;
    this.#link = link;
    for (const { resolve } of this.#waiting) resolve(link);
    this.#waiting.clear();
  }

  async #probed(): Promise<ServerLink> {
    const endpoint = await this.#locate();
    const link = new ServerLink(endpoint, this.settings);
    try {
      await link.probe(this.patienceMs);
      return link;
    } catch (error) {
      this.#failed = endpoint;
      link.close();
      throw error;
    }
  }

  /** Where the last server sent us, else the one server there is, else the leader that gossip names. */
  async #locate(): Promise<EndPoint> {
    const { endpoint, discovery, channelCredentials } = this.settings;
    const leader = this.#leader;
    this.#leader = undefined;
    if (leader) return leader;
    if (endpoint) return endpoint;
    if (!discovery) throw new RangeError('the connection string names no server');
    return discoverEndpoint(discovery, channelCredentials, this.#failed);
  }
}
