import { setTimeout as sleep } from 'node:timers/promises';
import type { Relay } from '@ledger/publishing';
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

  const reaches = (relay: Relay, state: string): Promise<void> =>
    eventually(async () => (await relay.status()).state === state);

  it('delivers what the schemas say, in order, once where nothing goes wrong', async () => {
    const relay = kafka.start();
    await kafka.world.append(TOKENS);
    await kafka.allSent(relay);
    await kafka.world.append(TOKENS);
    await kafka.allSent(relay);
    await relay.close();
    expect(await kafka.expectWhole()).toBe(0);
  });

  it('has one active of two, and the other goes on where the first one stopped', async () => {
    const relays = [kafka.start(), kafka.start()];
    await kafka.world.append(TOKENS);
    await kafka.allSent(...relays);
    const states = await Promise.all(relays.map((relay) => relay.status()));
    const active = states.findIndex(({ state }) => state === 'active');
    const other = relays[1 - active]!;
    await relays[active]!.close();
    await kafka.world.append(TOKENS);
    await kafka.allSent(other);
    await other.close();
    await kafka.expectWhole();
    expect((await other.status()).epoch).toBeGreaterThan(states[active]!.epoch);
  });

  it('loses nothing when the broker is killed under writes, which go on meanwhile (K1)', async () => {
    const relay = kafka.start();
    await kafka.world.append(TOKENS);
    await kafka.allSent(relay);
    await server.broker.kill();
    await kafka.world.append(TOKENS);
    await reaches(relay, 'failing');
    const { lag, problem } = await relay.status();
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
    const startedAt = performance.now();
    await relay.close();
    const tookMs = performance.now() - startedAt;
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
  });
});
