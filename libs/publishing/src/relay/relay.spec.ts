import type { TokenId } from '@ledger/domain';
import { SKIPPED_EVENTS, type EventStore, type StoredEvent } from '@ledger/event-store';
import { sampleEvent, samplePayloads } from '@ledger/event-store/testing';
import { MemoryPublisher } from '../adapters/memory-publisher.js';
import { MemoryRelayLease } from '../adapters/memory-relay-lease.js';
import { PublisherUnavailable } from '../message-publisher.js';
import { RelayWorld, until } from '../testing/relay-world.js';
import type { OutgoingRecord } from '../messages/outgoing-record.js';
import type { Relay, RelayStatus } from './relay.js';

/** Lets calls through, holds them, or refuses them, as a broker would. */
class TestPublisher extends MemoryPublisher {
  refusal: Error | undefined;
  calls = 0;
  underWay = 0;
  mostUnderWay = 0;
  /** What is being sent, or was last. */
  latest: readonly OutgoingRecord[] = [];
  #held: Promise<void> | undefined;

  hold(): () => void {
    let release: () => void = () => undefined;
    this.#held = new Promise((resolve) => (release = resolve));
    return () => {
      this.#held = undefined;
      release();
    };
  }

  override async publish(records: readonly OutgoingRecord[]) {
    this.calls += 1;
    this.latest = records;
    this.underWay += 1;
    this.mostUnderWay = Math.max(this.underWay, this.mostUnderWay);
    try {
      await this.#held;
      if (this.refusal) throw this.refusal;
      return await super.publish(records);
    } finally {
      this.underWay -= 1;
    }
  }
}

