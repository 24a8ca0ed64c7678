import { grantedMs } from './granted-time.js';
import { IssuedSecrets } from './socket-client.js';

/** What an answer may take of the time that this process has, hostile bodies included: only what hangs takes longer. */
const ANSWER_MS_MAX = 20_000;
export const ADMIN_KEYS = '/api/admin/api-keys';

/** One request; what is left out is not sent. */
export interface SocmateRequest {
  /** An object is sent as JSON; text and bytes as they are. */
  readonly body?: object | string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
  /** True where a key may be answered again: the repeat of an idempotent request. */
  readonly repeats?: boolean;
}

export interface SocmateAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- Tests look into answers of every shape.
  readonly body: any;
}

export interface CreatedKey {
  readonly id: string;
  readonly key_id: string;
  readonly api_key: string;
  readonly name: string;
  readonly scopes: readonly string[];
  readonly expires_at: string | null;
  readonly header_name: string;
}

export interface RotatedKey {
  readonly key_id: string;
  readonly api_key: string;
  readonly expires_at: string | null;
  readonly previous_key_expires_at: string | null;
}

export interface ListedKey {
  readonly key_id: string;
  readonly key_prefix: string;
  readonly name: string;
  readonly status: string;
  readonly created_by: string;
  readonly created_at: string;
  readonly updated_at: string;
  readonly expires_at: string | null;
  readonly last_used_at: string | null;
  readonly last_rotated_at: string | null;
  readonly previous_key_expires_at: string | null;
}

/** Calls the dialect over a real connection, and holds every answer against what all have in common. */
export class SocmateClient {
  constructor(
    private readonly url: string,
    private readonly credential: Readonly<Record<string, string>>,
    private readonly issued: IssuedSecrets,
  ) {}

  async send(method: string, path: string, request: SocmateRequest = {}): Promise<SocmateAnswer> {
    const { body, headers = {}, repeats = false } = request;
    const isPlain = typeof body === 'object' && !(body instanceof Uint8Array);
    const startedAt = grantedMs();
    const response = await fetch(`${this.url}${path}`, {
      method,
      headers: {
        ...this.credential,
        ...(isPlain ? { 'content-type': 'application/json' } : {}),
        ...headers,
      },
      ...(body === undefined ? {} : { body: isPlain ? JSON.stringify(body) : (body as string) }),
    });
    const text = await response.text();
    const took = grantedMs() - startedAt;
    if (took > ANSWER_MS_MAX) throw new Error(`${method} ${path} took ${took} ms`);
    const isJson = response.headers.get('content-type')?.includes('json') ?? false;
    const answer = {
      ...{ status: response.status, headers: response.headers, text },
      body: isJson && text !== '' ? (JSON.parse(text) as unknown) : undefined,
    };
    checkCommon(answer);
    this.#checkKeys(`${method} ${path}`, answer, repeats);
    return answer;
  }

  async create(body: object = {}, request: SocmateRequest = {}): Promise<CreatedKey> {
    const key = { name: 'ci', scopes: ['incidents:read'], ...body };
    return (await this.#ok(201, 'POST', ADMIN_KEYS, { ...request, body: key })) as CreatedKey;
  }

  async rotate(
    keyId: string,
    body?: SocmateRequest['body'],
    request: SocmateRequest = {},
  ): Promise<RotatedKey> {
    const path = `${ADMIN_KEYS}/${keyId}/rotate`;
    const sent = body === undefined ? request : { ...request, body };
    return (await this.#ok(200, 'POST', path, sent)) as RotatedKey;
  }

  async disable(keyId: string): Promise<void> {
    await this.#ok(204, 'DELETE', `${ADMIN_KEYS}/${keyId}`, {});
  }

  async list(query = ''): Promise<{ readonly api_keys: readonly ListedKey[]; total: number }> {
    const body = await this.#ok(200, 'GET', `${ADMIN_KEYS}${query && `?${query}`}`, {});
    return body as { api_keys: readonly ListedKey[]; total: number };
  }

  /** The key as the list shows it. */
  async listed(keyId: string): Promise<ListedKey> {
    const found = (await this.list()).api_keys.find(({ key_id: id }) => id === keyId);
    if (!found) throw new Error(`${keyId} is not listed`);
    return found;
  }

  async #ok(
    status: number,
    method: string,
    path: string,
    request: SocmateRequest,
  ): Promise<unknown> {
    const answer = await this.send(method, path, request);
    if (answer.status !== status) throw new Error(`${method} ${path}: ${answer.text}`);
    return answer.body;
  }

  #checkKeys(where: string, { body, text }: SocmateAnswer, repeats: boolean): void {
    if (!repeats) this.issued.checkAbsent(text, where);
    const { api_key: key } = (body ?? {}) as { api_key?: unknown };
    if (typeof key === 'string') this.issued.add(key);
  }
}

/** @throws Error When an answer lacks what every answer has. */
function checkCommon({ status, headers, body }: SocmateAnswer): void {
  if (headers.get('cache-control') !== 'no-store') throw new Error('the answer may be cached');
  if (headers.has('etag')) throw new Error('the answer has an entity tag');
  if (!headers.has('x-request-id')) throw new Error('the answer has no request id');
  if (headers.has('www-authenticate') !== (status === 401)) throw new Error('wrong challenge');
  if (headers.has('retry-after') !== (status === 503)) throw new Error('Retry-After is of 503');
  if (headers.has('allow') !== (status === 405)) throw new Error('Allow is of 405');
  if (status < 400 || body === undefined) return;
  if (Object.keys(body as object).join() !== 'detail') throw new Error('an error is its detail');
  const { detail } = body as { detail: unknown };
  if (status !== 422 && typeof detail !== 'string') throw new Error('the detail is no text');
  if (status === 422) checkFaults(detail);
}

function checkFaults(detail: unknown): void {
  if (!Array.isArray(detail) || detail.length === 0) throw new Error('the detail lists no fault');
  for (const fault of detail as object[]) {
    if (Object.keys(fault).join() !== 'loc,msg,type') throw new Error('a fault of other members');
    const { loc, msg, type } = fault as { loc: unknown; msg: unknown; type: unknown };
    if (!Array.isArray(loc) || !/^(body|query|header)$/.test(String(loc[0]))) {
      throw new Error('a fault lies nowhere');
    }
    if (typeof msg !== 'string' || typeof type !== 'string')
      throw new Error('a fault says nothing');
  }
}
