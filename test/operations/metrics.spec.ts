import { timestamp } from '@ledger/domain';
import {
  call,
  createToken,
  startOperatedService,
  type OperatedService,
} from './operated-service.js';

const LABELS = ['dialect', 'route', 'method', 'status', 'le', 'code', 'outcome', 'state'];
const SAMPLE = /^[a-z_]+(?:\{([a-z]+="[^"]*"(?:,[a-z]+="[^"]*")*)\})? [-+.e\d]+$/;

describe('metrics', () => {
  let service: OperatedService;

  beforeEach(async () => {
    service = await startOperatedService();
  });
  afterEach(() => service.close());

  const scrape = async (): Promise<string> => {
    const response = await fetch(`${service.url}/metrics`);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toContain('text/plain; version=0.0.4');
    return response.text();
  };
  const value = (metrics: string, sample: string): number => {
    const line = metrics.split('\n').find((each) => each.startsWith(`${sample} `));
    return Number(line?.slice(sample.length + 1) ?? Number.NaN);
  };

  it('counts requests by the pattern of their route, with their latency', async () => {
    await createToken(service);
    await createToken(service);
    await call(service, '/v0/quota', { token: null });
    await call(service, '/v0/no-such-route');
    const metrics = await scrape();
    const labels = 'dialect="socket",route="/v0/orgs/:org_slug/api-tokens",method="POST"';
    expect(value(metrics, `ledger_http_requests_total{${labels},status="200"}`)).toBe(2);
    const duration = 'ledger_http_request_duration_seconds';
    expect(value(metrics, `${duration}_count{${labels}}`)).toBe(2);
    expect(value(metrics, `${duration}_bucket{${labels},le="+Inf"}`)).toBe(2);
    expect(value(metrics, `${duration}_sum{${labels}}`)).toBeGreaterThan(0);
    const refused = 'dialect="socket",route="/v0/quota",method="GET",status="401"';
    expect(value(metrics, `ledger_http_requests_total{${refused}}`)).toBe(1);
    const unmatched = 'dialect="none",route="unmatched",method="GET",status="404"';
    expect(value(metrics, `ledger_http_requests_total{${unmatched}}`)).toBe(1);
  });

  it('has buckets that only ever rise', async () => {
    for (let round = 0; round < 5; round += 1) await call(service, '/v0/quota');
    const buckets = (await scrape())
      .split('\n')
      .filter((line) => line.includes('_bucket{') && line.includes('"/v0/quota"'))
      .map((line) => Number(line.split(' ').at(-1)));
    expect(buckets.length).toBeGreaterThan(10);
    expect([...buckets].sort((a, b) => a - b)).toEqual(buckets);
    expect(buckets.at(-1)).toBe(5);
  });

  it('counts charges by outcome, and verdicts by code', async () => {
    const { token } = await createToken(service);
    // Of the token's 15 units, a list costs 10.
    await call(service, '/v0/orgs/demo/api-tokens', { token });
    await call(service, '/v0/orgs/demo/api-tokens', { token });
    service.ledger.counters.verified('VALID');
    const quota = { limit: 9, consumed: 2, remaining: 7, resetAt: timestamp(0) };
    service.ledger.counters.returned({ outcome: 'accepted', cost: 7, quota, position: 1n });
    const metrics = await scrape();
    expect(value(metrics, 'ledger_charges_total{outcome="accepted"}')).toBe(2);
    expect(value(metrics, 'ledger_charges_total{outcome="QUOTA_EXCEEDED"}')).toBe(1);
    expect(value(metrics, 'ledger_units_charged_total')).toBe(20);
    expect(value(metrics, 'ledger_units_returned_total')).toBe(7);
    expect(value(metrics, 'ledger_verifications_total{code="VALID"}')).toBe(1);
  });

  it('tells of the log, the store and the read models', async () => {
    await createToken(service);
    await service.ledger.projector.caughtUp();
    const metrics = await scrape();
    const head = Number(await service.ledger.store.head());
    expect(value(metrics, 'ledger_log_head')).toBe(head);
    expect(value(metrics, 'ledger_projection_position')).toBe(head);
    expect(value(metrics, 'ledger_projection_lag')).toBe(0);
    expect(value(metrics, 'ledger_projection_failed')).toBe(0);
    expect(value(metrics, 'ledger_events_total')).toBe(head);
    expect(value(metrics, 'ledger_appends_total{outcome="appended"}')).toBeGreaterThan(0);
    expect(value(metrics, 'ledger_appends_pending')).toBe(0);
    expect(value(metrics, 'ledger_ready')).toBe(1);
  });

  it('holds no secret, no id and no label that anyone outside can add to (O8)', async () => {
    const { token, group_uuid: id } = await createToken(service, { name: 'findable-name' });
    const secrets = [token, id, service.admin, 'findable', 'planted'];
    for (const path of ['/v0/quota?planted=1', '/v0/planted', '/planted%0A', '/v0/orgs/planted']) {
      await call(service, path, { token });
      await call(service, path, { token: 'planted-credential' });
      await call(service, path, { method: 'PROPFIND' }).catch(() => undefined);
    }
    const metrics = await scrape();
    expect(secrets.filter((secret) => metrics.includes(secret))).toEqual([]);
    const samples = metrics.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    for (const sample of samples) {
      const [, labels = ''] = SAMPLE.exec(sample) ?? [`not a sample: ${sample}`, sample];
      const names = [...labels.matchAll(/(\w+)="/g)].map(([, name]) => name);
      expect(names.filter((name) => !LABELS.includes(name!))).toEqual([]);
      expect(sample).not.toMatch(/[0-9a-f]{8}-[0-9a-f]{4}-/);
    }
  });

  it('belong to one service, though there are several in the process', async () => {
    const other = await startOperatedService();
    await createToken(service);
    const metrics = await (await fetch(`${other.url}/metrics`)).text();
    expect(metrics).not.toContain('api-tokens');
    await other.close();
  });
});
