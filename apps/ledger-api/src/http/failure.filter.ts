import { Catch, HttpException, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { CallerGone, Contention } from '@ledger/commands';
import {
  StoreDamaged,
  StoreUnavailable,
  UnknownPosition,
  UnreadableEvent,
} from '@ledger/event-store';
import type { Log } from '@ledger/process';
import { writeLine } from '../operations/log-lines.js';
import type { HttpReply, HttpRequest } from './exchange.js';
import { Failed, Refusal, type Answer, type DialectFailures, type HttpFailure } from './answer.js';

/** Turns whatever was thrown into an answer of the dialect whose path was called. Never tells internals. */
@Catch()
export class FailureFilter implements ExceptionFilter {
  /** @param dialects The first whose prefix fits answers; the last answers for all other paths. */
  constructor(
    private readonly dialects: readonly DialectFailures[],
    private readonly methodsOf: (path: string) => readonly string[],
    private readonly operations: {
      readonly log: Log;
      readonly onUnmatched: (request: HttpRequest, reply: HttpReply) => void;
    },
  ) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    this.send(error, http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>());
  }

  send(error: unknown, request: HttpRequest, reply: HttpReply): void {
    const { status, contentType, headers, body } = this.#answer(error, request);
    void reply.code(status).headers({ ...headers, 'content-type': contentType });
    if (request.is404) this.operations.onUnmatched(request, reply);
    void reply.send(body === null ? '' : JSON.stringify(body));
  }

  #answer(error: unknown, request: HttpRequest): Answer {
    if (error instanceof Refusal) return error.answer;
    const path = request.url.split('?', 1)[0]!;
    const failure = this.#failureOf(error, request, path);
    this.#tell(failure, error, request.id);
    return this.answerTo(failure, path, request.id);
  }

  /** What the dialect of a path says to a failure. */
  answerTo(failure: HttpFailure, path: string, requestId: string): Answer {
    const dialect =
      this.dialects.find(({ prefix }) => path === prefix || path.startsWith(`${prefix}/`)) ??
      this.dialects.at(-1)!;
    return dialect.answer(failure, requestId);
  }

  /** What the answer does not say, for those who run the service. */
  #tell(failure: HttpFailure, err: unknown, requestId: string): void {
    const { log } = this.operations;
    if (failure.kind === 'internal') writeLine(log, 'request.failed', { requestId, err });
    if (failure.kind !== 'unavailable') return;
    const { code } = failure;
    // Counted instead: a line for each would be more work on top of too much.
    if (code === 'OVERLOADED') return;
    const reason = err instanceof Error ? err.message : undefined;
    writeLine(log, 'request.unavailable', { requestId, code, reason });
  }

  #failureOf(error: unknown, request: HttpRequest, path: string): HttpFailure {
    if (error instanceof Failed) return error.failure;
    if (error instanceof Contention) {
      const message = 'Too many others changed the same thing at once. Try again shortly.';
      return { kind: 'unavailable', code: error.code, message, retryAfterSeconds: 1 };
    }
    if (error instanceof CallerGone) {
      // Nobody reads it: only the log and the counts tell what became of the request.
      const message = 'The caller had gone before its turn came. Nothing was done.';
      return { kind: 'unavailable', code: 'OVERLOADED', message, retryAfterSeconds: 1 };
    }
    if (error instanceof StoreUnavailable) {
      const message =
        'The store did not confirm the write, so its outcome is unknown. Repeat the request as it was.';
      return { kind: 'unavailable', code: error.code, message, retryAfterSeconds: 2 };
    }
    if (error instanceof UnreadableEvent || error instanceof StoreDamaged) {
      // No bug, and no fault of the caller's: a node of a newer release may well be able to do it.
      const message =
        'A part of the log that this needs cannot be read here, so nothing was written. ' +
        'The log of the service says which.';
      return { kind: 'unavailable', code: 'STORE_UNAVAILABLE', message, retryAfterSeconds: 5 };
    }
    if (error instanceof UnknownPosition) {
      return { kind: 'malformed', message: `The position is none of this log: ${error.message}.` };
    }
    switch (statusOf(error)) {
      case 404: {
        const allow = this.methodsOf(path);
        if (allow.length === 0) return { kind: 'route-not-found' };
        if (!allow.includes(request.method)) return { kind: 'method-not-allowed', allow };
        return { kind: 'route-not-found' };
      }
      case 414:
        // Nothing that has a path of its own is named by so long a part.
        return { kind: 'route-not-found' };
      case 413:
        return { kind: 'payload-too-large' };
      case 415:
        return {
          kind: 'unsupported-media-type',
          message: 'The body is of no type this route reads.',
        };
      case 400:
        return { kind: 'malformed', message: 'The request is malformed.' };
      default:
        return { kind: 'internal' };
    }
  }
}

function statusOf(error: unknown): number {
  if (error instanceof HttpException) return error.getStatus();
  const { statusCode } = error as { statusCode?: unknown };
  if (typeof statusCode === 'number') return statusCode;
  return error instanceof URIError ? 400 : 500;
}
