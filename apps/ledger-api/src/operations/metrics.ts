import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';
import { addRelayMetrics, type Ledger } from '@ledger/runtime';
import { addEventStoreDbMetrics } from './eventstoredb-metrics.js';
import { headOf, readiness } from './health.js';
import { LatencyHistogram } from './latency-histogram.js';
import type { RequestCounts } from './request-series.js';
import type { ServiceState } from './service-state.js';

export interface MetricsParts {
  readonly state: ServiceState;
  readonly requests: RequestCounts;
  readonly logLinesLost: () => number;
  /** Adds what the runtime tells of the process itself; once a process, since it starts observers. */
  readonly withProcess: boolean;
}

/** Values of one metric as they are now, by label. */
type Samples<Label extends string> = readonly {
  readonly labels?: Partial<Record<Label, string | number>>;
  readonly value: number;
}[];

/** All metrics of one service. Nothing is counted here: each scrape reads the counts of the parts. */
export function createMetrics({ state, requests, ...parts }: MetricsParts): Registry {
  const registry = new Registry();
  const registers = [registry];
  const sum = <Label extends string>(
    name: string,
    help: string,
    labelNames: Label[],
    read: () => Samples<Label>,
  ): void => {
    const collect = function (this: Counter<Label>): void {
      this.reset();
      for (const { labels = {}, value } of read()) this.inc(labels, value);
    };
    new Counter({ name, help, labelNames, registers, collect });
  };
  const level = (name: string, help: string, read: () => number | Promise<number>): void => {
    const collect = async function (this: Gauge): Promise<void> {
      this.set(await read());
    };
    new Gauge({ name, help, registers, collect });
  };
  /** Zero while there is no ledger yet. */
  const of = (read: (ledger: Ledger) => number | undefined) => (): number => {
    return (state.ledger && read(state.ledger)) ?? 0;
  };
  const count = (name: string, help: string, read: (ledger: Ledger) => number | undefined) => {
    sum(name, help, [], () => [{ value: of(read)() }]);
  };

  sum('ledger_http_requests_total', 'Requests answered.', [...REQUEST_LABELS], () =>
    requests.called().flatMap((series) => {
      const { labels } = series;
      return series.statuses().map(({ status, count: value }) => {
        return { labels: { ...labels, status }, value };
      });
    }),
  );
  sum('ledger_http_requests_shed_total', 'Requests refused for want of room.', [], () => [
    { value: requests.shed },
  ]);
  const latency = {
    name: 'ledger_http_request_duration_seconds',
    help: 'Time to answer a request.',
  };
  registry.registerMetric(new LatencyHistogram(latency, requests));

  sum('ledger_verifications_total', 'Secrets judged, by verdict.', ['code'], () =>
    [...(state.ledger?.counters.verifications ?? [])].map(([code, value]) => {
      return { labels: { code }, value };
    }),
  );
  sum('ledger_charges_total', 'Charges decided, by outcome.', ['outcome'], () => {
    const counters = state.ledger?.counters;
    const refused = [...(counters?.refusedCharges ?? [])];
    return [
      { labels: { outcome: 'accepted' }, value: counters?.acceptedCharges ?? 0 },
      ...refused.map(([outcome, value]) => ({ labels: { outcome }, value })),
    ];
  });
  count('ledger_units_charged_total', 'Quota units durably spent.', (l) => l.counters.units);
  count('ledger_units_returned_total', 'Quota units that came back of leases.', (l) => {
    return l.counters.unitsReturned;
  });

  sum('ledger_appends_total', 'Appends answered, by outcome.', ['outcome'], () => {
    const counts = state.ledger?.store.counts;
    return (['appended', 'conflict', 'unavailable'] as const).map((outcome) => {
      return { labels: { outcome }, value: counts?.[outcome] ?? 0 };
    });
  });
  count('ledger_events_total', 'Events appended.', (l) => l.store.counts.events);
  level(
    'ledger_appends_pending',
    'Appends not answered yet.',
    of((l) => l.store.counts.pending),
  );
  level(
    'ledger_append_oldest_seconds',
    'How long the oldest unanswered append has waited.',
    of((l) => l.store.oldestPendingMs / 1000),
  );
  level(
    'ledger_store_failed',
    '1 once no write can succeed.',
    of((l) => (l.store.failure ? 1 : 0)),
  );
  level('ledger_disk_full', 'Whether the disk had no room for what was to be written last.', () =>
    Number(state.ledger?.store.commits?.isDiskFull ?? false),
  );
  count('ledger_commits_total', 'Transactions written.', (l) => l.store.commits?.commits);
  count('ledger_flush_seconds_total', 'Time spent in commits, flush included.', (l) =>
    seconds(l.store.commits?.flushMsTotal),
  );
  level(
    'ledger_flush_last_seconds',
    'Time the last commit took.',
    of((l) => seconds(l.store.commits?.flushMsLast)),
  );
  level(
    'ledger_commit_batch_last',
    'Appends in the last commit.',
    of((l) => l.store.commits?.batchLast),
  );
  level(
    'ledger_commit_batch_max',
    'Appends in the largest commit.',
    of((l) => l.store.commits?.batchMax),
  );

  level('ledger_log_head', 'Position of the newest event.', () => headNumber(state));
  level('ledger_projection_position', 'Position that the read models hold.', () => {
    return Number(positionOf(state));
  });
  level('ledger_projection_lag', 'Events that the read models lack.', async () => {
    return Math.max(0, (await headNumber(state)) - Number(positionOf(state)));
  });
  level(
    'ledger_projection_age_seconds',
    'How long ago the read models were known to hold the whole shared log.',
    of((l) => seconds(l.freshness?.ageMs)),
  );
  level(
    'ledger_store_silent',
    '1 while the store does not answer and writes are refused at once.',
    of((l) => (l.store.silentMs === undefined ? 0 : 1)),
  );
  level(
    'ledger_projection_failed',
    '1 once the read models have stopped at an event.',
    of((l) => (l.projector.failure ? 1 : 0)),
  );
  level(
    'ledger_projection_rebuild_seconds',
    'Time the read models took to catch up when the process started.',
    of((l) => seconds(l.catchUpMs)),
  );
  level('ledger_ready', '1 while /health/ready answers 200.', async () => {
    return (await readiness(state)).status === 'ok' ? 1 : 0;
  });
  sum('ledger_log_lines_lost_total', 'Log lines that could not be written.', [], () => [
    { value: parts.logLinesLost() },
  ]);
  addEventStoreDbMetrics(registry, () => state.ledger?.store.database);
  addRelayMetrics(registry, () => state.relay);
  if (parts.withProcess) collectDefaultMetrics({ register: registry });
  return registry;
}

const REQUEST_LABELS = ['dialect', 'route', 'method', 'status'] as const;

function seconds(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : ms / 1000;
}

function positionOf({ ledger, rebuild }: ServiceState): bigint {
  return ledger?.projector.position ?? rebuild?.position ?? 0n;
}

async function headNumber({ ledger, rebuild }: ServiceState): Promise<number> {
  const head = ledger ? await headOf(ledger) : rebuild?.head;
  return Number(head ?? 0n);
}
