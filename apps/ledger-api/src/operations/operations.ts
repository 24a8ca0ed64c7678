import type { FastifyInstance, FastifyReply } from 'fastify';
import type { Registry } from 'prom-client';
import { createLog, standardOutput, type Log, type LogLines } from '@ledger/process';
import { type Ledger } from '@ledger/runtime';
import { readiness, startup, type HealthReport } from './health.js';
import { createMetrics } from './metrics.js';
import { RequestCounts } from './request-series.js';
import { RequestWatch } from './request-watch.js';
import { ServiceState } from './service-state.js';

export interface OperationsOptions {
  readonly level: Parameters<typeof createLog>[0]['level'];
  readonly lines?: LogLines;
  /** Whether metrics tell of the process itself too. */
  readonly withProcess?: boolean;
  /** Whether health and metrics answer on the main port. */
  readonly onMainPort?: boolean;
}

/** What operators see of one service: its health, its metrics and its log. */
export class Operations {
  readonly state = new ServiceState();
  readonly log: Log;
  readonly metrics: Registry;
  readonly onMainPort: boolean;
  readonly watch: RequestWatch;

  constructor({ level, lines = standardOutput(), ...options }: OperationsOptions) {
    const { state } = this;
    const counts = new RequestCounts();
    this.onMainPort = options.onMainPort ?? true;
    this.log = createLog({ level, lines });
    this.watch = new RequestWatch({ counts, log: this.log, state });
    this.metrics = createMetrics({
      state,
      requests: counts,
      logLinesLost: () => lines.lost,
      withProcess: options.withProcess ?? false,
    });
  }

  /** For a ledger that is open already. */
  static of(ledger: Ledger): Operations {
    const operations = new Operations({ level: 'error' });
    operations.state.opened(ledger);
    return operations;
  }

  /** Needs no credential: nothing here tells of anyone's data. */
  addRoutes(fastify: FastifyInstance): void {
    fastify.get('/health/live', (_request, reply) => answer(reply, { status: 'ok', failed: [] }));
    fastify.get('/health/startup', (_request, reply) => answer(reply, startup(this.state)));
    fastify.get('/health/ready', async (_request, reply) => {
      return answer(reply, await readiness(this.state));
    });
    fastify.get('/metrics', async (_request, reply) => {
      const text = await this.metrics.metrics();
      return reply.header('content-type', this.metrics.contentType).send(text);
    });
  }
}

function answer(reply: FastifyReply, report: HealthReport): FastifyReply {
  return reply
    .code(report.status === 'ok' ? 200 : 503)
    .header('content-type', 'application/json; charset=utf-8')
    .header('cache-control', 'no-store')
    .send(JSON.stringify(report));
}
