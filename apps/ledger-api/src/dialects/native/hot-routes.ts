import type { CommandBus } from '@nestjs/cqrs';
import type { FastifyInstance } from 'fastify';
import { epochMs, type Rejection, type Timestamp } from '@ledger/domain';
import type { TokenCredential } from '@ledger/read-models';
import type { Ledger } from '@ledger/runtime';
import type { Caller } from '../../http/caller.js';
import type { DirectHandler, DirectRoute, DirectRoutes } from '../../http/direct-routes.js';
import type { HttpReply, HttpRequest } from '../../http/exchange.js';
import { chargeContext, HotCallers, requestFaults } from './hot/hot-caller.js';
import { readHotBody, type HotValidators } from './hot/hot-json.js';
import { HotQuota } from './hot/hot-quota.js';
import {
  batchValidators,
  consumptionValidators,
  verifyValidators,
  type Consumption,
  type VerifyBatch,
  type VerifyItem,
} from './hot/hot-validators.js';
import { quotaText } from './hot/verdict-text.js';
import { Verifier, type FoundSecret, type Verified } from './hot/verifier.js';
import { checkMediaType } from './native-input.js';
import { invalidRequest, notFound, refusal } from './problems/problem.js';
import { refuse } from './problems/rejections.js';
import {
  CONSUME,
  VERIFY,
  VERIFY_BATCH,
  type HotRouteContract,
} from './routes/hot-routes-contract.js';

/** What the hot routes are served from. */
export interface HotRouteParts {
  readonly ledger: Ledger;
  readonly bus: CommandBus;
  /** Answers whatever was thrown, in the words of the dialect whose path was called. */
  readonly failures: {
    send(error: unknown, request: HttpRequest, reply: HttpReply): void;
  };
  /** Counts the answers of a route and writes their lines. */
  readonly watch: { answered(method: string, path: string): DirectRoute['onSend'] };
}

/**
 * Serves the routes that gateways call for every request of their own, judged from memory: directly, and
 * as Fastify routes for what is not plain enough. To be called before Nest registers its routes.
 */
export function registerHotRoutes(
  fastify: FastifyInstance,
  direct: DirectRoutes,
  parts: HotRouteParts,
): void {
  const routes = new HotRoutes(parts);
  // The same as the parser for all types, but found by name: the search for that one costs more.
  fastify.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer' },
    (_request, body, done) => {
      done(null, body);
    },
  );
  const add = ({ path }: HotRouteContract, handler: DirectHandler): void => {
    fastify.post(path, (request, reply) => handler(request, reply));
    direct.add({ path, handler, onSend: parts.watch.answered('POST', path) });
  };
  add(VERIFY, routes.serve(VERIFY, verifyValidators, routes.verify));
  add(VERIFY_BATCH, routes.serve(VERIFY_BATCH, batchValidators, routes.verifyBatch));
  add(CONSUME, routes.serve(CONSUME, consumptionValidators, routes.consume));
}

/** One request of a known caller, read and ready to be answered. */
interface Call<Input> {
  readonly request: HttpRequest;
  readonly reply: HttpReply;
  readonly caller: Caller;
  readonly input: Input;
  readonly now: Timestamp;
}

type Answering<Input> = (call: Call<Input>) => void | Promise<void>;

const JSON_TYPE = 'application/json; charset=utf-8';

class HotRoutes {
  readonly #parts: HotRouteParts;
  readonly #callers: HotCallers;
  readonly #quota: HotQuota;
  readonly #verifier: Verifier;

