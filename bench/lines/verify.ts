import { issueTokens, verifyCalls } from '../issued-tokens.js';
import type { Line } from '../line.js';
import { compareOverHttp } from '../over-http.js';
import { startLedger } from '../service.js';

/** A secret is judged from memory: what is left of a bare Fastify's rate. */
export const verify: Line = {
  name: 'verify',
  async run(bench) {
    const ledger = await startLedger();
    try {
      const calls = verifyCalls(await issueTokens(ledger, 1_000));
      await compareOverHttp(bench, { line: 'POST /v1/verify', goal: 0.75, ledger, calls });
    } finally {
      await ledger.stop();
    }
  },
};
