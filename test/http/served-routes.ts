import type { Server } from 'node:http';
import { RouteTable } from '../../apps/ledger-api/src/http/fastify.js';
import { rawRequest } from '../support/raw-request.js';
import { startTestService, type TestService } from '../support/test-service.js';

/** A route as the HTTP server registered it, with a path that it answers. */
export interface ServedRoute {
  readonly method: string;
  readonly url: string;
  readonly path: string;
}

export interface Answered {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
  readonly text: string;
}

const SAMPLES: Readonly<Record<string, string>> = {
  asset: 'start.js',
  code: 'not-found',
  org: 'demo',
  org_slug: 'demo',
};
const SAMPLE_ID = '00000000-0000-4000-8000-000000000000';

/** The whole service with every route that its server knows, whatever dialect registered it. */
export class ServedRoutes {
  private constructor(
    readonly service: TestService,
    readonly all: readonly ServedRoute[],
  ) {}

  static async start(options?: Parameters<typeof startTestService>[0]): Promise<ServedRoutes> {
    const found = new Map<string, ServedRoute>();
    const { add } = RouteTable.prototype;
    RouteTable.prototype.add = function (this: RouteTable, methods, url) {
      add.call(this, methods, url);
      for (const method of [methods].flat()) {
        found.set(`${method} ${url}`, { method, url, path: pathOf(url) });
      }
    };
    try {
      return new ServedRoutes(await startTestService(options), [...found.values()]);
    } finally {
      RouteTable.prototype.add = add;
    }
  }

  get server(): Server {
    return this.service.server;
  }

  /** Sends a request byte for byte, on a connection of its own. */
  async send(
    { method, path }: Pick<ServedRoute, 'method' | 'path'>,
    { headers = [], body = '' }: { headers?: readonly string[]; body?: string } = {},
  ): Promise<Answered> {
    const length = body === '' ? [] : [`Content-Length: ${Buffer.byteLength(body)}`];
    // What a proxy asks about; without it every answer is no.
    const asked = path.startsWith('/internal/') ? ['X-Forwarded-Uri: /api/v1/incidents'] : [];
    const lines = ['Host: x', ...asked, 'Connection: close', ...length, ...headers];
    const request = `${method} ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n${body}`;
    return parsed(await rawRequest(this.service.url, request));
  }

  /** What a piece of work leaves in the log. */
  async recorded(work: () => Promise<void>): Promise<readonly string[]> {
    const { store } = this.service.ledger;
    const before = await store.head();
    await work();
    return (await store.readAllAfter(before, 1_000)).map(({ payload }) => payload.type);
  }
}

export function parsed(text: string): Answered {
  const [head = '', ...rest] = text.split('\r\n\r\n');
  const [first = '', ...lines] = head.split('\r\n');
  const headers = lines.map((line): [string, string] => {
    const [name = '', ...value] = line.split(': ');
    return [name.toLowerCase(), value.join(': ')];
  });
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(first)?.[1]);
  return { status, headers: new Map(headers), body: rest.join('\r\n\r\n'), text };
}

function pathOf(url: string): string {
  return url
    .replaceAll(/:(\w+)/g, (_text, name: string) => SAMPLES[name] ?? SAMPLE_ID)
    .replace('/api/v1/*', '/api/v1/incidents')
    .replace('*', 'x');
}

/** @throws Error Unless an error has the form of the dialect of its path; null stands for any dialect. */
export function checkErrorShape(
  path: string | null,
  { status, headers, body, text }: Answered,
): void {
  const value: unknown = body === '' ? undefined : JSON.parse(body);
  const fail = (reason: string): never => {
    throw new Error(`${path} answered ${status}: ${reason}\n${text.slice(0, 500)}`);
  };
  if (typeof value !== 'object' || value === null) return fail('has no body');
  const keys = Object.keys(value);
  const { status: told, code } = value as { status?: unknown; code?: unknown };
  const isProblem =
    told === status &&
    typeof code === 'string' &&
    headers.get('content-type')?.startsWith('application/problem+json') === true;
  const forms = {
    socket: keys.join() === 'error',
    socmate: keys.join() === 'detail',
    native: isProblem,
  };
  if (path === null ? !Object.values(forms).includes(true) : !forms[dialectOf(path)]) {
    fail('has not the form of the errors of its dialect');
  }
  if (!headers.has('x-request-id')) fail('names no request');
  if (headers.get('cache-control') !== 'no-store') fail('may be kept by caches');
  if (headers.has('etag')) fail('has an ETag');
  if (INSIDE.test(body)) fail('tells of the inside');
}

function dialectOf(path: string): 'socket' | 'socmate' | 'native' {
  if (path.startsWith('/v0/')) return 'socket';
  return /^\/(?:api|internal)\//.test(path) ? 'socmate' : 'native';
}

/** Words that only the inside of the service knows (H14). */
const INSIDE =
  /\bat \S+ \(|node_modules|SQLITE_|better-sqlite3|\/src\/|\/dist\/|\.js:\d|TypeError|RangeError|127\.0\.0\.1/;