  constructor(parts: HotRouteParts) {
    const { ledger, bus } = parts;
    this.#parts = parts;
    this.#callers = new HotCallers(ledger);
    this.#quota = new HotQuota(ledger.quotas);
    this.#verifier = new Verifier({
      ...{ ledger, bus, access: this.#callers.access, quota: this.#quota },
      position: () => this.#callers.position(),
      refuse: (rejection, { requestId }) => this.#refused(rejection, requestId),
    });
  }

  /** Reads and admits, then answers. Takes a turn of the event loop only when there is something to wait for. */
  serve<Input>(
    contract: HotRouteContract,
    validators: HotValidators<Input>,
    answer: Answering<Input>,
  ): DirectHandler {
    const serveNow = (request: HttpRequest, reply: HttpReply): void | Promise<void> => {
      let caller: Caller | undefined;
      const fail = (error: unknown): void => {
        if (caller) this.#tellOwnQuota(caller, reply);
        this.#parts.failures.send(error, request, reply);
      };
      try {
        caller = this.#callers.admit(request, contract);
        const input = this.#read(request, contract, validators);
        const now = this.#parts.ledger.clock.now();
        this.#callers.recordUse(caller, request, now);
        return answer({ request, reply, caller, input, now })?.catch(fail);
      } catch (error) {
        return fail(error);
      }
    };
    return (request, reply) => {
      if (!this.#callers.mustWait(request)) return serveNow(request, reply);
      return this.#callers.wait(request).then(
        () => {
          reply.header('ledger-position', this.#callers.position());
          return serveNow(request, reply);
        },
        (error: unknown) => this.#parts.failures.send(error, request, reply),
      );
    };
  }

  readonly verify: Answering<VerifyItem> = ({ request, reply, caller, input, now }) => {
    const verified = this.#verifier.verify(input, caller, now, () => {
      return chargeContext(request, caller);
    });
    if (!(verified instanceof Promise)) return this.#sendVerdict(reply, caller, verified, now);
    return verified.then((charged) => this.#sendVerdict(reply, caller, charged, now));
  };

  readonly verifyBatch: Answering<VerifyBatch> = async (call) => {
    const { request, reply, caller, input, now } = call;
    const results = await Promise.all(
      input.items.map(async (item, index) =>
        this.#verifier.verify(item, caller, now, () => {
          return chargeContext(request, caller, `#${index}`);
        }),
      ),
    );
    this.#tellOwnQuota(caller, reply);
    reply.header('ledger-position', newest(results, this.#callers.position()));
    send(reply, `{"results":[${results.map(({ text }) => text).join(',')}]}`);
  };

  readonly consume: Answering<Consumption> = async ({ request, reply, caller, input, now }) => {
    const { units, operation = 'POST /v1/quota/consume' } = input;
    const { token, secret } = this.#subject(request, caller, input, now);
    const outcome = await this.#verifier.charge(
      token,
      secret,
      { cost: units, operation },
      chargeContext(request, caller),
    );
    if (outcome.outcome === 'rejected') {
      const { rejection } = outcome;
      if ('quota' in rejection) this.#quota.tell(reply, rejection.quota, now);
      const refused = this.#refused(rejection, request.id);
      return this.#parts.failures.send(refused, request, reply);
    }
    const { quota, cost } = outcome;
    const position = String(outcome.position);
    this.#quota.tell(reply, quota, now);
    reply.header('ledger-position', position);
    send(reply, `{"units":${cost},"quota":${quotaText(quota)},"position":"${position}"}`);
  };

  #read<Input>(
    request: HttpRequest,
    contract: HotRouteContract,
    validators: HotValidators<Input>,
  ): Input {
    const { body } = request;
    const isEmpty = !Buffer.isBuffer(body) || body.length === 0;
    if (!isEmpty && request.headers['content-type'] !== 'application/json') {
      checkMediaType(request, ['application/json']);
    }
    const faults = requestFaults(request, contract);
    if (isEmpty) {
      const message = 'The body must be a JSON object.';
      throw invalidRequest(request.id, [...faults, { pointer: '', message }]);
    }
    const read = readHotBody(body, validators);
    if ('faults' in read) throw invalidRequest(request.id, [...faults, ...read.faults]);
    if (faults.length > 0) throw invalidRequest(request.id, faults);
    return read.input;
  }

  /** Whose quota is asked for. @throws Refusal 404, and 409 for a secret that was rotated away. */
  #subject(
    request: HttpRequest,
    caller: Caller,
    { tokenId, token: presented }: Consumption,
    now: Timestamp,
  ): { readonly token: TokenCredential; readonly secret: FoundSecret['secret'] | null } {
    if (presented !== undefined) {
      const found = this.#verifier.find(presented, caller);
      if (!found) throw notFound(request.id);
      const { validUntil } = found.secret;
      if (found.token.revoked || validUntil === null || validUntil > now) return found;
      const detail = 'The secret was rotated away, and its grace is over.';
      throw refusal('TOKEN_EXPIRED', request.id, { detail, members: { expiresAt: validUntil } });
    }
    const token = this.#parts.ledger.credentials.token(tokenId!.toLowerCase());
    if (!token || !this.#callers.access.mayVerify(caller, token.orgId)) throw notFound(request.id);
    return { token, secret: null };
  }

  #sendVerdict(reply: HttpReply, caller: Caller, verified: Verified, now: Timestamp): void {
    const { text, quota, position } = verified;
    if (quota) this.#quota.tell(reply, quota, now);
    else this.#tellOwnQuota(caller, reply);
    reply.header('ledger-position', position);
    send(reply, text);
  }

  #tellOwnQuota(caller: Caller, reply: HttpReply): void {
    // Whoever is not limited is told nothing, so nothing is looked up for them.
    if (caller.kind !== 'token' || caller.token.maxQuota === null) return;
    if (reply.hasHeader('ratelimit')) return;
    const now = this.#parts.ledger.clock.now();
    this.#quota.tell(reply, this.#quota.at(caller.token, now), now);
  }

  #refused(rejection: Rejection, requestId: string): Error {
    const now = this.#parts.ledger.clock.now();
    const { name: quotaPolicy } = this.#quota.window(now);
    return refuse(rejection, { requestId, nowMs: epochMs(now), quotaPolicy });
  }
}

function send(reply: HttpReply, text: string): void {
  reply.header('content-type', JSON_TYPE);
  reply.send(text);
}

function newest(results: readonly Verified[], position: string): string {
  let last = BigInt(position);
  for (const result of results) if (BigInt(result.position) > last) last = BigInt(result.position);
  return String(last);
}
