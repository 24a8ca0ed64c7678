import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import { Logger } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Refusal } from '../../http/answer.js';
import { socmateAnswer } from './socmate-answers.js';

const ANSWER_MS_MAX = 30_000;

/** Headers that speak of one connection, or carry the credential that ends here. */
const NOT_FORWARDED = new Set([
  'authorization',
  'connection',
  'content-length',
  'host',
  'keep-alive',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'x-api-key',
]);
const NOT_RETURNED = new Set([
  'connection',
  'content-encoding',
  'content-length',
  'keep-alive',
  'transfer-encoding',
]);

const logger = new Logger('upstream');

/** Passes a call on and its answer back. The upstream never sees the key. @throws Refusal 502, 504 */
export async function forward(
  upstreamUrl: string,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const headers = new Headers({ 'x-request-id': request.id });
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined && !NOT_FORWARDED.has(name)) headers.set(name, String(value));
  }
  let answer: Response;
  try {
    answer = await fetch(`${upstreamUrl}${request.url}`, {
      method: request.method,
      headers,
      redirect: 'manual',
      signal: AbortSignal.timeout(ANSWER_MS_MAX),
      ...(Buffer.isBuffer(request.body) ? { body: new Uint8Array(request.body) } : {}),
    });
  } catch (error) {
    const isTimeout = error instanceof Error && error.name === 'TimeoutError';
    logger.warn(`request ${request.id}: the upstream did not answer: ${String(error)}`);
    throw new Refusal(
      isTimeout ? socmateAnswer(504, 'Gateway Timeout') : socmateAnswer(502, 'Bad Gateway'),
    );
  }
  answer.headers.forEach((value, name) => {
    if (!NOT_RETURNED.has(name)) reply.header(name, value);
  });
  reply.code(answer.status);
  return reply.send(answer.body && Readable.fromWeb(answer.body as ReadableStream));
}
