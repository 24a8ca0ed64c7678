import { EventStoreDbStore } from '@ledger/event-store';
import { sampleCipher, sampleEvents } from '@ledger/event-store/testing';
import { ClusterOfDoubles } from './support/cluster.js';
import { patiently, until } from './support/store-on-double.js';

const DEADLINE_MS = 2_000;

describe('on a cluster of three', () => {
  let cluster: ClusterOfDoubles;
  let store: EventStoreDbStore;

  beforeEach(async () => {
    cluster = await ClusterOfDoubles.start(3);
    const { connectionString } = cluster;
    const cipher = sampleCipher();
    store = await EventStoreDbStore.open({
      connectionString,
      cipher,
      deadlineMs: DEADLINE_MS,
    });
  });
  afterEach(async () => {
    await store.close();
    await cluster.stop();
  });

  /** Appends on until one is acknowledged; every append is repeated as it is. */
  async function appendThrough(revision: number): Promise<number> {
    const events = sampleEvents(1, revision + 1);
    return until(async () => {
      const append = store.append('s', revision, events);
      return (await append.catch(() => undefined))?.outcome === 'appended';
    });
  }

  async function expectWhole(count: number): Promise<void> {
    const payloads = (await patiently(() => store.read('s'))).map(({ payload }) => payload);
    expect(payloads).toHaveLength(count);
    expect(payloads).toMatchObject(payloads.map((_, index) => ({ consumedAfter: index + 1 })));
    expect(cluster.leader.log.records).toHaveLength(count);
  }

  it('the leader is found, whichever node is asked', async () => {
    expect(store.stats().endpoint).toBe(`127.0.0.1:${cluster.leader.endpoint.port}`);
    await appendThrough(0);
    await expectWhole(1);
  });

  it('a node that leads no more says who does, and the append goes there', async () => {
    await appendThrough(0);
    cluster.elect(1);
    const events = sampleEvents(1, 2);
    const result = await patiently(() => store.append('s', 1, events));
    expect(result).toMatchObject({ outcome: 'appended', revision: 2 });
    expect(store.stats().endpoint).toBe(`127.0.0.1:${cluster.leader.endpoint.port}`);
    await expectWhole(2);
  });

  it('guards are read from the leader, wherever the connection leads', async () => {
    await appendThrough(0);
    cluster.elect(2);
    const events = sampleEvents(1);
    const guards = [{ streamId: 's', revision: 0 }];
    const moved = await patiently(() => store.append('t', 0, events, guards));
    expect(moved).toEqual({ outcome: 'conflict', streamId: 's', actualRevision: 1 });
  });

  it('a leader that dies is replaced by the one that is elected, nothing lost or doubled', async () => {
    await appendThrough(0);
    const dead = cluster.leader;
    await dead.stop();
    cluster.bury(dead);
    cluster.elect(1);
    expect(await appendThrough(1)).toBeLessThan(5_000);
    await appendThrough(2);
    await expectWhole(3);
  });

  it('a leader that hangs is left as soon as another one is elected', async () => {
    await appendThrough(0);
    const hanging = cluster.leader;
    hanging.front.pause();
    // For a while gossip still names the one that hangs, as in a real cluster before it has elected.
    const events = sampleEvents(1, 2);
    await expect(store.append('s', 1, events)).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
    });
    cluster.bury(hanging);
    cluster.elect(1);
    expect(
      await until(async () => {
        const append = store.append('s', 1, events);
        return (await append.catch(() => undefined))?.outcome === 'appended';
      }),
    ).toBeLessThan(6_000);
    await expectWhole(2);
  });

  it('one seed is enough to find the others', async () => {
    const [node] = cluster.nodes.slice(-1);
    const connectionString = `esdb+discover://127.0.0.1:${node?.endpoint.port}?tls=false`;
    const other = await EventStoreDbStore.open({ connectionString, cipher: sampleCipher() });
    expect(other.stats().endpoint).toBe(`127.0.0.1:${cluster.leader.endpoint.port}`);
    await other.close();
  });
});
