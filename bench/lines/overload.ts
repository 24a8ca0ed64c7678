import { setTimeout as sleep } from 'node:timers/promises';
import { issueTokens, verifyCalls } from '../issued-tokens.js';
import type { Line } from '../line.js';
import type { HttpCall } from '../load.js';
import { startPeer } from '../peer-process.js';
import { CROWD, type CrowdSettings } from '../peers/crowd.js';
import { interleave, medianRate, quartiles, ratios, type Peer, type Round } from '../rounds.js';
import { startLedger, type Service } from '../service.js';
import { SteadyCalls, type SteadyRound } from '../steady-calls.js';
import { perSecond, printFigure, printRow } from '../table.js';

/** As many callers as keep the service busy: more make it no faster. */
const PEAK_CALLERS = 64;
const URGENT_PER_SECOND = 20;
/** Much longer than what was let in first takes to be answered. */
const ROUND_MS_MIN = 2_000;
/** Bounded: how often the p99 is looked at until it is normal again, and how far it may then be off. */
const LOOKS_MAX = 100;
const LOOK_MS = 250;
const NORMAL_TIMES = 1.5;

/**
 * Creates and lists, one each in turn, by more callers than the service can serve, who repeat at once whatever
 * they are answered and never heed Retry-After; revokes and verifications go on beside them, at a steady rate.
 *
 * Ten times the peak is ten times its callers: a generator that shares the cores with the service cannot send ten
 * times the requests a second. Unloaded is the peak itself: as much as can be served, and nothing refused.
 */
export const overload: Line = {
  name: 'overload',
  async run(bench) {
    const ms = Math.max(ROUND_MS_MIN, bench.ms);
    const ledger = await startLedger();
    try {
      const revokes = Math.ceil((3 * (bench.rounds + 1) * ms * URGENT_PER_SECOND) / 1_000);
      const beside = await startUrgent(ledger, revokes);
      const crowd = (times: number): Promise<Loaded> => Loaded.start(ledger, times, beside);
      const peers = { peak: await crowd(1), double: await crowd(2), tenfold: await crowd(10) };
      const results = await interleave(peers, { ...bench, ms });
      for (const [name, times] of [
        ['double', 'twice'],
        ['tenfold', 'ten times'],
      ] as const) {
        tell(times, { rounds: results[name], besides: peers[name] }, results.peak, peers.peak);
      }
      await tellRecovery(peers, results.peak, ms);
      for (const peer of [...Object.values(peers), beside]) await peer.close();
    } finally {
      await ledger.stop();
    }
  },
};

/** What must go on: tokens are revoked, each once, and others verified. */
interface Urgent {
  readonly revoking: SteadyCalls;
  readonly verifying: SteadyCalls;
  close(): void;
}

async function startUrgent(ledger: Service, revokes: number): Promise<Urgent> {
  const headers = { authorization: `Bearer ${ledger.admin}` };
  const { tokens } = await issueTokens(ledger, revokes);
  const calls = tokens.map(({ id }) => {
    const path = `/v1/orgs/demo/tokens/${id}/revoke`;
    return { path, headers, body: { reason: 'requested' } };
  });
  const revoking = await SteadyCalls.to(ledger.port, calls);
  const verified = verifyCalls(await issueTokens(ledger, 100));
  const verifying = await SteadyCalls.to(ledger.port, verified);
  const close = (): void => [revoking, verifying].forEach((each) => each.close());
  return { revoking, verifying, close };
}

/** A crowd, what went on beside it, and what the service then held in memory. */
class Loaded implements Peer {
  readonly revokes: SteadyRound[] = [];
  readonly verifications: SteadyRound[] = [];
  /** Bytes. */
  readonly memory: number[] = [];

  private constructor(
    private readonly ledger: Service,
    private readonly crowd: Peer,
    private readonly urgent: Urgent,
  ) {}

