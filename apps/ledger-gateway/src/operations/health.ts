import type { FastifyInstance } from 'fastify';
import type { Registry } from 'prom-client';
import type { Gateway } from '@ledger/gateway-cache';

export interface HealthParts {
  readonly gateway: Gateway;
  readonly metrics: Registry;
  readonly isStopping: () => boolean;
}

/**
 * Health and metrics. A gateway whose feed is lost stays ready: it decides on, within the bound of its
 * cache's time, and taking all gateways away at once would help nobody.
 */
export function addOperationsRoutes(app: FastifyInstance, parts: HealthParts): void {
  const { gateway, metrics, isStopping } = parts;
  app.get('/health/live', (_request, reply) => reply.send({ status: 'ok' }));
  app.get('/health/ready', (_request, reply) => {
    const { state, applied } = gateway.follower;
    const isReady = state !== 'starting' && !isStopping();
    const problem = isStopping() ? 'stopping' : state === 'live' ? undefined : `feed is ${state}`;
    return reply.code(isReady ? 200 : 503).send({
      status: isReady ? 'ok' : 'failed',
      feed: state,
      appliedPosition: String(applied),
      ...(problem === undefined ? {} : { problem }),
    });
  });
  app.get('/metrics', async (_request, reply) => {
    return reply.type(metrics.contentType).send(await metrics.metrics());
  });
}
