import { Histogram } from 'prom-client';
import { LATENCY_BOUNDS, type RequestCounts, type RequestSeries } from './request-series.js';

interface Sample {
  readonly metricName: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
}

/** The latencies of all routes, read from their plain counts at each scrape. */
export class LatencyHistogram extends Histogram {
  constructor(
    private readonly metric: { readonly name: string; readonly help: string },
    private readonly counts: RequestCounts,
  ) {
    const labelNames = ['dialect', 'route', 'method'];
    super({ ...metric, labelNames, buckets: [...LATENCY_BOUNDS], registers: [] });
  }

  /** What the library prints, as text and as JSON, in place of observations of its own. */
  getForPromString(): Promise<object> {
    const values = this.counts.called().flatMap((series) => this.#samples(series));
    return Promise.resolve({ ...this.metric, type: 'histogram', aggregator: 'sum', values });
  }

  #samples(series: RequestSeries): readonly Sample[] {
    const { labels: own, count, seconds } = series;
    const { name } = this.metric;
    const labels = { ...own };
    const buckets = series.cumulative().map((bucket) => ({
      metricName: `${name}_bucket`,
      labels: { ...labels, le: bucket.bound },
      value: bucket.count,
    }));
    return [
      ...buckets,
      { metricName: `${name}_bucket`, labels: { ...labels, le: '+Inf' }, value: count },
      { metricName: `${name}_sum`, labels, value: seconds },
      { metricName: `${name}_count`, labels, value: count },
    ];
  }
}
