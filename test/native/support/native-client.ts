import { grantedMs } from '../../support/granted-time.js';
import { checkAnswer } from './native-contract.js';

/** What an answer may take of the time that this process has: only what hangs takes longer. */
const ANSWER_MS_MAX = 20_000;

export interface NativeCall {
  /** An object is sent as JSON; text and bytes as they are. */
  readonly body?: object | string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string | number>>;
  /** True where a secret may be answered again: the repeat of an idempotent request. */
  readonly repeats?: boolean;
}

export interface NativeAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- Tests look into answers of every shape.
  readonly body: any;
}

/** The secrets that were answered so far: each may appear in the one answer that issued it. */
export class IssuedSecrets {
  readonly #secrets = new Set<string>();

  add(secret: string): void {
    this.#secrets.add(secret);
  }

  /** @throws Error When a text repeats a secret that was issued before. */
  checkAbsent(text: string, where: string): void {
    for (const secret of this.#secrets) {
      if (text.includes(secret)) throw new Error(`${where} repeats an issued secret`);
    }
  }
}

/** Calls the native API over a real connection, and holds every answer against its published contract. */
export class NativeClient {
  constructor(
    readonly url: string,
    /** The whole Authorization header, or null for none. */
    readonly authorization: string | null,
    private readonly issued: IssuedSecrets,
  ) {}

  get(path: string, call: NativeCall = {}): Promise<NativeAnswer> {
    return this.call('GET', path, call);
  }

  post(path: string, body?: NativeCall['body'], call: NativeCall = {}): Promise<NativeAnswer> {
    return this.call('POST', path, body === undefined ? call : { ...call, body });
  }

  patch(path: string, body: NativeCall['body'], call: NativeCall = {}): Promise<NativeAnswer> {
    return this.call('PATCH', path, { ...call, body: body ?? {} });
  }

  form(path: string, fields: Record<string, string> | string): Promise<NativeAnswer> {
    const body = typeof fields === 'string' ? fields : String(new URLSearchParams(fields));
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    return this.call('POST', path, { body, headers });
  }

  async call(method: string, path: string, call: NativeCall = {}): Promise<NativeAnswer> {
    const { body, headers = {}, query, repeats = false } = call;
    const isPlain = typeof body === 'object' && !(body instanceof Uint8Array);
    const search = query ? `?${new URLSearchParams(query as Record<string, string>)}` : '';
    const startedAt = grantedMs();
    const response = await fetch(`${this.url}${path}${search}`, {
      method,
      headers: {
        ...(this.authorization === null ? {} : { authorization: this.authorization }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: isPlain ? JSON.stringify(body) : (body as string) }),
    });
    const text = await response.text();
    const took = grantedMs() - startedAt;
    if (took > ANSWER_MS_MAX) throw new Error(`${method} ${path} took ${took} ms`);
    const { status } = response;
    const parsed = parse(text, response.headers.get('content-type') ?? '');
    // An answer to HEAD has no body that could be checked.
    if (method !== 'HEAD') {
      checkAnswer({ method, path, status, headers: response.headers, body: parsed });
      this.#checkSecrets(`${method} ${path}`, text, parsed, repeats);
    }
    return { status, headers: response.headers, text, body: parsed };
  }

  #checkSecrets(where: string, text: string, body: unknown, repeats: boolean): void {
    const { secret } = (body ?? {}) as { secret?: unknown };
    if (!repeats) this.issued.checkAbsent(text, where);
    if (typeof secret === 'string') this.issued.add(secret);
  }
}

/** A body as its media type says: lines of JSON become a list. */
function parse(text: string, type: string): unknown {
  if (type.startsWith('application/x-ndjson')) {
    return text
      .split('\n')
      .filter(Boolean)
      .map((line): unknown => JSON.parse(line));
  }
  if (text === '') return undefined;
  return type.includes('json') ? JSON.parse(text) : text;
}
