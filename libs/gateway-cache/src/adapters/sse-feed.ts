import type { EventSourceMessage } from 'eventsource-parser';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  LEDGER_POSITION,
  MESSAGE_TYPES,
  parseLedgerPosition,
  parseMessage,
  type MessageType,
} from '@ledger/publishing';
import type { FeedListener, FeedLoss, InvalidationFeed } from '../feed/invalidation-feed.js';
import { ReconnectDelay } from '../feed/reconnect-delay.js';
import type { GatewayLog } from '../gateway-log.js';
import { readEvents, StreamBroken } from './sse-events.js';

/** The ledger gives a sign of life every second. */
const SILENCE_MS = 3_000;
const CONNECT_MS_MAX = 5_000;
const PATH = '/v1/invalidations';
/** A node that lags may refuse a position once; a ledger that was put back refuses it again. */
const AHEAD_MAX = 2;

export interface SseFeedOptions {
  /** Origin of the ledger. */
  readonly url: string;
  /** The gateway's own secret. Never logged. */
  readonly token: string;
  readonly log: GatewayLog;
  readonly silenceMs?: number;
}

/** The ledger refuses the stream. */
class StreamRefused extends Error {
  override readonly name = 'StreamRefused';

  constructor(readonly status: number) {
    super(`the ledger answers ${PATH} with ${status}`);
  }
}

/** Messages from the ledger itself, over a stream that goes on where it broke. */
export class SseFeed implements InvalidationFeed {
  readonly #closing = new AbortController();
  readonly #delay = new ReconnectDelay();
  #running: Promise<void> = Promise.resolve();
  #listener!: FeedListener;
  /** Position of the last event; null when the next stream starts at the present. */
  #lastId: bigint | null = null;
  #source: string | null = null;
  #log: 'same' | 'another' = 'same';
  #timesAhead = 0;
  #isLive = false;
  readonly #unknown = new Set<string>();

  constructor(private readonly options: SseFeedOptions) {}

  open(listener: FeedListener): void {
    this.#listener = listener;
    this.#running = this.#run();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      try {
        await this.#follow();
      } catch (error) {
        if (signal.aborted) return;
        this.#isLive = false;
        this.#listener.lost(this.#lossOf(error));
      }
      await sleep(this.#delay.next(), undefined, { signal }).catch(() => undefined);
    }
  }

  async #follow(): Promise<never> {
    const { silenceMs = SILENCE_MS } = this.options;
    const response = await this.#connect();
    const { statusCode: status = 0, headers } = response;
    if (status !== 200 || !headers['content-type']?.startsWith('text/event-stream')) {
      response.destroy();
      throw new StreamRefused(status);
    }
    return readEvents(response, silenceMs, (event) => {
      if (!this.#closing.signal.aborted) this.#take(event);
    });
  }

  /** A connection of its own, which ends with the stream. */
  #connect(): Promise<IncomingMessage> {
    const { url, token } = this.options;
    const target = new URL(PATH, url);
    const send = target.protocol === 'https:' ? httpsRequest : httpRequest;
    return new Promise((resolve, reject) => {
      const request = send(target, {
        ...{ agent: false, signal: this.#closing.signal, timeout: CONNECT_MS_MAX },
        headers: {
          authorization: `Bearer ${token}`,
          accept: 'text/event-stream',
          ...(this.#lastId === null ? {} : { 'last-event-id': String(this.#lastId) }),
        },
      });
      request.on('timeout', () => request.destroy(new StreamBroken('silent', 'no answer came')));
      request.on('error', reject);
      request.on('response', resolve);
      request.end();
    });
  }

  #take({ event: name = '', id, data }: EventSourceMessage): void {
    const position = id !== undefined && /^\d{1,20}$/.test(id) ? BigInt(id) : undefined;
    // Without a place in the log nobody knows what it is about, nor what would be missing after it.
    if (position === undefined) throw new StreamBroken('unreadable', 'an event has no position');
    this.#delay.reset();
    this.#timesAhead = 0;
    if (!this.#isLive && this.#lastId !== null) {
      this.#isLive = true;
      this.#listener.resumed();
    }
    if (name === LEDGER_POSITION) this.#takeMark(data, position);
    else if (isMessageType(name)) this.#takeMessage(name, data, position);
    else this.#passOver(name);
    if (!this.#isLive) return;
    this.#lastId = position;
    this.#listener.reached(position);
  }

  /** The first mark of a stream without a past says where it starts. */
  #takeMark(data: string, position: bigint): void {
    try {
      parseLedgerPosition(JSON.parse(data));
    } catch {
      throw new StreamBroken('unreadable', 'a mark is malformed');
    }
    if (this.#isLive) return;
    this.#isLive = true;
    this.#listener.began(position, this.#log);
    this.#log = 'same';
  }

  #takeMessage(type: MessageType, text: string, position: bigint): void {
    try {
      const { id, source, data } = JSON.parse(text) as Record<string, unknown>;
      const message = parseMessage(type, String(id), data);
      const isElsewhere = this.#source !== null && source !== this.#source;
      this.#source = String(source);
      if (isElsewhere && this.#isLive) this.#listener.began(position, 'another');
      this.#listener.message(message);
    } catch (error) {
      // What it said is missing, so that nothing from before it can be relied on. What follows can.
      const { message: detail } = error as Error;
      this.#listener.lost({ cause: 'unreadable', detail: `${type} at ${position}: ${detail}` });
      if (this.#isLive) this.#listener.began(position, 'same');
    }
  }

  /** A newer ledger may say more than this version knows, and nothing that it must know. */
  #passOver(name: string): void {
    if (this.#unknown.has(name) || this.#unknown.size > 20) return;
    this.#unknown.add(name);
    this.options.log.warn('feed.unknown-message', { type: name.slice(0, 64) });
  }

  #lossOf(error: unknown): FeedLoss {
    if (error instanceof StreamBroken) {
      // It would be met again at the same place: the present is a place that works.
      if (error.loss === 'unreadable') this.#lastId = null;
      return { cause: error.loss, detail: error.message };
    }
    if (!(error instanceof StreamRefused)) {
      const { code, name } = error as NodeJS.ErrnoException;
      return { cause: 'disconnected', detail: code ?? name };
    }
    if (error.status === 400 && this.#lastId !== null && (this.#timesAhead += 1) >= AHEAD_MAX) {
      // The log is shorter than what was read of it: it is not the one that it was.
      this.#lastId = null;
      this.#log = 'another';
    }
    const isDown = error.status >= 500;
    return { cause: isDown ? 'disconnected' : 'refused', detail: error.message };
  }
}

function isMessageType(name: string): name is MessageType {
  return (MESSAGE_TYPES as readonly string[]).includes(name);
}
