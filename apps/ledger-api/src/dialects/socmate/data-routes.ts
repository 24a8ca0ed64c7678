import type { UseRecorder } from '@ledger/commands';
import type { Ledger } from '@ledger/runtime';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Refusal } from '../../http/answer.js';
import { Authenticator, type Caller } from '../../http/caller.js';
import { commandContext } from '../../http/request-context.js';
import { dataRoute } from './scope-routes.js';
import { DETAILS, forbidden, socmateAnswer } from './socmate-answers.js';
import { SocmateCallers } from './socmate-callers.js';
import { forward, type Upstream } from './upstream.js';

export interface DataRouteParts {
  readonly ledger: Ledger;
  /** Where calls go that may pass; null answers them with an empty list. */
  readonly upstream: Upstream | null;
  readonly failures: {
    send(error: unknown, request: FastifyRequest, reply: FastifyReply): void;
  };
}

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

/**
 * Guards the product's data routes by scope, and passes on what may pass; and tells a proxy in front of
 * them the same, without passing anything on.
 */
export function registerDataRoutes(fastify: FastifyInstance, parts: DataRouteParts): void {
  const { upstream, failures } = parts;
  const gate = new Gate(parts.ledger);

  fastify.route({
    method: METHODS,
    url: '/api/v1/*',
    handler: async (request, reply) => {
      try {
        await gate.admit(request, request.method, pathOf(request.url));
        if (upstream === null) return await reply.send({ items: [], total: 0 });
        return await forward(upstream, request, reply);
      } catch (error) {
        return failures.send(error, request, reply);
      }
    },
  });

  fastify.get('/internal/authorize', async (request, reply) => {
    const { 'x-forwarded-method': method, 'x-forwarded-uri': uri } = request.headers;
    try {
      await gate.admit(request, String(method ?? 'GET').toUpperCase(), pathOf(String(uri ?? '')));
      return await reply.code(204).send();
    } catch (error) {
      // A proxy understands yes, 401 and 403 only.
      const isUnknown = error instanceof Refusal && [404, 405].includes(error.answer.status);
      return failures.send(isUnknown ? forbidden(DETAILS.noRoute) : error, request, reply);
    }
  });
}

/** Who may pass to which data route. */
class Gate {
  readonly #callers: SocmateCallers;
  readonly #uses: UseRecorder;

  constructor({ credentials, directory, clock, progress, uses }: Ledger) {
    const authenticator = new Authenticator(credentials, directory, clock, progress);
    this.#callers = new SocmateCallers(authenticator, credentials, directory, clock);
    this.#uses = uses;
  }

  /** @throws Refusal 404, 405, 401, 403: when the call may not pass. */
  async admit(request: FastifyRequest, method: string, path: string): Promise<void> {
    const route = dataRoute(method, path);
    if (route.outcome === 'none') throw new Refusal(socmateAnswer(404, DETAILS.noRoute));
    if (route.outcome === 'wrong-method') {
      const allow = route.allow.join(', ');
      throw new Refusal(socmateAnswer(405, DETAILS.noMethod, { allow }));
    }
    await this.#callers.ready();
    const caller = this.#callers.any(request);
    if (caller.kind === 'user') return;
    // By name alone: in this dialect no scope implies another.
    if (!caller.token.scopes.includes(route.scope)) {
      throw forbidden(`API key does not have the required scope: ${route.scope}`);
    }
    this.#recordUse(caller, request);
  }

  #recordUse(caller: Extract<Caller, { kind: 'token' }>, request: FastifyRequest): void {
    const { tokenId, orgId } = caller.token;
    const { secretId } = caller.secret;
    const { repeat: _, ...context } = commandContext(request, caller.principal, 'socmate', null);
    this.#uses.record({ tokenId, orgId, secretId }, context);
  }
}

function pathOf(url: string): string {
  return url.split('?', 1)[0]!;
}
