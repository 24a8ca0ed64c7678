import { setTimeout as sleep } from 'node:timers/promises';
import type { Relay, RelayStatus } from '@ledger/publishing';
import { grantedMs } from '../support/granted-time.js';
import { describeWith, findKafka } from './kafka-libraries.js';
import { KafkaServer } from './kafka-server.js';
import { eventually, RelayOnKafka } from './support/relay-on-kafka.js';

const libraries = await findKafka();
const TOKENS = 12;

describeWith(libraries)('the relay on a Kafka of one broker', () => {
  let server: KafkaServer;
  let kafka: RelayOnKafka;

  beforeAll(async () => {
    server = await KafkaServer.start({ libraries: libraries.folder! });
  });
  afterAll(() => server?.stop());
  beforeEach(() => {
    kafka = new RelayOnKafka(server);
  });
  afterEach(() => kafka.world.close());

  const reaches = async (relay: Relay, state: string): Promise<RelayStatus> => {
    let status = await relay.status();
    await eventually(async () => (status = await relay.status()).state === state);
    return status;
  };

  it('delivers what the schemas say, in order, once where nothing goes wrong', async () => {
    let wentWrong = true;
    while (wentWrong) {
      kafka = new RelayOnKafka(server);
      const relay = kafka.start();
      await kafka.world.append(TOKENS);
      const { status: begun } = await kafka.allSent(relay);
      await kafka.world.append(TOKENS);
      await kafka.allSent(relay);
      await relay.close();
      const { failures, epoch } = await relay.status();
      const repeated = await kafka.expectWhole();
      // A machine that stands still for longer than a request may take is a fault, too: then once more.
      wentWrong = failures > 0 || epoch !== begun.epoch;
      if (!wentWrong) expect(repeated).toBe(0);
    }
  });

  it('has one active of two, and the other goes on where the first one stopped', async () => {
    const relays = [kafka.start(), kafka.start()];
    await kafka.world.append(TOKENS);
    const { index: active, status: before } = await kafka.allSent(...relays);
    const other = relays[1 - active]!;
    await relays[active]!.close();
    await kafka.world.append(TOKENS);
    await kafka.allSent(other);
    await other.close();
    await kafka.expectWhole();
    expect((await other.status()).epoch).toBeGreaterThan(before.epoch);
  });

  it('loses nothing when the broker is killed under writes, which go on meanwhile (K1)', async () => {
    const relay = kafka.start();
    await kafka.world.append(TOKENS);
    await kafka.allSent(relay);
    await server.broker.kill();
    await kafka.world.append(TOKENS);
    const { lag, problem } = await reaches(relay, 'failing');
    expect(lag).toBeGreaterThan(0);
    expect(problem).toMatch(/^Kafka: /);
    await kafka.world.append(TOKENS);
    await server.broker.start();
    await kafka.world.append(TOKENS);
    await kafka.allSent(relay);
    await relay.close();
    await kafka.expectWhole();
  });

  it('begins although there is no broker yet', async () => {
    await server.broker.kill();
    await kafka.world.append(TOKENS);
    const relay = kafka.start();
    await reaches(relay, 'failing');
    await server.broker.start();
    await kafka.allSent(relay);
    await relay.close();
    await kafka.expectWhole();
  });

  it('loses nothing when the broker hangs, longer than a request may take (K6)', async () => {
    const relay = kafka.start();
    await kafka.world.append(TOKENS);
    await kafka.allSent(relay);
    server.broker.pause();
    await kafka.world.append(TOKENS);
    await sleep(5_000);
    await kafka.world.append(TOKENS);
    server.broker.resume();
    await kafka.allSent(relay);
    await relay.close();
    await kafka.expectWhole();
  });

  it('ends within seconds while the broker hangs', async () => {
    const relay = kafka.start();
    await kafka.world.append(TOKENS);
    await kafka.allSent(relay);
    server.broker.pause();
    const startedAt = grantedMs();
    await relay.close();
    const tookMs = grantedMs() - startedAt;
    server.broker.resume();
    expect(tookMs).toBeLessThan(25_000);
    await server.ready();
  });
});

describeWith(libraries)('the relay on a Kafka of three brokers', () => {
  it('sends on when one of them is killed, whichever it leads, and when it comes back', async () => {
    const server = await KafkaServer.start({ libraries: libraries.folder!, brokers: 3 });
    const kafka = new RelayOnKafka(server, 3);
    try {
      const relay = kafka.start();
      await kafka.world.append(TOKENS);
      await kafka.allSent(relay);
      for (const broker of server.brokers.slice(0, 2)) {
        await broker.kill();
        await kafka.world.append(TOKENS);
        await kafka.allSent(relay);
        await broker.start();
        await server.ready();
        await kafka.world.append(TOKENS);
        await kafka.allSent(relay);
      }
      await relay.close();
      await kafka.expectWhole();
    } finally {
      await kafka.world.close();
      await server.stop();
    }
    // Brokers start five times, three of them at once, on the cores of one machine.
  }, 600_000);
});
