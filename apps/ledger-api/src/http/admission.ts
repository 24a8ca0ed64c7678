import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Failed } from './answer.js';

/** Far above what a service with room to spare has under way at once, and a short wait for the last of them. */
export const REQUESTS_MAX = 512;
/** What is urgent finds room for as many times as many. */
const URGENT_SHARE = 4;
const RETRY_AFTER_SECONDS = 1;

/** Answers that go on for as long as their reader likes have bounds of their own; probes must always answer. */
const UNCOUNTED = ['/v1/events', '/v1/invalidations', '/health/live', '/health/ready'].concat(
  '/health/startup',
  '/metrics',
);
/** Judging credentials, for gateways that hold up a request meanwhile. */
const JUDGING = ['/v1/verify', '/v1/verify/batch', '/v1/quota/consume', '/v1/introspect'].concat(
  ...['/internal/authorize', '/api/v1/*'],
  ...['/v1/quota/leases', '/v1/quota/leases/:leaseId/return'],
);

/**
 * Bounds how many requests are under way at once (O1). What comes on top is refused before any work is done
 * for it, with 503 `OVERLOADED` and Retry-After; so those that are let in are answered in time. Judging
 * credentials and ending them have room of their own: they still pass while lists and creates are refused.
 */
export class Admission {
  readonly #requestsMax: number;
  readonly #onShed: () => void;
  #underWay = 0;

  constructor(options: { readonly requestsMax?: number; readonly onShed?: () => void } = {}) {
    this.#requestsMax = options.requestsMax ?? REQUESTS_MAX;
    this.#onShed = options.onShed ?? (() => undefined);
  }

  /** Lets one in, to be let out by `leave`. @throws Failed `OVERLOADED` */
  enter(isUrgent: boolean): void {
    const max = isUrgent ? this.#requestsMax * URGENT_SHARE : this.#requestsMax;
    if (this.#underWay >= max) {
      this.#onShed();
      throw new Failed({
        kind: 'unavailable',
        code: 'OVERLOADED',
        message: 'The service has more to do than it can. Nothing was done; repeat the request.',
        retryAfterSeconds: RETRY_AFTER_SECONDS,
      });
    }
    this.#underWay += 1;
  }

  leave(): void {
    this.#underWay -= 1;
  }

  /** To be called before any route is added. */
  attach(fastify: FastifyInstance): void {
    fastify.addHook('onRequest', (request, reply, done) => {
      const { url = '' } = request.routeOptions;
      if (UNCOUNTED.includes(url)) return done();
      try {
        this.enter(isUrgent(request, url));
      } catch (error) {
        return done(error as Failed);
      }
      reply.raw.once('close', () => this.leave());
      done();
    });
  }
}

/** Whoever ends a credential must not have to wait for those who list them. */
function isUrgent({ method }: FastifyRequest, url: string): boolean {
  if (JUDGING.includes(url) || url.endsWith('/revoke')) return true;
  return method === 'DELETE' && /\/(?:api-keys|personal-tokens)\//.test(url);
}
