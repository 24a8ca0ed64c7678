import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import { Logger } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Refusal } from '../../http/answer.js';
import { socmateAnswer } from './socmate-answers.js';

/** Where calls go that may pass. */
export interface Upstream {
  readonly url: string;
  /** How long its whole answer may take. */
  readonly answerMsMax: number;
}

export const UPSTREAM_ANSWER_MS_MAX = 30_000;

/** Headers that speak of one connection alone. */
const OF_THE_CONNECTION = [
  ...['connection', 'content-length', 'expect', 'keep-alive', 'proxy-authenticate'],
  ...['proxy-authorization', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade'],
];
/** Credentials end here: the upstream trusts who forwards, and must not be able to pass for the caller. */
const NOT_FORWARDED = [...OF_THE_CONNECTION, 'authorization', 'host', 'x-api-key', 'x-request-id'];
/** The body was decoded on its way. Whether an answer may be cached, and its id, are this service's to say. */
const NOT_RETURNED = [
  ...OF_THE_CONNECTION,
  ...['cache-control', 'content-encoding', 'expires', 'pragma', 'x-request-id'],
];

const logger = new Logger('upstream');

/** Passes a call on and its answer back. The upstream never sees the key. @throws Refusal 502, 504 */
export async function forward(
  { url, answerMsMax }: Upstream,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const signal = AbortSignal.timeout(answerMsMax);
  let answer: Response;
  try {
    answer = await fetch(`${url}${request.url}`, {
      method: request.method,
      headers: forwardedHeaders(request),
      redirect: 'manual',
      signal,
      ...(Buffer.isBuffer(request.body) ? { body: new Uint8Array(request.body) } : {}),
    });
  } catch (error) {
    logger.warn(`request ${request.id}: the upstream did not answer: ${String(error)}`);
    throw new Refusal(
      signal.aborted ? socmateAnswer(504, 'Gateway Timeout') : socmateAnswer(502, 'Bad Gateway'),
    );
  }
  const dropped = new Set([...NOT_RETURNED, ...namesIn(answer.headers.get('connection'))]);
  answer.headers.forEach((value, name) => {
    if (!dropped.has(name)) reply.header(name, value);
  });
  reply.code(answer.status);
  return reply.send(answer.body && Readable.fromWeb(answer.body as ReadableStream));
}

function forwardedHeaders(request: FastifyRequest): Headers {
  const headers = new Headers({ 'x-request-id': request.id });
  const dropped = new Set([...NOT_FORWARDED, ...namesIn(request.headers.connection)]);
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined && !dropped.has(name)) headers.set(name, String(value));
  }
  return headers;
}

/** Header names that a Connection header declares to be of this connection too. */
function namesIn(connection: string | null | undefined): readonly string[] {
  return (connection ?? '').split(',').map((name) => name.trim().toLowerCase());
}
