import { MemoryPublisher } from '../adapters/memory-publisher.js';
import { MemoryRelayLease } from '../adapters/memory-relay-lease.js';
import { PublisherUnavailable } from '../message-publisher.js';
import { Fault, type FaultPoint } from '../testing/faulty.js';
import { RelayWorld, until } from '../testing/relay-world.js';
import type { Relay } from './relay.js';

/** Every call of the relay that it awaits. */
const STORE = ['readAllAfter', 'head'];
const PUBLISHER = ['ensureChannels', 'publish', 'offsets'];
const LEASE = ['acquire', 'load', 'save'];
const POINTS: readonly FaultPoint[] = ['before', 'halfway', 'after'];

function startFaulty(world: RelayWorld, fault: Fault): Relay {
  return world.start({
    store: fault.around(world.store, STORE),
    publisher: fault.around(new MemoryPublisher(world.channels), PUBLISHER),
    lease: fault.around(new MemoryRelayLease(world.office), LEASE),
  });
}

/** Tries `attempt` at the first call, the second, and so on, until a run ends without being struck. */
async function atEveryCall(attempt: (at: number) => Promise<boolean>): Promise<number> {
  let at = 0;
  while (await attempt(at)) at += 1;
  return at;
}

describe.each(POINTS)('the relay that fails %s', (point) => {
  it('a call, whichever it is, and crashes: the next one loses nothing and repeats little (K2)', async () => {
    const calls = await atEveryCall(async (at) => {
      const world = new RelayWorld();
      await world.append();
      const fault = new Fault(at, point);
      startFaulty(world, fault);
      await Promise.race([fault.struck, world.settled()]);
      if (!fault.hasStruck) {
        await world.close();
        return false;
      }
      await world.expectCheckpointSafe();
      const { checkpoint } = world.office;
      const before = world.messages().length;
      world.office.end();

      const next = world.start();
      await world.settled();
      await world.close([next]);

      await world.expectWhole();
      const due = (await world.expected()).filter(({ position }) => position > checkpoint);
      expect(world.messages().length - before).toBe(due.length);
      return true;
    });
    expect(calls).toBeGreaterThan(15);
  });

  it('a call, whichever it is, and lives: it goes on by itself and loses nothing (K1)', async () => {
    const calls = await atEveryCall(async (at) => {
      const world = new RelayWorld();
      await world.append();
      const fault = new Fault(at, point, new PublisherUnavailable('planted'));
      const relay = startFaulty(world, fault);
      await world.settled();
      await until(async () => (await relay.status()).state === 'active');
      await world.append(1);
      await world.settled();
      await world.close();
      await world.expectWhole();
      return fault.hasStruck;
    });
    expect(calls).toBeGreaterThan(15);
  });
});
