import type { FastifyInstance, RouteOptions } from 'fastify';
import { principalId } from '@ledger/commands';
import type { Log } from '@ledger/process';
import type { Caller } from '../http/caller.js';
import type { HttpReply, HttpRequest } from '../http/exchange.js';
import { writeLine, type LogLine } from './log-lines.js';
import type { RequestCounts } from './request-series.js';
import type { ServiceState } from './service-state.js';

/** Calls that gateways and probes make all the time: counted, and told one by one only when debugging. */
const HOT_ROUTES = [
  ...['/v1/verify', '/v1/verify/batch', '/v1/quota/consume', '/v1/introspect'],
  ...['/v1/quota/leases', '/v1/quota/leases/:leaseId/return'],
  // Calls to somebody else's service, guarded here or by a proxy that asks here.
  ...['/api/v1/*', '/internal/authorize'],
];
const PROBES = ['/health/live', '/health/ready', '/health/startup', '/metrics'];
const UNMATCHED = 'unmatched';
const USER_AGENT_LENGTH_MAX = 200;

declare module 'fastify' {
  interface FastifyRequest {
    /** When the request came in, on the process's own clock, in milliseconds. */
    startedAt: number;
  }
}

export interface RequestWatchParts {
  readonly counts: RequestCounts;
  readonly log: Log;
  readonly state: ServiceState;
}

/** Counts every request and writes its access line. */
export class RequestWatch {
  constructor(private readonly parts: RequestWatchParts) {}

  /** To be called before any route is added. */
  attach(fastify: FastifyInstance): void {
    fastify.decorateRequest('startedAt', 0);
    fastify.addHook('onRequest', (request, _reply, done) => {
      request.startedAt = performance.now();
      done();
    });
    fastify.addHook('onRoute', (route) => this.#watch(route));
  }

  /**
   * For the answers of one hot route, when they are handed over: hearing of their end costs 11 % of a bare
   * request. Only those that tell of an attack have a line of their own.
   */
  answered(method: string, path: string): (request: HttpRequest, reply: HttpReply) => void {
    const { counts, log } = this.parts;
    const series = counts.of(method, path);
    return (request, reply) => {
      const { statusCode } = reply;
      series.observe(statusCode, elapsedMs(request));
      const isRefused = statusCode === 401 || statusCode === 403;
      if (isRefused) this.#tell(lineOf('GET', statusCode), path, request, reply);
      else if (log.isLevelEnabled('debug')) this.#tell('request.hot', path, request, reply);
    };
  }

  /** For requests that were refused because there was too much to do. */
  shed(): void {
    this.parts.counts.shed += 1;
  }

  /** For requests that met no route, which have no hooks of their own. */
  unmatched(request: HttpRequest, reply: HttpReply): void {
    const method = METHODS.includes(request.method) ? request.method : 'other';
    this.parts.counts.of(method, UNMATCHED).observe(reply.statusCode, elapsedMs(request));
    this.#tell(lineOf(request.method, reply.statusCode), UNMATCHED, request, reply);
  }

  #watch(route: RouteOptions): void {
    const { counts } = this.parts;
    const { url } = route;
    const methods = [route.method].flat();
    if (HOT_ROUTES.includes(url) || PROBES.includes(url)) {
      const byMethod = new Map(methods.map((method) => [method, this.answered(method, url)]));
      addHook(route, 'onSend', (request, reply, _payload, done) => {
        byMethod.get(request.method)?.(request, reply);
        done();
      });
      return;
    }
    const byMethod = new Map(methods.map((method) => [method, counts.of(method, url)]));
    addHook(route, 'onResponse', (request, reply, done) => {
      byMethod.get(request.method)?.observe(reply.statusCode, elapsedMs(request));
      this.#tell(lineOf(request.method, reply.statusCode), url, request, reply);
      done();
    });
  }

  /** Who did what, to what, from where, with which outcome (L1). Never the URL as it was sent. */
  #tell(line: LogLine, route: string, request: HttpRequest, reply: HttpReply): void {
    const { method, id: requestId, ip } = request;
    writeLine(this.parts.log, line, {
      requestId,
      method,
      route,
      status: reply.statusCode,
      ms: Math.round(elapsedMs(request) * 100) / 100,
      ip,
      userAgent: request.headers['user-agent']?.slice(0, USER_AGENT_LENGTH_MAX),
      ...callerOf(request),
      ...this.#targetOf(request),
    });
  }

  /** What the path names, if the ledger knows it: anything else could be a secret in the wrong place. */
  #targetOf({ params }: HttpRequest): object {
    const { ledger } = this.parts.state;
    if (!ledger || typeof params !== 'object' || params === null) return {};
    const { org, org_slug: slug, id } = params as Readonly<Record<string, string | undefined>>;
    const organization = ledger.directory.organization(org ?? slug ?? '');
    const named = id?.toLowerCase() ?? '';
    const token = ledger.credentials.token(named) ?? ledger.credentials.tokenOfSecret(named);
    return { orgId: organization?.orgId, tokenId: token?.tokenId };
  }
}

const METHODS: readonly string[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];
const READS: readonly string[] = ['GET', 'HEAD', 'OPTIONS'];

/** Zero for a request that was refused before any hook ran. */
function elapsedMs({ startedAt }: HttpRequest): number {
  return startedAt > 0 ? performance.now() - startedAt : 0;
}

function lineOf(method: string, status: number): LogLine {
  if (status === 401) return 'authentication.failed';
  if (status === 403 || status === 429) return 'access.denied';
  return status < 400 && !READS.includes(method) ? 'admin.action' : 'request';
}

function callerOf(request: HttpRequest): object {
  const { caller } = request as { caller?: Caller };
  if (!caller) return { callerKind: 'none' };
  return { callerKind: caller.kind, callerId: principalId(caller.principal) };
}

/** Adds a hook to a route beside those that it has. */
function addHook<Name extends 'onSend' | 'onResponse'>(
  route: RouteOptions,
  name: Name,
  hook: Extract<RouteOptions[Name], (...args: never[]) => unknown>,
): void {
  const before = route[name] === undefined ? [] : [route[name]].flat();
  Object.assign(route, { [name]: [...before, hook] });
}
