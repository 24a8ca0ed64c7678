import { consumeCalls, issueTokens, verifyCalls } from '../issued-tokens.js';
import type { Line } from '../line.js';
import { loadOf } from '../load.js';
import { interleave, quartiles, ratios, type Peer, type Round } from '../rounds.js';
import { startLedger } from '../service.js';
import { printFigure, printRow } from '../table.js';

const CONNECTIONS = 32;

/** A secret is judged while others charge: the disk must not be felt by who does not write. */
export const tailLatency: Line = {
  name: 'tail-latency',
  async run(bench) {
    const { slowFlush } = bench;
    if (!slowFlush) {
      printFigure('verify p99 while 32 callers consume', 'not measured', 'needs slow flushes');
      return;
    }
    const native = await verifyAmongCharges(slowFlush.environment('native'));
    const slow = await verifyAmongCharges(slowFlush.environment('slow'));
    const results = await interleave({ native, slow }, { ...bench, ms: Math.max(1_000, bench.ms) });
    await Promise.all([native.close(), slow.close()]);
    const p99 = (rounds: readonly Round[]): string =>
      `${quartiles(rounds.map(({ p99Ms }) => p99Ms)).median.toFixed(1)} ms`;
    printRow({
      line: 'verify p99 while 32 callers consume, at +1 ms',
      baseline: 'the same with flushes as they are',
      ratio: ratios(results.slow, results.native, ({ p99Ms }) => p99Ms),
      goal: { atMost: 1.1 },
      figures: `${p99(results.slow)} of ${p99(results.native)}`,
    });
  },
};

async function verifyAmongCharges(environment: NodeJS.ProcessEnv): Promise<Peer> {
  const service = await startLedger(environment);
  const issued = await issueTokens(service, 1_000);
  const verifying = loadOf(verifyCalls(issued));
  const charging = loadOf(consumeCalls(issued));
  return {
    async round(ms) {
      const [verified] = await Promise.all([
        verifying.run(service.port, CONNECTIONS, ms),
        charging.run(service.port, CONNECTIONS, ms),
      ]);
      return verified;
    },
    async close() {
      verifying.close();
      charging.close();
      await service.stop();
    },
  };
}
