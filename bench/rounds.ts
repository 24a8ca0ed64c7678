/** What one peer did in one round. */
export interface Round {
  readonly calls: number;
  readonly perSecond: number;
  readonly p99Ms: number;
  /** What else is worth telling of it. */
  readonly note?: string;
}

/** One of those that are compared. */
export interface Peer {
  /** Works for that long. @throws Error When an answer was wrong: a rate of failures is worth nothing. */
  round(ms: number): Promise<Round>;
  close(): Promise<void>;
}

/** Middle and quartiles: what a noisy machine leaves worth quoting. */
export interface Quartiles {
  readonly q1: number;
  readonly median: number;
  readonly q3: number;
}

export interface RoundsOptions {
  readonly rounds: number;
  readonly ms: number;
}

/**
 * Lets every peer work once a round, in random order, so that whatever else the machine does meets them all
 * alike. The first round only warms up.
 */
export async function interleave<Name extends string>(
  peers: Readonly<Record<Name, Peer>>,
  { rounds, ms }: RoundsOptions,
): Promise<Readonly<Record<Name, readonly Round[]>>> {
  const names = Object.keys(peers) as Name[];
  const results = Object.fromEntries(names.map((name) => [name, [] as Round[]]));
  for (let round = 0; round <= rounds; round += 1) {
    for (const name of shuffled(names)) {
      const result = await peers[name].round(ms);
      if (round > 0) results[name]!.push(result);
    }
  }
  return results as unknown as Record<Name, readonly Round[]>;
}

/** The ratios of each round on its own. */
export function ratios(
  ours: readonly Round[],
  theirs: readonly Round[],
  of: (round: Round) => number = ({ perSecond }) => perSecond,
): Quartiles {
  return quartiles(ours.map((round, index) => of(round) / of(theirs[index]!)));
}

export function medianRate(rounds: readonly Round[]): number {
  return quartiles(rounds.map(({ perSecond }) => perSecond)).median;
}

export function quartiles(values: readonly number[]): Quartiles {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): number => {
    const place = (sorted.length - 1) * share;
    const low = sorted[Math.floor(place)]!;
    const high = sorted[Math.ceil(place)]!;
    return low + (high - low) * (place - Math.floor(place));
  };
  return { q1: at(0.25), median: at(0.5), q3: at(0.75) };
}

/** Works in as many hands as asked until the time is over, each beginning anew when it is done. */
export async function callers(
  count: number,
  ms: number,
  work: (caller: number) => Promise<void>,
): Promise<Round> {
  const latencies: number[] = [];
  const startedAt = performance.now();
  const deadline = startedAt + ms;
  const call = async (caller: number): Promise<void> => {
    for (let begunAt = startedAt; begunAt < deadline;) {
      await work(caller);
      const endedAt = performance.now();
      latencies.push(endedAt - begunAt);
      begunAt = endedAt;
    }
  };
  await Promise.all(Array.from({ length: count }, (_, caller) => call(caller)));
  return roundOf(latencies, performance.now() - startedAt);
}

/** What calls that took so many milliseconds each make of a round of that length. */
export function roundOf(latencies: readonly number[], ms: number): Round {
  const sorted = [...latencies].sort((a, b) => a - b);
  const p99Ms = sorted[Math.floor(sorted.length * 0.99)] ?? 0;
  return { calls: sorted.length, perSecond: (sorted.length * 1000) / ms, p99Ms };
}

function shuffled<T>(items: readonly T[]): readonly T[] {
  return items
    .map((item) => ({ item, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}
