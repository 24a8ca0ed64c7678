import type { FastifyInstance } from 'fastify';
import { collectDefaultMetrics, Registry } from 'prom-client';
import type { Relay } from '@ledger/publishing';
import { addRelayMetrics, type OperationsRoutes } from '@ledger/runtime';

/**
 * Health and metrics of a worker. It is ready while it sends or stands by: whoever is in standby is as well
 * as the one that sends.
 */
export class WorkerOperations implements OperationsRoutes {
  constructor(private readonly relay: Relay) {}

  addRoutes(listener: FastifyInstance): void {
    const metrics = new Registry();
    addRelayMetrics(metrics, () => this.relay);
    collectDefaultMetrics({ register: metrics });
    listener.addHook('onRequest', (_request, reply, done) => {
      reply.header('cache-control', 'no-store');
      done();
    });
    listener.get('/health/live', () => ({ status: 'ok', failed: [] }));
    for (const path of ['/health/ready', '/health/startup']) {
      listener.get(path, async (_request, reply) => {
        const { state, problem = '' } = await this.relay.status();
        if (state === 'active' || state === 'standby') return { status: 'ok', failed: [] };
        const check = state === 'failing' ? 'relay-failing' : 'relay-stopped';
        const remedy = 'See "When health is red" in docs/operations.md.';
        return reply.code(503).send({ status: 'failed', failed: [{ check, problem, remedy }] });
      });
    }
    listener.get('/metrics', async (_request, reply) => {
      return reply.header('content-type', metrics.contentType).send(await metrics.metrics());
    });
  }
}
