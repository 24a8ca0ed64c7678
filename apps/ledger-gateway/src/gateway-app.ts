import { createServer, type RequestListener, type ServerOptions } from 'node:http';
import { fastify, type FastifyInstance } from 'fastify';
import type { Gateway, GatewayTime } from '@ledger/gateway-cache';
import { Answers } from './http/answers.js';
import { ForwardAuth } from './http/forward-auth.js';
import { addOperationsRoutes } from './operations/health.js';
import type { JsonLog } from './operations/log.js';
import { createGatewayMetrics, DecisionCounts } from './operations/metrics.js';
import type { RouteTable } from './routes/route-table.js';

const BODY_BYTES_MAX = 64 * 1024;
const HEADER_BYTES_MAX = 32 * 1024;
const REQUEST_MS_MAX = 10_000;

const HTTP_LIMITS: ServerOptions = {
  maxHeaderSize: HEADER_BYTES_MAX,
  headersTimeout: REQUEST_MS_MAX,
  requestTimeout: REQUEST_MS_MAX,
  // Longer than proxies keep theirs, so that it is they who close.
  keepAliveTimeout: 75_000,
};

export interface GatewayAppParts {
  readonly gateway: Gateway;
  readonly routes: RouteTable;
  readonly log: JsonLog;
  readonly time: GatewayTime;
  readonly realm: string;
  readonly isStopping: () => boolean;
  /** Whether health and metrics have a listener of their own. */
  readonly hasOwnOperations: boolean;
  /** Adds what the runtime tells of the process itself; once a process. */
  readonly withProcessMetrics: boolean;
}

export interface GatewayApps {
  readonly main: FastifyInstance;
  /** Health and metrics; the same as `main` where they have no listener of their own. */
  readonly operations: FastifyInstance;
}

/** The HTTP side of a gateway, ready to listen. The gateway stays its caller's to close. */
export function createGatewayApp(parts: GatewayAppParts): GatewayApps {
  const { gateway, routes, time, realm, isStopping, hasOwnOperations } = parts;
  const counts = new DecisionCounts();
  const metrics = createGatewayMetrics(gateway, counts, parts.withProcessMetrics);
  const answers = new Answers(realm, () => time.wallMs());
  const { decisions } = gateway;
  const onBug = (error: unknown): void =>
    parts.log.write('error', 'request.failed', { err: error });
  const { count } = counts;
  const forwardAuth = new ForwardAuth({ decisions, routes, answers, count, onBug });
  const main = limitedFastify(parts, (rest) => forwardAuth.listener(rest));
  forwardAuth.register(main);
  const operations = hasOwnOperations ? limitedFastify(parts, (rest) => rest) : main;
  addOperationsRoutes(operations, { gateway, metrics, isStopping });
  return { main, operations };
}

/** @param before What sees requests before Fastify does. */
function limitedFastify(
  { log }: GatewayAppParts,
  before: (rest: RequestListener) => RequestListener,
): FastifyInstance {
  const app = fastify({
    ...{ logger: false, bodyLimit: BODY_BYTES_MAX, forceCloseConnections: 'idle' as const },
    serverFactory: (rest) => createServer(HTTP_LIMITS, before(rest)),
    // A target may be as long as a header; how it is read is decided by `readPath` alone.
    routerOptions: { maxParamLength: HEADER_BYTES_MAX },
  });
  app.removeAllContentTypeParsers();
  // A proxy may send the call's body along; it decides nothing.
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, _body, done) => done(null));
  app.setNotFoundHandler((_request, reply) => {
    return reply.code(404).type(PROBLEM).send(problem(404, 'No such endpoint of the gateway.'));
  });
  app.setErrorHandler((error: Error & { statusCode?: number }, _request, reply) => {
    const { statusCode = 500 } = error;
    if (statusCode >= 500) log.write('error', 'request.failed', { err: error });
    const status = statusCode >= 500 ? 500 : statusCode;
    const detail = status === 500 ? 'This is a bug of the gateway.' : 'The request is malformed.';
    return reply.code(status).type(PROBLEM).send(problem(status, detail));
  });
  return app;
}

const PROBLEM = 'application/problem+json';

function problem(status: number, title: string): string {
  return JSON.stringify({ type: 'about:blank', title, status });
}
