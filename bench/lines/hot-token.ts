import type { Line } from '../line.js';
import { startPeer } from '../peer-process.js';
import { postgresPrograms, startPostgres } from '../postgres.js';
import { interleave, medianRate, ratios, type Peer } from '../rounds.js';
import { perSecond, printFigure, printRow } from '../table.js';

const CALLERS = 64;

/** All callers charge one token: a row lock would make them wait for each other's flush. */
export const hotToken: Line = {
  name: 'hot-token',
  async run(bench) {
    const { slowFlush } = bench;
    const programs = postgresPrograms();
    if (!programs) printFigure('one hot token, 64 callers', 'not compared', 'no PostgreSQL here');
    for (const flush of slowFlush ? (['native', 'slow'] as const) : (['native'] as const)) {
      const environment = slowFlush?.environment(flush) ?? {};
      const peers: Record<string, Peer> = {
        ledger: await startPeer('quota-queue', environment),
        flushes: await startPeer('flushes', environment),
      };
      if (programs) peers['postgres'] = await startPostgres(programs, environment);
      // pgbench counts in whole seconds.
      const ms = programs ? Math.max(1_000, bench.ms) : bench.ms;
      const { ledger, flushes, postgres } = await interleave(peers, { ...bench, ms });
      await Promise.all(Object.values(peers).map((peer) => peer.close()));
      const rate = medianRate(ledger!);
      const line = 'one hot token, 64 callers, in process';
      if (postgres) {
        printRow({
          line: flush === 'native' ? line : '  the same at +1 ms',
          baseline: 'PostgreSQL, UPDATE .. RETURNING',
          ratio: ratios(ledger!, postgres),
          goal: { atLeast: flush === 'native' ? 20 : 50 },
          figures: `${perSecond(rate)} of ${perSecond(medianRate(postgres))}`,
        });
      }
      if (flush === 'native') continue;
      const bound = flushes!.map((round) => ({ ...round, perSecond: round.perSecond * CALLERS }));
      printRow({
        line: '  the same at +1 ms',
        baseline: 'callers x flushes/s',
        ratio: ratios(ledger!, bound),
        goal: { atLeast: 0.75 },
        figures: `${perSecond(rate)} of ${perSecond(medianRate(bound))}`,
      });
    }
  },
};
