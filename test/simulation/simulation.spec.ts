import { Logger } from '@nestjs/common';
import { simulate, SimulationFailure } from './simulation.js';

const ONE_SEED = process.env['LEDGER_SIM_SEED'];
const SEEDS = Number(process.env['LEDGER_SIM_SEEDS'] ?? 1_000);
const FIRST_SEED = Number(process.env['LEDGER_SIM_FIRST'] ?? 1);
const LINES_SHOWN = 60;

/** What a developer needs who sees a seed fail: why, what happened last, and how to see it again. */
function report({ seed, trace, message }: SimulationFailure): string {
  const shown = ONE_SEED === undefined ? trace.lines.slice(-LINES_SHOWN) : trace.lines;
  return [
    message,
    `The last ${shown.length} of ${trace.lines.length} steps:`,
    ...shown.map((line) => `  ${line}`),
    'To see it again, with all steps:',
    `  LEDGER_SIM_SEED=${seed} node --experimental-vm-modules --no-warnings ` +
      'node_modules/jest/bin/jest.js dist/test/simulation/simulation.spec.js',
  ].join('\n');
}

async function run(seed: number) {
  try {
    return await simulate(seed);
  } catch (error) {
    throw error instanceof SimulationFailure ? new Error(report(error)) : error;
  }
}

describe('the ledger over a simulated store', () => {
  // What stops in a crash says so, a thousand times.
  beforeAll(() => Logger.overrideLogger(false));

  const seeds =
    ONE_SEED === undefined
      ? Array.from({ length: SEEDS }, (_, n) => FIRST_SEED + n)
      : [Number(ONE_SEED)];

  it(`keeps every promise in ${seeds.length} seeds`, async () => {
    const sum = { facts: 0, requests: 0, crashes: 0, verified: 0, steps: 0 };
    const startedAt = performance.now();
    for (const seed of seeds) {
      const { facts, requests, crashes, verified, trace } = await run(seed);
      sum.facts += facts;
      sum.requests += requests;
      sum.crashes += crashes;
      sum.verified += verified;
      sum.steps += trace.lines.length;
    }
    const seconds = (performance.now() - startedAt) / 1000;
    const parts = Object.entries(sum).map(([name, count]) => `${count} ${name}`);
    process.stdout.write(
      `simulation: ${seeds.length} seeds in ${seconds.toFixed(1)} s, ${parts.join(', ')}\n`,
    );
    if (seeds.length >= 1_000) expect(sum.crashes).toBeGreaterThan(seeds.length / 2);
  }, 7_200_000);

  it('gives the same trace for the same seed, and another for another', async () => {
    const [first, again, other] = [await run(7), await run(7), await run(8)];
    expect(again.trace.hash).toBe(first.trace.hash);
    expect(other.trace.hash).not.toBe(first.trace.hash);
  });
});
