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
/** Longer than proxies keep theirs, so that it is they who close. */
const KEEP_ALIVE_MS = 75_000;

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
  const main = limitedFastify(parts);
  const answers = new Answers(realm, () => time.wallMs());
  const { decisions } = gateway;
  new ForwardAuth({ decisions, routes, answers, count: counts.count }).register(main);
  const operations = hasOwnOperations ? limitedFastify(parts) : main;
  addOperationsRoutes(operations, { gateway, metrics, isStopping });
  return { main, operations };
}

function limitedFastify({ log }: GatewayAppParts): FastifyInstance {
  const app = fastify({
    ...{ logger: false, bodyLimit: BODY_BYTES_MAX, keepAliveTimeout: KEEP_ALIVE_MS },
    ...{ requestTimeout: REQUEST_MS_MAX, forceCloseConnections: 'idle' as const },
    http: { maxHeaderSize: HEADER_BYTES_MAX, headersTimeout: REQUEST_MS_MAX },
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
