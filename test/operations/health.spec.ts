import { listenForOperations } from '@ledger/runtime';
import { Operations } from '../../apps/ledger-api/src/operations/operations.js';
import { CHECKS, type HealthReport } from '../../apps/ledger-api/src/operations/health.js';
import {
  CapturedLines,
  createToken,
  startOperatedService,
  TroubledStore,
  type OperatedService,
} from './operated-service.js';

async function health(
  url: string,
  path: 'live' | 'ready' | 'startup',
): Promise<{ status: number; report: HealthReport }> {
  const response = await fetch(`${url}/health/${path}`);
  return { status: response.status, report: (await response.json()) as HealthReport };
}

describe('health', () => {
  let store: TroubledStore;
  let service: OperatedService;

  beforeEach(async () => {
    store = new TroubledStore();
    service = await startOperatedService({ store });
  });
  afterEach(() => service.close());

  const failedChecks = async (): Promise<readonly string[]> => {
    const { status, report } = await health(service.url, 'ready');
    expect(status).toBe(report.failed.length === 0 ? 200 : 503);
    for (const { check, problem, remedy } of report.failed) {
      expect(remedy).toBe(CHECKS[check]);
      expect(problem).not.toBe('');
    }
    expect((await health(service.url, 'live')).status).toBe(200);
    return report.failed.map(({ check }) => check);
  };

  it('is green on a service that works, and needs no credential', async () => {
    expect(await health(service.url, 'ready')).toEqual({
      status: 200,
      report: { status: 'ok', failed: [] },
    });
    expect(await health(service.url, 'startup')).toMatchObject({ status: 200 });
    expect(await health(service.url, 'live')).toMatchObject({ status: 200 });
  });

  it('turns red when the store takes no more writes, and stays alive', async () => {
    store.fail(new Error('planted'));
    expect(await failedChecks()).toEqual(['store-failed']);
  });

  it('turns red while a write is not confirmed, and green again after', async () => {
    store.pendingMs = 5_001;
    expect(await failedChecks()).toEqual(['store-stalled']);
    store.pendingMs = 5_000;
    expect(await failedChecks()).toEqual([]);
  });

  it('turns red when the read models stand still, without telling why to strangers', async () => {
    store.readFailure = new Error('planted detail');
    await createToken(service).catch(() => undefined);
    expect(await failedChecks()).toEqual(['read-models-failed']);
    expect(JSON.stringify(await health(service.url, 'ready'))).not.toContain('planted');
  });

  it('turns red when the read models are far behind the log', async () => {
    store.ahead = 10_001n;
    expect(await failedChecks()).toEqual(['read-models-behind']);
    store.ahead = 10_000n;
    expect(await failedChecks()).toEqual([]);
  });

  it('turns red when the process is asked to stop', async () => {
    service.operations.state.stopping();
    expect(await failedChecks()).toEqual(['stopping']);
  });
});

describe('a listener of its own for health and metrics', () => {
  it('answers before the ledger is open, with how far the read models are', async () => {
    const operations = new Operations({ level: 'silent', lines: new CapturedLines() });
    const listener = await listenForOperations(operations, { host: '127.0.0.1', port: 0 });
    const url = listener.listeningOrigin;
    expect((await health(url, 'live')).status).toBe(200);
    operations.state.rebuilding({ position: 3_000n, head: 10_000n });
    for (const path of ['ready', 'startup'] as const) {
      const { status, report } = await health(url, path);
      expect(status).toBe(503);
      expect(report.failed).toMatchObject([
        { check: 'starting', problem: 'the read models are at position 3000 of 10000' },
      ]);
    }
    const metrics = await (await fetch(`${url}/metrics`)).text();
    expect(metrics).toContain('ledger_ready 0');
    expect(metrics).toContain('ledger_projection_lag 7000');
    await listener.close();
  });

  it('leaves nothing of them on the main port (A19)', async () => {
    const service = await startOperatedService({ onMainPort: false });
    const { operations } = service;
    const listener = await listenForOperations(operations, { host: '127.0.0.1', port: 0 });
    for (const path of ['/health/live', '/health/ready', '/health/startup', '/metrics']) {
      expect((await fetch(`${service.url}${path}`)).status).toBe(404);
      expect((await fetch(`${listener.listeningOrigin}${path}`)).status).toBe(200);
    }
    await listener.close();
    await service.close();
  });
});
