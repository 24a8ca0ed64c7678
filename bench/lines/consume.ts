import { consumeCalls, issueTokens } from '../issued-tokens.js';
import type { Line } from '../line.js';
import { compareOverHttp } from '../over-http.js';
import { startLedger } from '../service.js';

/** Charges to 1,000 tokens, each on the disk before it is answered, and never more than the quota. */
export const consume: Line = {
  name: 'consume',
  async run(bench) {
    const settings = [
      { line: 'POST /v1/quota/consume', goal: 0.45, environment: {} },
      ...(bench.slowFlush
        ? [{ line: '  the same at +1 ms', environment: bench.slowFlush.environment('slow') }]
        : []),
    ];
    for (const { environment, ...what } of settings) {
      const ledger = await startLedger(environment);
      try {
        const calls = consumeCalls(await issueTokens(ledger, 1_000));
        await compareOverHttp(bench, { ...what, ledger, calls });
      } finally {
        await ledger.stop();
      }
    }
  },
};
