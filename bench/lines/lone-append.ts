import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Line } from '../line.js';
import { startPeer } from '../peer-process.js';
import { interleave, medianRate, ratios } from '../rounds.js';
import { perSecond, printFigure, printRow } from '../table.js';

/** An append that shares its flush with nobody: it costs that one flush, and little else. */
export const loneAppend: Line = {
  name: 'lone-append',
  async run(bench) {
    const { slowFlush } = bench;
    if (!slowFlush) {
      printFigure('a lone append', 'not measured', 'needs the shim that counts flushes');
      return;
    }
    const directory = mkdtempSync(join(tmpdir(), 'ledger-flushes-'));
    const countFile = join(directory, 'count');
    for (const flush of ['native', 'slow'] as const) {
      const environment = slowFlush.environment(flush, countFile);
      const store = await startPeer('sqlite-event-store', { ...environment, WRITERS: '1' });
      const flushes = await startPeer('flushes', slowFlush.environment(flush));
      const results = await interleave({ store, flushes }, bench);
      const counted = () => Number(readFileSync(countFile).readBigUInt64LE());
      const before = counted();
      const { calls } = await store.round(bench.ms);
      const perAppend = (counted() - before) / calls;
      await Promise.all([store.close(), flushes.close()]);
      const rates = [results.store, results.flushes].map((each) => perSecond(medianRate(each)));
      printRow({
        line: flush === 'native' ? 'a lone append' : '  the same at +1 ms',
        baseline: "the disk's flushes, one after the other",
        ratio: ratios(results.store, results.flushes),
        ...(flush === 'slow' ? { goal: { atLeast: 0.9 } } : {}),
        figures: `${rates.join(' of ')}; ${perAppend.toFixed(3)} flushes an append`,
      });
    }
    rmSync(directory, { recursive: true });
  },
};
