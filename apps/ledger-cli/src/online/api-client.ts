import { randomInt, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { CliFault, ExitCode, usageFault } from '../exit-code.js';
import { packageVersion } from '../package-version.js';
import { faultOf, unreachable } from './problem.js';

const ATTEMPTS_MAX = 4;
const ANSWER_MS_MAX = 30_000;
const FIRST_PAUSE_MS = 200;
/** A service that asks for more patience than this is reported instead of waited for. */
const PAUSE_MS_MAX = 10_000;

export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Path below the service's URL, its parts encoded: see {@link path}. */
  readonly path: string;
  readonly query?: Readonly<Record<string, QueryValue>>;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Name of a write; random when absent. Every attempt carries the same. */
  readonly idempotencyKey?: string | undefined;
}

type QueryValue = string | number | boolean | readonly string[] | undefined;

interface Attempt<Answer> {
  readonly response: Response;
  readonly answer: Answer;
}

/** Puts text into a path: what a caller names can never reach out of its place. */
export function path(parts: TemplateStringsArray, ...names: readonly string[]): string {
  // A URL forgets empty parts and resolves dots, so the request would be another one.
  if (names.some((name) => /^\.{0,2}$/.test(name)))
    throw usageFault('a name or id is empty or dots');
  return String.raw({ raw: parts }, ...names.map((name) => encodeURIComponent(name)));
}

/**
 * Asks the native API. A request whose answer was lost, or that the service was not ready for, is sent
 * again a few times under the same idempotency key, so that a repeat never makes a second secret.
 */
export class ApiClient {
  constructor(
    private readonly url: URL,
    private readonly credential: string,
  ) {}

  /** The answer's document; undefined where it has none. @throws CliFault For every refusal. */
  async send<Answer>(request: ApiRequest): Promise<Answer> {
    const { answer } = await this.#attempts(request, async (response) => {
      const text = await response.text();
      if (!response.ok) return { refusal: text };
      return { document: (text === '' ? undefined : parseAnswer(text)) as Answer };
    });
    return answer.document as Answer;
  }

  /** An answer whose body is read as it comes. Only its beginning is retried. @throws CliFault */
  async open(request: ApiRequest): Promise<Response> {
    const { response } = await this.#attempts(request, async (answer) => {
      return answer.ok ? {} : { refusal: await answer.text() };
    });
    return response;
  }

  async #attempts<Answer extends { readonly refusal?: string }>(
    request: ApiRequest,
    read: (response: Response) => Promise<Answer>,
  ): Promise<Attempt<Answer>> {
    const target = this.#target(request);
    const init = this.#init(request);
    for (let attempt = 1; ; attempt += 1) {
      const isLast = attempt === ATTEMPTS_MAX;
      let pauseMs = FIRST_PAUSE_MS * 2 ** (attempt - 1);
      try {
        const { response, answer } = await once(target, init, read);
        if (answer.refusal === undefined) return { response, answer };
        const asked = pauseAsked(response, answer.refusal, attempt);
        if (isLast || asked === undefined) throw faultOf(response, answer.refusal);
        pauseMs = Math.max(pauseMs, asked);
      } catch (error) {
        if (error instanceof CliFault) throw error;
        if (isLast) throw unreachable(this.url, error);
      }
      // Spread out, so that clients that failed together do not come back together.
      await sleep(pauseMs + randomInt(Math.ceil(pauseMs / 2)));
    }
  }

  #target({ path: below, query = {} }: ApiRequest): URL {
    const target = new URL(this.url);
    target.pathname = target.pathname.replace(/\/$/, '') + below;
    for (const [name, value] of Object.entries(query)) {
      if (value === undefined) continue;
      for (const each of [value].flat()) target.searchParams.append(name, String(each));
    }
    return target;
  }

  #init({ method, body, headers = {}, idempotencyKey }: ApiRequest): RequestInit {
    const isWrite = method !== 'GET';
    return {
      method,
      // A credential is sent where it was meant to go, and nowhere else.
      redirect: 'manual',
      headers: {
        accept: 'application/json',
        authorization: `Bearer ${this.credential}`,
        'user-agent': `token-ledger-cli/${packageVersion()}`,
        ...(isWrite ? { 'idempotency-key': idempotencyKey ?? randomUUID() } : {}),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    };
  }
}

/** The time runs until `read` is done, not until a stream that it hands on has ended. */
async function once<Answer>(
  target: URL,
  init: RequestInit,
  read: (response: Response) => Promise<Answer>,
): Promise<Attempt<Answer>> {
  const abort = new AbortController();
  const late = new Error(`no answer within ${ANSWER_MS_MAX / 1000} seconds`);
  const timer = setTimeout(() => abort.abort(late), ANSWER_MS_MAX);
  try {
    const response = await fetch(target, { ...init, signal: abort.signal });
    return { response, answer: await read(response) };
  } finally {
    clearTimeout(timer);
  }
}

/** How long to wait before asking again, in milliseconds; undefined when asking again is no use. */
function pauseAsked(response: Response, refusal: string, attempt: number): number | undefined {
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN);
  const pauseMs = seconds * 1000;
  if (response.status === 503) return pauseMs >= 0 && pauseMs <= PAUSE_MS_MAX ? pauseMs : undefined;
  // The first attempt's answer was lost, and the service is still at it.
  const isUnderWay = response.status === 409 && refusal.includes('IDEMPOTENCY_IN_PROGRESS');
  if (isUnderWay && attempt > 1) return pauseMs >= 0 && pauseMs <= PAUSE_MS_MAX ? pauseMs : 0;
  return undefined;
}

function parseAnswer(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new CliFault(
      ExitCode.failed,
      'the answer is not JSON: is this the URL of token-ledger?',
      {
        code: 'UNKNOWN_ANSWER',
      },
    );
  }
}
