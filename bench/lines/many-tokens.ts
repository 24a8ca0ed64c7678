import { historyOf, madeToken } from '../made-history.js';
import type { Line } from '../line.js';
import { loadOf, type HttpCall } from '../load.js';
import { underLoad } from '../over-http.js';
import { interleave, medianRate, ratios } from '../rounds.js';
import { startLedgerOn, type Service } from '../service.js';
import { perSecond, printFigure, printRow } from '../table.js';

const FEW = 1_000;
const START_MS_MAX = 5_000;

/** What it costs to know very many tokens: nothing for each call, a while at the start, and memory. */
export const manyTokens: Line = {
  name: 'many-tokens',
  async run(bench) {
    const count = bench.isFull ? 1_000_000 : 200_000;
    const named = count.toLocaleString('en');
    // Both are charged alike, so that both have uses to remember.
    const few = await start(FEW);
    const many = await start(count);
    const peers = {
      few: underLoad(loadOf(verifyCalls(FEW)), few.service),
      many: underLoad(loadOf(verifyCalls(count)), many.service),
    };
    const results = await interleave(peers, { ...bench, ms: Math.max(1_000, bench.ms) });
    printRow({
      line: `POST /v1/verify, ${named} tokens`,
      baseline: `the same with ${FEW.toLocaleString('en')} tokens`,
      ratio: ratios(results.many, results.few),
      goal: { atLeast: 0.9 },
      figures: [results.many, results.few].map((each) => perSecond(medianRate(each))).join(' of '),
    });
    const isSoon = many.readyMs < START_MS_MAX;
    const verdict = `${isSoon ? 'ok' : 'SHORT'} (< ${START_MS_MAX / 1000} s)`;
    printFigure('  its start', `${(many.readyMs / 1000).toFixed(1)} s`, verdict);
    const bytes = (many.service.memory() - few.service.memory()) / (count - FEW);
    printFigure('  its memory', `${Math.round(bytes)} bytes a token`);
    await Promise.all([few.service.stop(), many.service.stop()]);
  },
};

async function start(tokens: number): Promise<{ service: Service; readyMs: number }> {
  const history = await historyOf({ tokens, charges: 0 });
  const startedAt = performance.now();
  const service = await startLedgerOn(history);
  return { service, readyMs: performance.now() - startedAt };
}

/** A thousand calls, spread over all tokens. */
function verifyCalls(tokens: number): readonly HttpCall[] {
  const headers = { authorization: `Bearer ${madeToken(0).secret}` };
  return Array.from({ length: 1_000 }, (_, index) => {
    const { secret } = madeToken(Math.floor((index * tokens) / 1_000) || 1);
    return { path: '/v1/verify', headers, body: { token: secret, scopes: ['invoices:read'] } };
  });
}
