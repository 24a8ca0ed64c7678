import type { FastifyRequest } from 'fastify';
import type { CommandContext, Principal } from '@ledger/commands';
import type { HttpRequest } from './exchange.js';

const USER_AGENT_LENGTH_MAX = 512;
export const IDEMPOTENCY_KEY_FORM = /^[\x21-\x7e]{1,255}$/;

/** The Idempotency-Key header: its value, null when absent, undefined when it is malformed. */
export function idempotencyKey(request: HttpRequest): string | null | undefined {
  const header = request.headers['idempotency-key'];
  if (header === undefined) return null;
  if (typeof header !== 'string' || !IDEMPOTENCY_KEY_FORM.test(header)) return undefined;
  return header;
}

/** Whether the caller has hung up, at the time of asking. */
export function isGone({ raw }: HttpRequest): () => boolean {
  return () => raw.socket.destroyed;
}

/** What a command carries of the request that asked for it. */
export function commandContext(
  request: FastifyRequest,
  principal: Principal,
  dialect: string,
  key: string | null,
): CommandContext {
  const path = request.url.split('?', 1)[0]!;
  return {
    principal,
    requestId: request.id,
    correlationId: request.id,
    ip: request.socket.remoteAddress,
    userAgent: request.headers['user-agent']?.slice(0, USER_AGENT_LENGTH_MAX),
    dialect,
    isGone: isGone(request),
    repeat: {
      key,
      route: `${request.method} ${path}`,
      body: Buffer.isBuffer(request.body) ? request.body.toString('utf8') : '',
    },
  };
}
