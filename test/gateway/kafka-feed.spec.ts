import { setTimeout as sleep } from 'node:timers/promises';
import { KafkaFeed } from '@ledger/gateway-cache';
import { describeFeed, HearingListener, revoked, type Heard } from '@ledger/gateway-cache/testing';
import { findKafka } from '../kafka/kafka-libraries.js';
import { KafkaServer } from '../kafka/kafka-server.js';
import { ScriptedRelay } from '../kafka/support/scripted-relay.js';

const libraries = await findKafka();
const { missing } = libraries;
if (missing !== undefined) it.skip(`KafkaFeed: ${missing}`, () => undefined);

const TOKEN = '00000000-0000-4000-8000-000000000001';
const yes = (): boolean => true;
const no = (): boolean => false;

(missing === undefined ? describe : describe.skip)('with a real Kafka', () => {
  let server: KafkaServer;

  beforeAll(async () => {
    server = await KafkaServer.start({ libraries: libraries.folder! });
  });
  afterAll(() => server?.stop());

  const feedOf = (relay: ScriptedRelay): KafkaFeed => {
    const { prefix: topicPrefix } = relay;
    return new KafkaFeed({ access: { brokers: server.addresses, topicPrefix }, gatewayId: 'test' });
  };

  describeFeed('KafkaFeed', async () => {
    const relay = await new ScriptedRelay(server).start();
    const feed = feedOf(relay);
    return {
      feed,
      publish: (message) => relay.publish(message),
      publishGarbage: (position) => relay.garbage(position),
      publishUnknown: async (position) => relay.passOver(position),
      cut: () => server.broker.kill(),
      async mend() {
        await server.broker.start();
        await server.ready();
        // Partitions have leaders somewhat later than the cluster has its brokers.
        while (!(await relay.mark().then(yes, no))) await sleep(100);
      },
      async close() {
        await feed.close();
        await relay.close();
      },
    };
  });

  it('starts at the present: the position from which nothing is missing', async () => {
    const relay = await new ScriptedRelay(server).start();
    for (const position of [1_001n, 1_002n, 1_003n]) await relay.publish(revoked(TOKEN, position));
    const listener = new HearingListener();
    const feed = feedOf(relay);
    feed.open(listener);
    const began = await listener.until(({ kind }) => kind === 'began');
    expect(began).toMatchObject({ position: 1_003n });
    expect(listener.heard.filter(({ kind }) => kind === 'message')).toEqual([]);
    await feed.close();
    await relay.close();
  });

  it('does not begin by a mark from before its start', async () => {
    const relay = await new ScriptedRelay(server).start();
    relay.silent();
    await relay.publishUnmarked(revoked(TOKEN, 1_001n));
    const listener = new HearingListener();
    const feed = feedOf(relay);
    feed.open(listener);
    // These were overtaken by a message that this reader never sees: they promise too little.
    for (let marks = 0; marks < 40; marks += 1) await relay.mark(1_000n, -1n);
    const began = (): Heard | undefined => listener.heard.find(({ kind }) => kind === 'began');
    while (!began()) await relay.mark(1_001n);
    expect(began()).toEqual({ kind: 'began', position: 1_001n });
    await feed.close();
    await relay.close();
  });

  it('has not come as far as a mark says until it has read as far', async () => {
    const relay = await new ScriptedRelay(server).start();
    const listener = new HearingListener();
    const feed = feedOf(relay);
    feed.open(listener);
    await listener.until(({ kind }) => kind === 'began');
    relay.silent();
    await relay.publish(revoked(TOKEN, 1_001n));
    await listener.untilPosition(1_001n);
    // The mark is read first, the message that it is about afterwards.
    await relay.mark(1_005n, 1n);
    await relay.mark(1_002n);
    await listener.untilPosition(1_002n);
    const message = revoked(TOKEN, 1_005n);
    await relay.publish(message);
    await listener.untilPosition(1_005n);
    const order = listener.heard.map((heard) => {
      return heard.kind === 'message' ? heard.message.id : 'position' in heard && heard.position;
    });
    expect(order.indexOf(message.id)).toBeGreaterThan(0);
    expect(order.indexOf(1_005n)).toBeGreaterThan(order.indexOf(message.id));
    await feed.close();
    await relay.close();
  });

  it('says that it hears nothing when the relay falls silent, and goes on after it', async () => {
    const relay = await new ScriptedRelay(server).start();
    const { prefix: topicPrefix } = relay;
    const feed = new KafkaFeed({
      access: { brokers: server.addresses, topicPrefix },
      ...{ gatewayId: 'test', silenceMs: 1_000 },
    });
    const listener = new HearingListener();
    feed.open(listener);
    await listener.until(({ kind }) => kind === 'began');
    relay.silent();
    // Whatever the machine has held up until now: from this mark on there is silence.
    const before = listener.heard.length;
    await relay.mark();
    await listener.until((heard) => heard.kind === 'lost' && heard.cause === 'silent', before);
    await relay.publish(revoked(TOKEN, 1_001n));
    await listener.untilPosition(1_001n);
    const lost = listener.heard.findLastIndex(({ kind }) => kind === 'lost');
    expect(listener.heard.slice(lost + 1)).toContainEqual({ kind: 'resumed' });
    await feed.close();
    await relay.close();
  });
});
