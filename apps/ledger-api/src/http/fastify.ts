import { randomUUID } from 'node:crypto';
import type { IncomingMessage, RequestListener } from 'node:http';
import type { Socket } from 'node:net';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Failed } from './answer.js';
import type { DirectRoutes } from './direct-routes.js';
import type { HttpReply, HttpRequest } from './exchange.js';
import type { UnreadableRequest } from './unreadable-request.js';

/** Far above what a busy gateway needs, and below what files a process may hold open. */
const CONNECTIONS_MAX = 10_000;
export const BODY_BYTES_MAX = 64 * 1024;
const REQUEST_MS_MAX = 30_000;
const KEEP_ALIVE_MS = 72_000;
const HTTP_LIMITS = {
  maxHeaderSize: 16 * 1024,
  headersTimeout: 10_000,
  requestTimeout: REQUEST_MS_MAX,
  keepAliveTimeout: KEEP_ALIVE_MS,
  connectionsCheckingInterval: 5_000,
};
const REQUEST_ID_FORM = /^[A-Za-z0-9-]{8,64}$/;

/** Keys the routes of each path, so that a wrong method can be told from a wrong path. */
export class RouteTable {
  readonly #routes: { readonly form: RegExp; readonly method: string }[] = [];

  add(method: string | readonly string[], url: string): void {
    const form = new RegExp(
      `^${url
        .replace(/[.+?^${}()|[\]\\]/g, '\\$&')
        .replace(/:[A-Za-z_]+/g, '[^/]+')
        .replace('*', '.*')}$`,
    );
    for (const each of [method].flat()) this.#routes.push({ form, method: each });
  }

  methodsOf(path: string): readonly string[] {
    const methods = this.#routes.filter(({ form }) => form.test(path)).map(({ method }) => method);
    return [...new Set(methods)];
  }
}

type Handler = (error: Error, request: FastifyRequest, reply: FastifyReply) => void;

export interface LimitedFastifyParts {
  /** The routes that are answered before Fastify sees the request. */
  readonly direct: DirectRoutes;
  /** Answers what no route can be looked up for, such as a malformed path. */
  readonly onUnroutable: Handler;
  /** Answers what is no request at all. */
  readonly onUnreadable: (error: UnreadableRequest, socket: Socket) => void;
}

/** Fastify with this service's limits (H1, H11): nothing may be read without bound or waited for without end. */
export function limitedFastify(parts: LimitedFastifyParts): FastifyAdapter {
  const { direct, onUnroutable, onUnreadable } = parts;
  return new FastifyAdapter({
    bodyLimit: BODY_BYTES_MAX,
    serverFactory: (rest: RequestListener) => direct.serve(rest, HTTP_LIMITS),
    routerOptions: { maxParamLength: 512 },
    logger: false,
    trustProxy: false,
    genReqId: requestId,
    clientErrorHandler: onUnreadable,
    frameworkErrors: (error: Error, request: FastifyRequest, reply: FastifyReply) => {
      setCommonHeaders(request, reply);
      onUnroutable(error, request, reply);
    },
  });
}

/** The caller's own id for the request, when it is harmless to log; else a new one (H19). */
export function requestId(request: IncomingMessage): string {
  const given = request.headers['x-request-id'];
  return typeof given === 'string' && REQUEST_ID_FORM.test(given) ? given : randomUUID();
}

/** Headers of every answer: none is to be kept in a cache. */
export function setCommonHeaders(request: HttpRequest, reply: HttpReply): void {
  reply.header('x-request-id', request.id);
  reply.header('cache-control', 'no-store');
  reply.header('x-content-type-options', 'nosniff');
}

/** What every route has in common: bodies as bytes, and headers that keep answers out of caches. */
export function prepareFastify(fastify: FastifyInstance, routes: RouteTable): void {
  fastify.addHook('onRoute', ({ method, url }) => routes.add(method, url));
  fastify.server.maxConnections = CONNECTIONS_MAX;
  fastify.removeAllContentTypeParsers();
  // Each dialect reads bodies by its own rules, after it has checked the credential.
  fastify.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => {
    done(null, body);
  });
  fastify.addHook('onRequest', (request, reply, done) => {
    setCommonHeaders(request, reply);
    if (request.headers['content-encoding'] === undefined) {
      done();
      return;
    }
    const message = 'Bodies must be sent without Content-Encoding.';
    done(new Failed({ kind: 'unsupported-media-type', message }));
  });
}
