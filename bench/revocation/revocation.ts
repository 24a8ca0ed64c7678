import { findKafka } from '../../test/kafka/kafka-libraries.js';
import { KafkaServer } from '../../test/kafka/kafka-server.js';
import { createToken, type IssuedToken } from '../issued-tokens.js';
import { quartiles } from '../rounds.js';
import { startGateway, startLedger, type Service } from '../service.js';
import { printFigure, printRow } from '../table.js';
import { BareKafka } from './bare-kafka.js';
import { KeepAliveCaller } from './keep-alive-call.js';

const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 10);
const REVOCATIONS = Number(process.env['BENCH_REVOCATIONS'] ?? 200);
/** Longer than any of this may take: a gateway that has not heard by then never will. */
const REFUSED_MS_MAX = 5_000;

interface Figures {
  readonly p50: number;
  readonly p99: number;
}

/**
 * From the answer of the revoke call to the answer of the gateway that refuses. The gateway is asked again
 * and again, so a figure holds up to one round trip to it that the gateway is not to blame for.
 */
class RevocationTrip {
  readonly #ledger: KeepAliveCaller;
  readonly #gateway: KeepAliveCaller;

  constructor(
    private readonly ledger: Service,
    gateway: Service,
  ) {
    this.#ledger = new KeepAliveCaller(ledger.url);
    this.#gateway = new KeepAliveCaller(gateway.url);
  }

  async measure({ id, secret }: IssuedToken): Promise<number> {
    // What is in the gateway's memory has to be forgotten; what is not would only be asked for.
    await this.#asked(secret, 200);
    const headers = { authorization: `Bearer ${this.ledger.admin}` };
    const path = `/v1/orgs/demo/tokens/${id}/revoke`;
    const status = await this.#ledger.call('POST', path, headers, { reason: 'compromised' });
    const answeredAt = performance.now();
    if (status !== 200) throw new Error(`revoke: ${status}`);
    while ((await this.#ask(secret)) !== 401) {
      if (performance.now() - answeredAt > REFUSED_MS_MAX) {
        throw new Error(`still accepted ${REFUSED_MS_MAX} ms after the revocation`);
      }
    }
    return performance.now() - answeredAt;
  }

  /** Asks the gateway all the while, as during a measurement, so that both compete with the same load. */
  async meanwhile(work: Promise<number>, { secret }: IssuedToken): Promise<number> {
    let isOver = false;
    const result = work.finally(() => (isOver = true));
    while (!isOver) await this.#ask(secret);
    return result;
  }

  close(): void {
    this.#ledger.close();
    this.#gateway.close();
  }

  #ask(secret: string): Promise<number> {
    const original = { 'x-original-method': 'GET', 'x-original-uri': '/jobs' };
    const headers = { ...original, authorization: `Bearer ${secret}` };
    return this.#gateway.call('GET', '/auth/nginx', headers);
  }

  async #asked(secret: string, expected: number): Promise<void> {
    const status = await this.#ask(secret);
    if (status !== expected) throw new Error(`the gateway answered ${status}, not ${expected}`);
  }
}

/** Starts a ledger and a gateway, and measures rounds of revocations, each after a turn of `beside`. */
async function measure(
  feed: { readonly ledger: NodeJS.ProcessEnv; readonly gateway: NodeJS.ProcessEnv },
  beside?: () => Promise<number>,
): Promise<{ readonly ours: readonly Figures[]; readonly bare: readonly Figures[] }> {
  const ledger = await startLedger(feed.ledger);
  try {
    const routes = { routes: [{ path: '/**', scopes: ['jobs'] }] };
    const gateway = await startGateway(ledger, routes, feed.gateway);
    const trip = new RevocationTrip(ledger, gateway);
    const [ours, bare]: [Figures[], Figures[]] = [[], []];
    try {
      for (let round = 0; round <= ROUNDS; round += 1) {
        const [trips, bareTrips]: [number[], number[]] = [[], []];
        for (let each = 0; each < REVOCATIONS; each += 1) {
          const token = await createToken(ledger, { name: 'job', scopes: ['jobs'] });
          if (beside) bareTrips.push(await trip.meanwhile(beside(), token));
          trips.push(await trip.measure(token));
        }
        // The first round only warms up.
        if (round === 0) continue;
        ours.push(figuresOf(trips));
        if (beside) bare.push(figuresOf(bareTrips));
      }
    } finally {
      trip.close();
      await gateway.stop();
    }
    return { ours, bare };
  } finally {
    await ledger.stop();
  }
}

function figuresOf(values: readonly number[]): Figures {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.floor((sorted.length - 1) * share)]!;
  return { p50: at(0.5), p99: at(0.99) };
}

function median(figures: readonly Figures[], of: keyof Figures): number {
  return quartiles(figures.map((each) => each[of])).median;
}

function ms(figures: readonly Figures[]): string {
  return `p50 ${median(figures, 'p50').toFixed(2)} ms, p99 ${median(figures, 'p99').toFixed(2)} ms`;
}

/** `npm run bench:revocation`: how long a revoked token is still accepted at a gateway. */
async function main(): Promise<void> {
  process.stdout.write(
    `${ROUNDS} rounds of ${REVOCATIONS} revocations; medians over the rounds, from the answer of the ` +
      'revoke call to the answer of the gateway that refuses\n\n',
  );
  const sse = await measure({ ledger: {}, gateway: { GATEWAY_FEED: 'sse' } });
  const isOk = median(sse.ours, 'p99') <= 10;
  printFigure('refused, fed by SSE', ms(sse.ours), `${isOk ? 'ok' : 'SHORT'} (p99 <= 10 ms)`);

  const { folder, missing } = await findKafka();
  if (missing !== undefined) {
    process.stdout.write(`skipped, refused fed by Kafka: ${missing}\n`);
    return;
  }
  const kafka = await KafkaServer.start({ libraries: folder });
  const brokers = kafka.addresses.join(',');
  const bareKafka = await BareKafka.start(kafka.addresses);
  try {
    const { ours, bare } = await measure(
      {
        ledger: { KAFKA_BROKERS: brokers, KAFKA_REPLICATION_FACTOR: '1' },
        gateway: { GATEWAY_FEED: 'kafka', KAFKA_BROKERS: brokers },
      },
      () => bareKafka.trip(),
    );
    printRow({
      line: 'refused, fed by Kafka: p99',
      baseline: 'a bare round trip of kafkajs',
      ratio: quartiles(ours.map(({ p99 }, index) => p99 / bare[index]!.p99)),
      goal: { atMost: 1.5 },
      figures: `${ms(ours)}; bare ${ms(bare)}`,
    });
  } finally {
    await bareKafka.stop();
    await kafka.stop();
  }
}

await main();