describe('the relay', () => {
  let world: RelayWorld;
  let publisher: TestPublisher;

  beforeEach(() => {
    world = new RelayWorld();
    publisher = new TestPublisher(world.channels);
  });
  afterEach(() => world.close());

  const reaches = async (relay: Relay, state: RelayStatus['state']): Promise<RelayStatus> => {
    await until(async () => (await relay.status()).state === state);
    return relay.status();
  };

  it('sends what was in the log, then what comes, one send at a time', async () => {
    await world.append();
    const relay = world.start({ publisher });
    await world.settled();
    await world.append(2);
    await world.settled();
    const expected = (await world.expected()).length;
    expect(publisher.mostUnderWay).toBe(1);
    expect(world.messages()).toHaveLength(expected);
    await world.expectWhole();
    expect(await relay.status()).toEqual({
      state: 'active',
      epoch: 1,
      position: await world.store.head(),
      lag: 0,
      oldestMs: 0,
      published: expected,
      failures: 0,
    });
  });

  it('tries again what is refused, shows how far behind it is, and skips nothing (K5)', async () => {
    const relay = world.start({ publisher });
    await reaches(relay, 'active');
    publisher.refusal = new PublisherUnavailable('MESSAGE_TOO_LARGE');
    await world.append();
    const failing = await reaches(relay, 'failing');
    expect(failing.problem).toContain('MESSAGE_TOO_LARGE');
    expect(failing.oldestMs).toBeGreaterThan(0);
    expect(failing.lag).toBe(Number((await world.store.head()) - failing.position));
    expect(failing.lag).toBeGreaterThan(0);
    const tries = publisher.calls;
    await until(() => publisher.calls > tries + 3);
    publisher.refusal = undefined;
    await world.settled();
    await world.expectWhole();
    const { problem, failures } = await reaches(relay, 'active');
    expect(problem).toBeUndefined();
    expect(failures).toBeGreaterThan(3);
  });

  it('reads no further while the broker stalls (K6)', async () => {
    let reads = 0;
    const store = new Proxy(world.store, {
      get(target, name) {
        const member: unknown = Reflect.get(target, name, target);
        if (name === 'readAllAfter') reads += 1;
        return typeof member === 'function' ? (member as () => unknown).bind(target) : member;
      },
    });
    const relay = world.start({ publisher, store });
    await reaches(relay, 'active');
    const release = publisher.hold();
    await world.append();
    await until(() => publisher.underWay === 1);
    const before = reads;
    await world.append();
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(reads).toBe(before);
    release();
    await world.settled();
    await world.expectWhole();
  });

  it('stops at an event that has no message, loudly, after all that came before it', async () => {
    await world.append(1);
    const before = (await world.expected()).length;
    const { TokenRevoked, TokenRotated } = samplePayloads;
    await world.appendOne({ ...TokenRevoked, revocationId: '' });
    await world.appendOne(TokenRotated);
    const relay = world.start({ publisher });
    const { problem, lag } = await reaches(relay, 'stopped');
    expect(problem).toBe(
      'the TokenRevoked at position 8 has no message: not a token-revoked message: /revocationId ' +
        'must NOT have fewer than 1 characters',
    );
    expect(lag).toBe(2);
    expect(world.messages()).toHaveLength(before);
    expect(world.office.checkpoint).toBeLessThan(8n);
  });

  it('passes such an event once an operator decided so, and tells of its token', async () => {
    await world.append(1);
    const { TokenRevoked, TokenRotated, EventSkipped } = samplePayloads;
    const tokenId = 'token-0' as TokenId;
    await world.appendOne({ ...TokenRevoked, tokenId, revocationId: '' });
    const stopped = world.start({ publisher });
    await reaches(stopped, 'stopped');
    await stopped.close();
    const place = { position: '8', streamId: `token-${tokenId}`, revision: 8 };
    await world.store.append(SKIPPED_EVENTS, 0, [sampleEvent({ ...EventSkipped, ...place })]);
    await world.appendOne({ ...TokenRotated, tokenId });
    world.start();
    const head = await world.store.head();
    await until(() => world.office.checkpoint === head);
    const told = world.messages().map(({ value }) => JSON.parse(value) as { position: string });
    expect(told.map(({ position }) => position)).not.toContain('8');
    expect(told.find(({ position }) => position === '9')).toMatchObject({
      ...{ tokenId, revision: 8, attribute: 'status' },
    });
    expect(told.map(({ position }) => position)).toContain('10');
  });

  it('is active in one process of two, and the other takes over where it left off', async () => {
    await world.append();
    const first = world.start();
    await world.settled();
    const second = world.start();
    const standby = await reaches(second, 'standby');
    expect(standby).toMatchObject({ epoch: 0, lag: 0, published: 0 });
    await first.close();
    await world.append();
    await reaches(second, 'active');
    await world.settled();
    const { epoch, published } = await second.status();
    expect(epoch).toBe(2);
    expect(published).toBe((await world.expected()).length / 2);
    await world.expectWhole();
    expect(world.messages()).toHaveLength((await world.expected()).length);
  });

  it('sends nothing more once another has taken over, and cannot move the checkpoint', async () => {
    const first = world.start({ publisher });
    await reaches(first, 'active');
    const release = publisher.hold();
    await world.append();
    await until(() => publisher.underWay === 1);
    // The lease runs out behind its back, while a send hangs; the next in line begins.
    const second = world.start();
    world.office.end();
    await reaches(second, 'active');
    await world.settled();
    const { checkpoint } = world.office;
    const isOld = ({ headers }: OutgoingRecord): boolean => headers['ce_relayepoch'] === '1';
    const sentByOld = (): readonly OutgoingRecord[] =>
      [...world.channels.records('ledger-position'), ...world.messages()].filter(isOld);
    const before = sentByOld().length;
    const { latest: hung } = publisher;
    release();
    await reaches(first, 'standby');
    // Only the one send that hung, messages or a mark, which nobody could call back.
    expect(sentByOld()).toHaveLength(before + hung.length);
    expect(world.office.checkpoint).toBeGreaterThanOrEqual(checkpoint);
    await world.expectWhole();
  });

  it('does not go on from a checkpoint that the log never reached', async () => {
    await world.append();
    world.office.checkpoint = 1_000n;
    const relay = world.start({ publisher });
    const { problem } = await reaches(relay, 'failing');
    expect(problem).toMatch(/checkpoint 1000 lies ahead of the log, which ends at 21/);
    expect(world.messages()).toEqual([]);
  });

  it('goes on when the log cannot be read for a while', async () => {
    await world.append();
    const closed: { isOn: boolean } = { isOn: true };
    const store = new Proxy(world.store, {
      get(target, name) {
        const member: unknown = Reflect.get(target, name, target);
        if (name === 'readAllAfter' && closed.isOn) {
          return () => Promise.reject(new Error('the log cannot be read'));
        }
        return typeof member === 'function' ? (member as () => unknown).bind(target) : member;
      },
    }) as EventStore;
    const relay = world.start({ store });
    const { problem, lag } = await reaches(relay, 'failing');
    expect(problem).toBe('the log cannot be read');
    expect(lag).toBeNaN();
    closed.isOn = false;
    await world.settled();
    await world.expectWhole();
  });

  it('is closed at once while it waits, and twice', async () => {
    const holder = world.start();
    await reaches(holder, 'active');
    const waiting = world.start({ lease: new MemoryRelayLease(world.office) });
    await reaches(waiting, 'standby');
    await Promise.all([waiting.close(), waiting.close()]);
    const events: readonly StoredEvent[] = await world.store.readAllAfter(0n, 10);
    expect(events).toEqual([]);
  });
});
