import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import type { Decision, GatewayDecisions } from '@ledger/gateway-cache';
import { InARow } from '@ledger/process';
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
  /** Told what was thrown where nothing should be. */
  readonly onBug: (error: unknown) => void;
}

/**
 * Answers proxies that ask whether a call may pass: read, find the route, decide, say so.
 *
 * Questions without a body, which is all that proxies usually ask, are answered on node:http itself:
 * Fastify's part in a request costs more than a decision from memory (docs/adr/0013). The same handlers
 * serve what is left to Fastify.
 */
export class ForwardAuth {
  readonly #arrived = new InARow(setImmediate);
  readonly #answered = new InARow((write) => process.nextTick(write));

  constructor(private readonly parts: ForwardAuthParts) {}

  /** Handles a request, or leaves it to `rest`. */
  listener(rest: RequestListener): RequestListener {
    return (request, response) => {
      const dialect = dialectOf(request.url!);
      if (dialect === undefined || hasBody(request.rawHeaders)) {
        rest(request, response);
        return;
      }
      // There is nothing to read, which node:http finds out more slowly for itself once it was answered.
      request.read();
      this.#arrived.add(() => this.#serve(request, response, dialect));
    };
  }

  register(app: FastifyInstance): void {
    const paths = [[NGINX, NGINX.prefix] as const, [TRAEFIK, TRAEFIK.prefix] as const];
    for (const [dialect, path] of [...paths, [ENVOY, `${ENVOY.prefix}/*`] as const]) {
      app.all(path, (request, reply) => {
        reply.hijack();
        this.#serve(request.raw, reply.raw, dialect);
      });
    }
  }

  #serve(request: IncomingMessage, response: ServerResponse, dialect: ProxyDialect): void {
    try {
      const answer = this.#answer(request, dialect);
      if (!(answer instanceof Promise)) return this.#send(response, answer);
      answer.then(
        (later) => this.#send(response, later),
        (error: unknown) => this.#failed(response, error),
      );
    } catch (error) {
      this.#failed(response, error);
    }
  }

  /** A call that nobody could judge does not pass. */
  #failed(response: ServerResponse, error: unknown): void {
    this.parts.onBug(error);
    this.#send(response, this.parts.answers.bug);
  }

  #answer(request: IncomingMessage, dialect: ProxyDialect): Answer | Promise<Answer> {
    const { routes, answers, decisions } = this.parts;
    const own = { method: request.method!, url: request.url! };
    const call = readForwardedCall(request.rawHeaders, dialect, own);
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

  #send(response: ServerResponse, { status, outcome, headers, body }: Answer): void {
    this.parts.count(outcome);
    response.writeHead(status, headers as string[]);
    this.#answered.add(() => response.end(body, 'latin1'));
  }
}

function dialectOf(url: string): ProxyDialect | undefined {
  if (url === NGINX.prefix) return NGINX;
  if (url === TRAEFIK.prefix) return TRAEFIK;
  return url.startsWith(ENVOY_START) ? ENVOY : undefined;
}

const ENVOY_START = `${ENVOY.prefix}/`;

function hasBody(rawHeaders: readonly string[]): boolean {
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const { length } = rawHeaders[index]!;
    if (length !== 14 && length !== 17) continue;
    const name = rawHeaders[index]!.toLowerCase();
    if (name === 'transfer-encoding') return true;
    if (name === 'content-length' && rawHeaders[index + 1] !== '0') return true;
  }
  return false;
}
