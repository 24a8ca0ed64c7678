import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Decision, GatewayDecisions } from '@ledger/gateway-cache';
import { readPath } from '../routes/request-path.js';
import type { RouteTable } from '../routes/route-table.js';
import type { Answer, Answers, Outcome } from './answers.js';
import { ENVOY, NGINX, readForwardedCall, TRAEFIK, type ProxyDialect } from './forwarded-call.js';
import { presentedCredential } from './presented-credential.js';

export interface ForwardAuthParts {
  readonly decisions: Pick<GatewayDecisions, 'decide'>;
  readonly routes: RouteTable;
  readonly answers: Answers;
  readonly count: (outcome: Outcome) => void;
}

/** Answers proxies that ask whether a call may pass: read, find the route, decide, say so. */
export class ForwardAuth {
  constructor(private readonly parts: ForwardAuthParts) {}

  register(app: FastifyInstance): void {
    for (const dialect of [NGINX, TRAEFIK]) app.all(dialect.prefix, this.#handler(dialect));
    app.all(`${ENVOY.prefix}/*`, this.#handler(ENVOY));
  }

  #handler(dialect: ProxyDialect) {
    return (request: FastifyRequest, reply: FastifyReply): void => {
      const answer = this.#answer(request, dialect);
      if (answer instanceof Promise) {
        answer.then(
          (later) => this.#send(reply, later),
          (error: unknown) => reply.send(error),
        );
      } else this.#send(reply, answer);
    };
  }

  #answer({ raw }: FastifyRequest, dialect: ProxyDialect): Answer | Promise<Answer> {
    const { routes, answers, decisions } = this.parts;
    const own = { method: raw.method!, url: raw.url! };
    const call = readForwardedCall(raw.rawHeaders, dialect, own);
    const { method, target } = call;
    if (method === undefined || target === undefined) return answers.noCall;
    const path = readPath(target);
    if (path === null) return answers.badPath;
    const rule = routes.find(method, path);
    if (!rule) return answers.noRoute;
    // Two paths or methods at once are no call at all, even where anybody may pass.
    if (rule.access === 'public') return call.isAmbiguous ? answers.noCall : answers.isPublic;
    const presented = presentedCredential(call);
    switch (presented.outcome) {
      case 'none':
        return answers.noCredential;
      case 'several':
        return answers.severalCredentials;
      case 'invalid':
        return answers.invalidToken;
      case 'secret': {
        const { required } = rule;
        const decision = decisions.decide(presented.secret, required);
        if (!(decision instanceof Promise)) return answers.of(decision, required);
        return decision.then((later: Decision) => answers.of(later, required));
      }
    }
  }

  #send(reply: FastifyReply, { status, outcome, headers, body }: Answer): void {
    this.parts.count(outcome);
    reply.code(status).headers(headers).send(body);
  }
}
