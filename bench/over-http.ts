import type { Bench } from './line.js';
import { loadOf, type HttpCall, type Load } from './load.js';
import { interleave, medianRate, quartiles, ratios, type Peer } from './rounds.js';
import { startBareFastify, type Service } from './service.js';
import { perSecond, printRow } from './table.js';

const CONNECTIONS = 64;

/** A service under load, as a peer. Whoever started it stops it. */
export function underLoad(load: Load, { port }: Service, connections = CONNECTIONS): Peer {
  return {
    round: (ms) => load.run(port, connections, ms),
    close: () => Promise.resolve(),
  };
}

/** Measures calls to the ledger, or to its gateway, against the same calls to a bare Fastify, and prints the row. */
export async function compareOverHttp(
  bench: Bench,
  line: {
    readonly line: string;
    readonly goal?: number;
    readonly ledger: Service;
    readonly calls: readonly HttpCall[];
  },
): Promise<void> {
  const bare = await startBareFastify();
  const load = loadOf(line.calls);
  try {
    const peers = { ledger: underLoad(load, line.ledger), bare: underLoad(load, bare) };
    // wrk counts in whole seconds.
    const results = await interleave(peers, {
      rounds: bench.rounds,
      ms: Math.max(1_000, bench.ms),
    });
    const p99 = quartiles(results.ledger.map(({ p99Ms }) => p99Ms)).median;
    const rates = `${perSecond(medianRate(results.ledger))} of ${perSecond(medianRate(results.bare))}`;
    printRow({
      line: line.line,
      baseline: `bare Fastify, ${CONNECTIONS} connections`,
      ratio: ratios(results.ledger, results.bare),
      ...(line.goal === undefined ? {} : { goal: { atLeast: line.goal } }),
      figures: `${rates}, p99 ${p99.toFixed(1)} ms`,
    });
  } finally {
    load.close();
    await bare.stop();
  }
}
