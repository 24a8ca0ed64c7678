import { LeaseLost, LeaseUnavailable, type RelayLease, type RelayTerm } from '../relay-lease.js';

/** Leases of one kind that compete with each other, and with nobody else. */
export interface LeasesUnderTest {
  /** Another one who asks, as another process would. */
  another(): RelayLease;
  /** Lets the holder fall silent without a word to it: a paused process, a cut cable. Absent where it cannot. */
  silence?(): Promise<void>;
  close(): Promise<void>;
}

const NEVER = new AbortController().signal;

/** What every lease promises. */
export function describeRelayLease(
  name: string,
  open: () => Promise<LeasesUnderTest>,
  run: jest.Describe = describe,
): void {
  run(`${name} as a lease`, () => {
    let underTest: LeasesUnderTest;
    let opened: RelayLease[];

    beforeEach(async () => {
      underTest = await open();
      opened = [];
    });
    afterEach(async () => {
      for (const lease of opened) await lease.close();
      await underTest.close();
    });

    function another(): RelayLease {
      const lease = underTest.another();
      opened.push(lease);
      return lease;
    }

    it('is given to who asks first, with a checkpoint at the start of the log', async () => {
      const term = await another().acquire(NEVER);
      expect(term.isHeld).toBe(true);
      expect(term.ended.aborted).toBe(false);
      expect(term.epoch).toBeGreaterThan(0);
      expect(await term.load()).toBe(0n);
    });

    it('keeps the checkpoint, and a higher epoch for who comes next', async () => {
      const first = another();
      const term = await first.acquire(NEVER);
      await term.save(12n);
      await term.save(12_345_678_901_234_567_890n);
      expect(await term.load()).toBe(12_345_678_901_234_567_890n);
      await first.close();
      expect(term.isHeld).toBe(false);
      expect(term.ended.aborted).toBe(true);

      const next = await another().acquire(NEVER);
      expect(await next.load()).toBe(12_345_678_901_234_567_890n);
      expect(next.epoch).toBeGreaterThan(term.epoch);
    });

    it('is still held by who asks again', async () => {
      const lease = another();
      const term = await lease.acquire(NEVER);
      await term.save(3n);
      const again = await lease.acquire(NEVER);
      expect(again.epoch).toBe(term.epoch);
      expect(await again.load()).toBe(3n);
    });

    it('has one holder of two who ask, and the other takes over when that one leaves', async () => {
      const leases = [another(), another()];
      const asked = leases.map((lease) => lease.acquire(NEVER));
      const holder = await Promise.race(asked.map((term, index) => term.then(() => index)));
      const held = await asked[holder]!;
      await held.save(7n).catch(() => undefined);
      await leases[holder]!.close();
      await asked[1 - holder]!;
      // What it was given may have been by lot, before the other one left, and be over: it asks again.
      const term = await leases[1 - holder]!.acquire(NEVER);
      expect(term.isHeld).toBe(true);
      expect(term.epoch).toBeGreaterThan(held.epoch);
    });

    it('tells who waits that another one holds it, and lets it stop waiting', async () => {
      const first = await another().acquire(NEVER);
      expect(first.isHeld).toBe(true);
      const stop = new AbortController();
      let holders = 0;
      const standby = new Promise<void>((resolve) => {
        const waiting = another().acquire(stop.signal, resolve);
        waiting.then(
          () => (holders += 1),
          (error: unknown) => expect(error).toBeInstanceOf(LeaseUnavailable),
        );
        // Who joined may be given the lease, by lot; then the first one has lost it.
        first.ended.addEventListener('abort', () => {
          waiting.then(() => resolve()).catch(() => undefined);
        });
      });
      await standby;
      stop.abort();
      expect(holders).toBeLessThanOrEqual(1);
    });

    it('refuses the checkpoint of a term that is over', async () => {
      const first = another();
      const old: RelayTerm = await first.acquire(NEVER);
      await old.save(5n);
      await (underTest.silence ? underTest.silence() : first.close());
      const next = await another().acquire(NEVER);
      await next.save(9n);
      await expect(old.save(6n)).rejects.toThrow(LeaseLost);
      expect(old.isHeld).toBe(false);
      expect(await next.load()).toBe(9n);
    });
  });
}
