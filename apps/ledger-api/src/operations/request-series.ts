/** Upper bounds of the latency buckets, in seconds. */
export const LATENCY_BOUNDS = [
  ...[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
] as const;

const STATUS_MIN = 100;
const STATUSES = 500;

/** Where requests are counted: a route's pattern, never a path with ids in it. */
export interface SeriesLabels {
  readonly dialect: string;
  readonly route: string;
  readonly method: string;
}

/** The counts of one route. Plain numbers, since every hot call passes here; metrics are made on scrape. */
export class RequestSeries {
  readonly #byStatus = new Float64Array(STATUSES);
  readonly #buckets = new Float64Array(LATENCY_BOUNDS.length + 1);
  #seconds = 0;
  #count = 0;

  constructor(readonly labels: SeriesLabels) {}

  observe(status: number, ms: number): void {
    const seconds = ms / 1000;
    let bucket = 0;
    while (bucket < LATENCY_BOUNDS.length && seconds > LATENCY_BOUNDS[bucket]!) bucket += 1;
    this.#byStatus[status - STATUS_MIN]! += 1;
    this.#buckets[bucket]! += 1;
    this.#seconds += seconds;
    this.#count += 1;
  }

  get count(): number {
    return this.#count;
  }

  get seconds(): number {
    return this.#seconds;
  }

  /** Calls by status, without those that never happened. */
  statuses(): readonly { readonly status: number; readonly count: number }[] {
    return [...this.#byStatus]
      .map((count, index) => ({ status: index + STATUS_MIN, count }))
      .filter(({ count }) => count > 0);
  }

  /** Calls that took at most each bound, rising. */
  cumulative(): readonly { readonly bound: number; readonly count: number }[] {
    let count = 0;
    return LATENCY_BOUNDS.map((bound, index) => {
      count += this.#buckets[index]!;
      return { bound, count };
    });
  }
}

const DIALECTS: readonly (readonly [prefix: string, dialect: string])[] = [
  ['/v0/', 'socket'],
  ['/v1/', 'native'],
  ['/api/', 'socmate'],
  ['/rest/', 'snyk'],
];

/** All series of one service. There are as many as routes, which nobody outside can add to. */
export class RequestCounts {
  readonly #series = new Map<string, RequestSeries>();
  /** Requests that were refused because there was too much to do. */
  shed = 0;

  of(method: string, route: string): RequestSeries {
    const key = `${method} ${route}`;
    let series = this.#series.get(key);
    if (!series) {
      const [, dialect] = DIALECTS.find(([prefix]) => `${route}/`.startsWith(prefix)) ?? [];
      series = new RequestSeries({ dialect: dialect ?? 'none', route, method });
      this.#series.set(key, series);
    }
    return series;
  }

  /** The series of routes that were called. */
  called(): readonly RequestSeries[] {
    return [...this.#series.values()].filter(({ count }) => count > 0);
  }
}
