import { grantedMs } from './granted-time.js';
import { checkAnswer, shapeOf, type Operation } from './socket-contract.js';

/** What an answer may take of the time that this process has, hostile bodies included: only what hangs takes longer. */
const ANSWER_MS_MAX = 20_000;

export type Credential =
  | { readonly scheme: 'bearer' | 'basic'; readonly secret: string }
  | { readonly header: string }
  | null;

/** One request. What is left out is taken from the operation, or not sent. */
export interface SocketRequest {
  readonly org?: string;
  readonly query?: Readonly<Record<string, string | number>> | string;
  /** An object is sent as JSON; text, bytes and streams as they are. */
  readonly body?: object | string | Uint8Array | ReadableStream;
  readonly headers?: Readonly<Record<string, string>>;
  /** Path below `/v0` instead of the operation's own, for aliases. */
  readonly path?: string;
  readonly method?: string;
  /** True where the same secret may be answered again: the repeat of an idempotent request. */
  readonly repeats?: boolean;
}

export interface SocketAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface Created {
  readonly created_by: string | null;
  readonly group_uuid: string;
  readonly token: string;
  readonly hash: string;
}

export interface Rotated extends Created {
  readonly id: string;
}

export interface ListItem {
  readonly committers: readonly Readonly<Record<string, string>>[];
  readonly created_by: string | null;
  readonly created_at: string;
  readonly group_uuid: string;
  readonly hash: string;
  readonly id: string;
  readonly last_used_at: string;
  readonly max_quota: number;
  readonly name: string;
  readonly scopes: readonly string[];
  readonly token: string | null;
  readonly visibility: string;
}

export interface AuditItem {
  readonly [field: string]: unknown;
  readonly type: string;
  readonly created_at: string;
  readonly payload: Readonly<Record<string, unknown>>;
}

/** The secrets that were issued so far: each may appear in the one answer that issued it. */
export class IssuedSecrets {
  readonly #secrets = new Set<string>();

  add(secret: string): void {
    this.#secrets.add(secret);
  }

  get all(): readonly string[] {
    return [...this.#secrets];
  }

  /** @throws Error When a text repeats a secret that was issued before. */
  checkAbsent(text: string, where: string): void {
    for (const secret of this.#secrets) {
      if (text.includes(secret)) throw new Error(`${where} repeats an issued secret`);
    }
  }
}

/** Calls the dialect over a real connection and holds every answer against its published contract. */
export class SocketClient {
  constructor(
    private readonly url: string,
    private readonly credential: Credential,
    private readonly issued: IssuedSecrets,
    private readonly org: string,
  ) {}

  async call(operation: Operation, request: SocketRequest = {}): Promise<SocketAnswer> {
    const shape = shapeOf(operation);
    const path = request.path ?? shape.path;
    const org = encodeURIComponent(request.org ?? this.org);
    const answer = await this.send(path.replace('{org_slug}', org), {
      ...request,
      method: request.method ?? shape.method,
    });
    checkAnswer(operation, answer.status, answer.body);
    this.#checkHeaders(answer);
    this.#checkSecrets(operation, answer, request.repeats ?? false);
    return answer;
  }

  /** A request that need not be one of an operation; only its time is checked. */
  async send(path: string, request: SocketRequest = {}): Promise<SocketAnswer> {
    const { query = {}, body, headers = {}, method = 'GET' } = request;
    const search = typeof query === 'string' ? query : asQuery(query);
    const isJson = typeof body === 'object' && Object.getPrototypeOf(body) === Object.prototype;
    const startedAt = grantedMs();
    const response = await fetch(`${this.url}/v0${path}${search ? `?${search}` : ''}`, {
      method,
      headers: {
        ...authorization(this.credential),
        ...(isJson ? { 'content-type': 'application/json' } : {}),
        ...headers,
      },
      ...(body === undefined ? {} : { body: isJson ? JSON.stringify(body) : (body as string) }),
      ...(body instanceof ReadableStream ? { duplex: 'half' as const } : {}),
    });
    const text = await response.text();
    const took = grantedMs() - startedAt;
    if (took > ANSWER_MS_MAX) throw new Error(`${method} ${path} took ${took} ms`);
    const { status } = response;
    return { status, headers: response.headers, text, body: text === '' ? {} : JSON.parse(text) };
  }

  async create(body: object, request: SocketRequest = {}): Promise<Created> {
    return (await this.#succeed('create', { ...request, body })) as unknown as Created;
  }

  async rotate(body: object, request: SocketRequest = {}): Promise<Rotated> {
    return (await this.#succeed('rotate', { ...request, body })) as unknown as Rotated;
  }

  async list(query: SocketRequest['query'] = {}): Promise<{
    readonly tokens: readonly ListItem[];
    readonly nextPage: number | null;
  }> {
    const body = await this.#succeed('list', { query });
    return body as unknown as { tokens: readonly ListItem[]; nextPage: number | null };
  }

  /** The listed token of this id, or undefined. */
  async listed(uuid: string): Promise<ListItem | undefined> {
    const { tokens } = await this.list({ per_page: 100 });
    return tokens.find(({ group_uuid: id }) => id === uuid);
  }

  async auditLog(query: SocketRequest['query'] = {}): Promise<{
    readonly results: readonly AuditItem[];
    readonly nextPage: string | null;
  }> {
    const body = await this.#succeed('auditLog', { query });
    return body as unknown as { results: readonly AuditItem[]; nextPage: string | null };
  }

  /** Units that are left in the current window. */
  async remaining(): Promise<number> {
    const { quota } = await this.#succeed('quota', {});
    return quota as number;
  }

  async #succeed(operation: Operation, request: SocketRequest): Promise<SocketAnswer['body']> {
    const { status, body, text } = await this.call(operation, request);
    if (status !== 200) throw new Error(`${operation} answered ${status}: ${text}`);
    return body;
  }

  #checkHeaders({ status, headers }: SocketAnswer): void {
    if (headers.get('cache-control') !== 'no-store') throw new Error('the answer may be cached');
    if (!headers.get('content-type')?.startsWith('application/json')) throw new Error('no JSON');
    if (headers.has('etag')) throw new Error('the answer has an entity tag');
    if (headers.has('www-authenticate') !== (status === 401)) throw new Error('wrong challenge');
    if (headers.has('retry-after') !== [429, 503].includes(status)) {
      throw new Error('Retry-After belongs to 429 and 503');
    }
  }

  #checkSecrets(
    operation: Operation,
    { status, body, text }: SocketAnswer,
    repeats: boolean,
  ): void {
    const issues = status === 200 && (operation === 'create' || operation === 'rotate');
    if (!issues || !repeats) this.issued.checkAbsent(text, operation);
    if (issues) this.issued.add(body['token'] as string);
  }
}

function asQuery(query: Readonly<Record<string, string | number>>): string {
  return Object.entries(query)
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    .join('&');
}

function authorization(credential: Credential): Record<string, string> {
  if (credential === null) return {};
  if ('header' in credential) return { authorization: credential.header };
  const { scheme, secret } = credential;
  return {
    authorization: scheme === 'bearer' ? `Bearer ${secret}` : `Basic ${btoa(`${secret}:`)}`,
  };
}
