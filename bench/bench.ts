import { cpus } from 'node:os';
import { post, runLoad, type LoadResult } from './load.js';
import { quartiles, shuffled } from './ratios.js';
import { startBareFastify, startLedger, type Service } from './service.js';

const TOKENS = 1_000;
const CONNECTIONS = 64;
const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 12);
const ROUND_MS = Number(process.env['BENCH_ROUND_MS'] ?? 1_000);

interface IssuedToken {
  readonly id: string;
  readonly secret: string;
}

interface Line {
  readonly name: string;
  readonly goal: number;
  readonly ledger: readonly Buffer[];
  readonly baseline: readonly Buffer[];
}

/** Issues the tokens of the benchmark, and a gateway's token that may verify them. */
async function prepare(ledger: Service): Promise<{ gateway: string; tokens: IssuedToken[] }> {
  const create = async (body: object): Promise<IssuedToken> => {
    const response = await fetch(`${ledger.url}/v1/orgs/demo/tokens`, {
      method: 'POST',
      headers: { authorization: `Bearer ${ledger.admin}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    if (response.status !== 201)
      throw new Error(`create: ${response.status} ${await response.text()}`);
    const { token, secret } = (await response.json()) as { token: { id: string }; secret: string };
    return { id: token.id, secret };
  };
  const gateway = await create({ name: 'gateway', scopes: ['ledger:tokens:verify'] });
  const tokens: IssuedToken[] = [];
  while (tokens.length < TOKENS) {
    const batch = Array.from({ length: 50 }, () => create({ name: 'bench', scopes: ['invoices'] }));
    tokens.push(...(await Promise.all(batch)));
  }
  return { gateway: gateway.secret, tokens };
}

async function measure(line: Line, ledger: Service, baseline: Service): Promise<void> {
  const load = (service: Service, requests: readonly Buffer[]): Promise<LoadResult> =>
    runLoad({ port: service.port, requests, connections: CONNECTIONS, durationMs: ROUND_MS });
  const rounds: { ledger: LoadResult; baseline: LoadResult }[] = [];
  for (let round = 0; round <= ROUNDS; round += 1) {
    const results = new Map<string, LoadResult>();
    for (const peer of shuffled(['ledger', 'baseline'] as const)) {
      const service = peer === 'ledger' ? ledger : baseline;
      results.set(peer, await load(service, line[peer]));
    }
    // The first round only warms up.
    if (round > 0)
      rounds.push({ ledger: results.get('ledger')!, baseline: results.get('baseline')! });
  }
  const failed = rounds.reduce((sum, each) => sum + each.ledger.failed + each.baseline.failed, 0);
  if (failed > 0) throw new Error(`${line.name}: ${failed} answers were no 200`);
  const ratio = quartiles(rounds.map((each) => each.ledger.perSecond / each.baseline.perSecond));
  const rate = quartiles(rounds.map((each) => each.ledger.perSecond));
  const bare = quartiles(rounds.map((each) => each.baseline.perSecond));
  const p99 = quartiles(rounds.map((each) => each.ledger.p99Ms));
  const columns = [
    line.name.padEnd(44),
    `x ${ratio.median.toFixed(2)} (${ratio.q1.toFixed(2)}..${ratio.q3.toFixed(2)})`.padEnd(22),
    `goal ${line.goal.toFixed(2)}`,
    `${Math.round(rate.median)}/s against ${Math.round(bare.median)}/s`.padEnd(26),
    `p99 ${p99.median.toFixed(1)} ms`,
  ];
  process.stdout.write(`${columns.join('  ')}\n`);
}

const [ledger, baseline] = await Promise.all([startLedger(), startBareFastify()]);
try {
  const { gateway, tokens } = await prepare(ledger);
  const headers = { authorization: `Bearer ${gateway}` };
  const verify = tokens.map(({ secret }) => {
    return post('/v1/verify', headers, { token: secret, scopes: ['invoices:read'] });
  });
  const consume = tokens.map(({ id }) => {
    return post('/v1/quota/consume', headers, {
      tokenId: id,
      units: 1,
      operation: 'GET /invoices',
    });
  });
  const [cpu] = cpus();
  process.stdout.write(
    `${cpus().length} cores (${cpu?.model ?? 'unknown'}), Node ${process.version}; ` +
      `${ROUNDS} rounds of ${ROUND_MS} ms, ${CONNECTIONS} connections, ${TOKENS} tokens\n` +
      'ratio to a bare Fastify in the same run: median (quartiles)\n',
  );
  await measure(
    { name: 'POST /v1/verify', goal: 0.75, ledger: verify, baseline: verify },
    ledger,
    baseline,
  );
  await measure(
    {
      name: 'POST /v1/quota/consume, durable, exact',
      goal: 0.45,
      ledger: consume,
      baseline: consume,
    },
    ledger,
    baseline,
  );
} finally {
  await Promise.all([ledger.stop(), baseline.stop()]);
}
