import type { Bench, Line } from './line.js';
import { append } from './lines/append.js';
import { consume } from './lines/consume.js';
import { forwardAuth } from './lines/forward-auth.js';
import { hotToken } from './lines/hot-token.js';
import { loneAppend } from './lines/lone-append.js';
import { manyTokens } from './lines/many-tokens.js';
import { overload } from './lines/overload.js';
import { rebuild } from './lines/rebuild.js';
import { tailLatency } from './lines/tail-latency.js';
import { verify } from './lines/verify.js';
import { GENERATOR } from './load.js';
import { describeMachine } from './machine.js';
import { SlowFlush } from './slow-flush.js';

const LINES: readonly Line[] = [
  ...[verify, consume, hotToken, append, loneAppend, tailLatency, overload],
  ...[rebuild, manyTokens, forwardAuth],
];

/** `npm run bench -- [--full] [line ...]`: measures, in this order, the lines that are named, or all. */
async function main(given: readonly string[]): Promise<void> {
  const names = given.filter((argument) => !argument.startsWith('-'));
  const unknown = names.filter((name) => !LINES.some((line) => line.name === name));
  if (unknown.length > 0) {
    const known = LINES.map(({ name }) => name).join(' ');
    throw new Error(`no such line: ${unknown.join(' ')}. There are: ${known}`);
  }
  const bench: Bench = {
    isFull: given.includes('--full'),
    slowFlush: SlowFlush.compile(),
    rounds: Number(process.env['BENCH_ROUNDS'] ?? 10),
    ms: Number(process.env['BENCH_ROUND_MS'] ?? 500),
  };
  process.stdout.write(
    `${await describeMachine(bench)}\n` +
      `${bench.rounds} rounds of ${bench.ms} ms (HTTP: 1 s, by ${GENERATOR}), peers in random order; ` +
      'ratios of each round: median (quartiles)\n\n',
  );
  try {
    for (const line of LINES) {
      if (names.length === 0 || names.includes(line.name)) await line.run(bench);
    }
  } finally {
    bench.slowFlush?.remove();
  }
}

await main(process.argv.slice(2));