  static async start(ledger: Service, times: number, urgent: Urgent): Promise<Loaded> {
    const { port, admin } = ledger;
    const headers = { authorization: `Bearer ${admin}` };
    const path = '/v1/orgs/demo/tokens';
    const calls: readonly HttpCall[] = [
      { path, headers, body: { name: 'bench', scopes: ['invoices'] } },
      { path: `${path}?limit=20`, headers },
    ];
    const settings: CrowdSettings = { port, connections: times * PEAK_CALLERS, calls };
    const crowd = await startPeer('crowd', { [CROWD]: JSON.stringify(settings) });
    return new Loaded(ledger, crowd, urgent);
  }

  async round(ms: number): Promise<Round> {
    const { revoking, verifying } = this.urgent;
    const [round, revoked, verified] = await Promise.all([
      this.crowd.round(ms),
      revoking.round(URGENT_PER_SECOND, ms),
      verifying.round(URGENT_PER_SECOND, ms),
    ]);
    this.revokes.push(revoked);
    this.verifications.push(verified);
    this.memory.push(this.ledger.memory());
    return round;
  }

  /** The crowd alone. */
  alone(ms: number): Promise<Round> {
    return this.crowd.round(ms);
  }

  close(): Promise<void> {
    return this.crowd.close();
  }
}

interface Told {
  readonly rounds: readonly Round[];
  readonly besides: Loaded;
}

function tell(
  times: string,
  { rounds, besides }: Told,
  peak: readonly Round[],
  calm: Loaded,
): void {
  const refused = medianOf(rounds.map(({ note, calls }) => Number(note) / calls));
  printRow({
    line: `goodput at ${times} the peak`,
    baseline: `the peak, ${PEAK_CALLERS} callers`,
    ratio: ratios(rounds, peak),
    goal: { atLeast: 0.8 },
    figures: `${perSecond(medianRate(rounds))} of ${perSecond(medianRate(peak))}, ${refused.toFixed(1)} refused for each`,
  });
  const p99 = (of: readonly Round[]): string => `${medianOf(of.map((r) => r.p99Ms)).toFixed(0)} ms`;
  printRow({
    line: `  p99 of what was let in`,
    baseline: 'the p99 at the peak',
    ratio: ratios(rounds, peak, ({ p99Ms }) => p99Ms),
    goal: { atMost: 3 },
    figures: `${p99(rounds)} of ${p99(peak)}`,
  });
  for (const [line, of] of [
    ['revokes', 'revokes'],
    ['verifications', 'verifications'],
  ] as const) {
    const sent = sum(besides[of].map((round) => round.sent));
    const share = sum(besides[of].map(({ succeeded }) => succeeded)) / sent;
    const goal = of === 'revokes' ? (share >= 0.99 ? 'ok (>= 99 %)' : 'SHORT (>= 99 %)') : '';
    printFigure(`  ${line} that succeeded`, `${(share * 100).toFixed(1)} % of ${sent}`, goal);
  }
  const memory = medianOf(besides.memory) / medianOf(calm.memory);
  const held = `${(Math.max(...besides.memory) / 2 ** 20).toFixed(0)} MiB`;
  printFigure('  memory, of that at the peak', `x ${memory.toFixed(2)}`, `at most ${held}`);
}

/** From the end of the load, not of what it left to do. */
async function tellRecovery(
  { peak, tenfold }: Readonly<Record<'peak' | 'tenfold', Loaded>>,
  calm: readonly Round[],
  ms: number,
): Promise<void> {
  const normalMs = NORMAL_TIMES * medianOf(calm.map(({ p99Ms }) => p99Ms));
  const load = tenfold.alone(ms);
  await sleep(ms);
  const endedAt = performance.now();
  let seconds = Infinity;
  for (let look = 0; look < LOOKS_MAX && seconds === Infinity; look += 1) {
    const { p99Ms } = await peak.alone(LOOK_MS);
    if (p99Ms <= normalMs) seconds = (performance.now() - endedAt) / 1_000;
  }
  await load;
  const verdict = seconds <= 10 ? 'ok (<= 10 s)' : 'SHORT (<= 10 s)';
  printFigure('back to normal after ten times the peak', `${seconds.toFixed(1)} s`, verdict);
}

function medianOf(values: readonly number[]): number {
  return quartiles(values).median;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
