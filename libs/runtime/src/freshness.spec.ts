import { ManualClock } from '@ledger/commands/testing';
import { StoreUnavailable } from '@ledger/event-store';
import { Freshness } from './freshness.js';

/** Longer than any machine stands still: time passes here by the clock alone. */
const BOUND_MS = 60_000;

/** A log that a test lengthens or takes away, and read models that it holds back. */
function parts() {
  const clock = new ManualClock();
  const log = { head: 7n, held: 7n, isAway: false };
  const store = {
    head: async () => {
      if (log.isAway) throw new StoreUnavailable('planted');
      return log.head;
    },
  };
  const projector = {
    get position() {
      return log.held;
    },
    reached: async (position: bigint) => position <= log.held,
  };
  return { clock, log, freshness: new Freshness(store, projector, clock, BOUND_MS) };
}

describe('read models of a shared log', () => {
  it('are too old once they were last known to be whole longer ago than the bound', async () => {
    const { clock, freshness } = parts();
    clock.advance(BOUND_MS);
    expect(freshness.isTooOld).toBe(false);
    // A machine that was suspended looks like this: its timers stood still.
    clock.advance(1);
    expect(freshness.isTooOld).toBe(true);
    expect(freshness.ageMs).toBeGreaterThan(BOUND_MS);
    await freshness.look();
    expect(freshness.isTooOld).toBe(false);
  });

  it('do not become younger by a look that finds them behind, or finds nothing', async () => {
    const { clock, log, freshness } = parts();
    clock.advance(BOUND_MS + 1);
    log.head = 8n;
    await freshness.look();
    expect(freshness.isTooOld).toBe(true);
    expect(freshness.problem).toBe('position 7 is held, of 8');
    log.held = 8n;
    log.isAway = true;
    await freshness.look();
    expect(freshness.isTooOld).toBe(true);
    expect(freshness.problem).toBe('planted');
    log.isAway = false;
    await freshness.look();
    expect(freshness.isTooOld).toBe(false);
    expect(freshness.problem).toBeUndefined();
  });

  it('are as old as the question, not as the answer', async () => {
    const { clock, freshness } = parts();
    const looking = freshness.look();
    clock.advance(BOUND_MS + 1);
    await looking;
    expect(freshness.isTooOld).toBe(true);
  });
});
