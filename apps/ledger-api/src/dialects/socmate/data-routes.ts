import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { grants } from '@ledger/domain';
import type { Ledger } from '@ledger/runtime';
import { Authenticator, type Caller } from '../../http/caller.js';
import { Refusal } from '../../http/answer.js';
import { commandContext } from '../../http/request-context.js';
import { dataRoute } from './scope-routes.js';
import { DETAILS, forbidden, socmateAnswer } from './socmate-answers.js';
import { SocmateCallers } from './socmate-callers.js';
import { forward } from './upstream.js';

export interface DataRouteParts {
  readonly ledger: Ledger;
  /** Where calls go that may pass; null answers them with an empty list. */
  readonly upstreamUrl: string | null;
  readonly failures: {
    send(error: unknown, request: FastifyRequest, reply: FastifyReply): void;
  };
}

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];

/**
 * Guards the product's data routes by scope, and passes on what may pass; and tells a proxy in front of
 * them the same, without passing anything on.
 */
export function registerDataRoutes(fastify: FastifyInstance, parts: DataRouteParts): void {
  const { ledger, upstreamUrl, failures } = parts;
  const { credentials, directory, clock, progress } = ledger;
  const authenticator = new Authenticator(credentials, directory, clock, progress);
  const callers = new SocmateCallers(authenticator, credentials, directory, clock);

  /** @throws Refusal When the call may not pass. */
  const admit = async (request: FastifyRequest, method: string, path: string): Promise<void> => {
    const route = dataRoute(method, path);
    if (route.outcome === 'none') throw new Refusal(socmateAnswer(404, DETAILS.noRoute));
    if (route.outcome === 'wrong-method') {
      const allow = route.allow.join(', ');
      throw new Refusal(socmateAnswer(405, DETAILS.noMethod, { allow }));
    }
    await callers.ready();
    const caller = callers.any(request);
    assertScope(caller, route.scope);
    recordUse(ledger, caller, request);
  };

  fastify.route({
    method: METHODS,
    url: '/api/v1/*',
    handler: async (request, reply) => {
      try {
        await admit(request, request.method, pathOf(request.url));
        if (upstreamUrl === null) return await reply.send({ items: [], total: 0 });
        return await forward(upstreamUrl, request, reply);
      } catch (error) {
        return failures.send(error, request, reply);
      }
    },
  });

  fastify.get('/internal/authorize', async (request, reply) => {
    const { 'x-forwarded-method': method, 'x-forwarded-uri': uri } = request.headers;
    try {
      await admit(request, String(method ?? 'GET'), pathOf(String(uri ?? '')));
      return await reply.code(204).send();
    } catch (error) {
      // A proxy understands yes, 401 and 403 only.
      const isUnknown = error instanceof Refusal && [404, 405].includes(error.answer.status);
      return failures.send(isUnknown ? forbidden(DETAILS.noRoute) : error, request, reply);
    }
  });
}

function assertScope(caller: Caller, scope: string): void {
  if (caller.kind === 'user' || grants(caller.token.scopes, scope)) return;
  throw forbidden(`API key does not have the required scope: ${scope}`);
}

function recordUse({ uses }: Ledger, caller: Caller, request: FastifyRequest): void {
  if (caller.kind !== 'token') return;
  const { tokenId, orgId } = caller.token;
  const { repeat: _repeat, ...context } = commandContext(request, caller.principal, 'socmate', null);
  uses.record({ tokenId, orgId, secretId: caller.secret.secretId }, context);
}

function pathOf(url: string): string {
  return url.split('?', 1)[0]!;
}
