import type { FastifyReply, FastifyRequest, HookHandlerDoneFunction } from 'fastify';
import type { ProjectorProgress } from '@ledger/runtime';
import type { HttpReply, HttpRequest } from '../../http/exchange.js';

/** The position that read models hold, as a text that is written once for each position. */
export class LedgerPosition {
  #position = 0n;
  #text = '0';

  constructor(private readonly progress: ProjectorProgress) {}

  now(): string {
    const { position } = this.progress;
    if (position !== this.#position) {
      this.#position = position;
      this.#text = String(position);
    }
    return this.#text;
  }

  /**
   * Lets an answer of this dialect tell a position, also a refusal that never reaches a route. What is
   * judged later tells a later one.
   */
  tell(request: HttpRequest, reply: HttpReply): void {
    if (request.raw.url!.startsWith('/v1')) reply.header('ledger-position', this.now());
  }

  /** The same as the first of all hooks. */
  readonly onRequest = (
    request: FastifyRequest,
    reply: FastifyReply,
    done: HookHandlerDoneFunction,
  ): void => {
    this.tell(request, reply);
    done();
  };
}
