import type { Line } from '../line.js';
import { startPeer } from '../peer-process.js';
import { interleave, medianRate, ratios } from '../rounds.js';
import { perSecond, printRow } from '../table.js';

/** 64 writers on streams of their own: what the embedded store adds to, and takes off, SQLite by hand. */
export const append: Line = {
  name: 'append',
  async run(bench) {
    const { slowFlush } = bench;
    const settings = [{ line: 'append, 64 writers on distinct streams', environment: {} }];
    if (slowFlush) {
      settings.push({ line: '  the same at +1 ms', environment: slowFlush.environment('slow') });
    }
    for (const { line, environment } of settings) {
      const store = await startPeer('sqlite-event-store', environment);
      const byHand = await startPeer('hand-written-store', environment);
      const results = await interleave({ store, byHand }, bench);
      await Promise.all([store.close(), byHand.close()]);
      const rates = [results.store, results.byHand].map((each) => perSecond(medianRate(each)));
      printRow({
        line,
        baseline: 'better-sqlite3 by hand, commit a turn',
        ratio: ratios(results.store, results.byHand),
        goal: { atLeast: 1 },
        figures: rates.join(' of '),
      });
    }
  },
};
