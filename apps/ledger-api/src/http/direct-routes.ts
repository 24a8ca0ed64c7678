import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { InARow } from '@ledger/process';
import { urgencyOf, type Admission } from './admission.js';
import type { HttpReply, HttpRequest } from './exchange.js';

/** Serves one route. It answers every request, also those that it refuses, and never throws. */
export type DirectHandler = (request: HttpRequest, reply: HttpReply) => void | Promise<void>;

export interface DirectRoute {
  readonly path: string;
  readonly handler: DirectHandler;
  /** Called when the answer is complete, right before it is handed over. */
  readonly onSend: (request: HttpRequest, reply: HttpReply) => void;
}

export interface DirectRoutesOptions {
  readonly bodyBytesMax: number;
  readonly requestId: (request: IncomingMessage) => string;
  /** Called before anything else happens with a request. */
  readonly onRequest: (request: HttpRequest, reply: HttpReply) => void;
  readonly admission: Admission;
  /** Answers a request that was not let in, whatever its route. */
  readonly onRefused: (error: unknown, request: HttpRequest, reply: HttpReply) => void;
}

type Listener = (request: IncomingMessage, response: ServerResponse) => void;

/**
 * Routes that are answered on node:http itself: Fastify's and Nest's part in a request costs more than
 * judging a secret (docs/performance.md). Taken are only plain requests, whose JSON body is announced with
 * its length. Everything else about a request is for Fastify, which serves the same routes by the same
 * handlers.
 */
export class DirectRoutes {
  readonly #routes = new Map<string, DirectRoute>();
  readonly #arrived = new InARow(setImmediate);
  readonly #answered = new InARow((write) => process.nextTick(write));

  constructor(private readonly options: DirectRoutesOptions) {}

  add(route: DirectRoute): void {
    this.#routes.set(route.path, route);
  }

  /** A server that answers these routes, and hands all other requests that are let in to `rest`. */
  serve(rest: Listener, server: Parameters<typeof createServer>[0]): Server {
    return createServer(server ?? {}, (raw, response) => {
      const route = raw.method === 'POST' ? this.#routes.get(raw.url!) : undefined;
      if (route && this.#isPlain(raw)) this.#answer(route, raw, response);
      else this.#admit(rest, raw, response);
    });
  }

  /** Refused here, a request costs a fraction of what it costs to be refused by a hook of Fastify. */
  #admit(rest: Listener, raw: IncomingMessage, response: ServerResponse): void {
    const { admission, requestId, onRequest, onRefused } = this.options;
    const urgency = urgencyOf(raw.method!, raw.url!);
    if (admission.enter(urgency)) {
      response.once('close', () => admission.leave(urgency));
      return rest(raw, response);
    }
    admission.refuse((error) => {
      const request = new DirectRequest(raw, requestId(raw));
      const reply = new DirectReply(response, request, () => undefined, this.#answered);
      onRequest(request, reply);
      onRefused(error, request, reply);
    });
  }

  #isPlain(raw: IncomingMessage): boolean {
    const { headers } = raw;
    const length = bodyLength(raw);
    return (
      length > 0 &&
      length <= this.options.bodyBytesMax &&
      headers['content-type'] === 'application/json' &&
      headers['content-encoding'] === undefined &&
      headers['transfer-encoding'] === undefined
    );
  }

  #answer(route: DirectRoute, raw: IncomingMessage, response: ServerResponse): void {
    const request = new DirectRequest(raw, this.options.requestId(raw));
    const reply = new DirectReply(response, request, route.onSend, this.#answered);
    this.options.onRequest(request, reply);
    // A short body comes along with its head and is there by then. Listening for it costs more than finding
    // out whose secret it holds.
    this.#arrived.add(() => {
      if (raw.readableLength < bodyLength(raw)) return this.#listen(route, raw, request, reply);
      request.received(raw.read() as Buffer);
      this.#handle(route, request, reply);
    });
  }

  /** Whoever goes away before the end gets no answer, and nothing is begun for them. */
  #listen(
    route: DirectRoute,
    raw: IncomingMessage,
    request: DirectRequest,
    reply: DirectReply,
  ): void {
    raw.on('data', (chunk: Buffer) => request.received(chunk));
    raw.on('end', () => this.#handle(route, request, reply));
  }

  /** What is answered at once never counts as under way. */
  #handle({ handler }: DirectRoute, request: HttpRequest, reply: HttpReply): void {
    const { admission, onRefused } = this.options;
    if (!admission.enter('urgent')) {
      return admission.refuse((error) => onRefused(error, request, reply));
    }
    const answering = handler(request, reply);
    if (answering instanceof Promise) void answering.finally(() => admission.leave('urgent'));
    else admission.leave('urgent');
  }
}

function bodyLength({ headers }: IncomingMessage): number {
  return Number(headers['content-length']);
}

class DirectRequest implements HttpRequest {
  readonly startedAt = performance.now();
  readonly is404 = false;
  readonly params = NOTHING;
  readonly query = NOTHING;
  #body: Buffer | undefined;

  constructor(
    readonly raw: IncomingMessage,
    readonly id: string,
  ) {}

  get method(): string {
    return this.raw.method!;
  }

  get url(): string {
    return this.raw.url!;
  }

  get headers(): IncomingMessage['headers'] {
    return this.raw.headers;
  }

  get ip(): string {
    return this.raw.socket.remoteAddress ?? '';
  }

  get body(): Buffer | undefined {
    return this.#body;
  }

  /** Most bodies come in one piece. */
  received(chunk: Buffer): void {
    this.#body = this.#body ? Buffer.concat([this.#body, chunk]) : chunk;
  }
}

const NOTHING = {};

class DirectReply implements HttpReply {
  statusCode = 200;
  /** Names and values in turn, as node:http writes them fastest. */
  readonly #headers: string[] = [];

  constructor(
    private readonly raw: ServerResponse,
    private readonly request: HttpRequest,
    private readonly onSend: DirectRoute['onSend'],
    private readonly answered: InARow,
  ) {}

  code(status: number): this {
    this.statusCode = status;
    return this;
  }

  header(name: string, value: string): this {
    const at = this.#placeOf(name);
    if (at < 0) this.#headers.push(name, value);
    else this.#headers[at + 1] = value;
    return this;
  }

  headers(headers: Readonly<Record<string, string>>): this {
    for (const [name, value] of Object.entries(headers)) this.header(name, value);
    // Fastify says it of every kind of JSON.
    const type = headers['content-type'];
    if (type?.endsWith('json')) this.header('content-type', `${type}; charset=utf-8`);
    return this;
  }

  hasHeader(name: string): boolean {
    return this.#placeOf(name) >= 0;
  }

  send(text: string): void {
    this.onSend(this.request, this);
    this.#headers.push('content-length', String(Buffer.byteLength(text)));
    this.raw.writeHead(this.statusCode, this.#headers);
    this.answered.add(() => this.raw.end(text));
  }

  /** There are so few that looking at each is the fastest way. */
  #placeOf(name: string): number {
    for (let at = 0; at < this.#headers.length; at += 2) if (this.#headers[at] === name) return at;
    return -1;
  }
}
