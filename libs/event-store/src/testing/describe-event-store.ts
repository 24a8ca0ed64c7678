import type { EventStore } from '../event-store.js';
import { describeAppend } from './describe-append.js';
import { describeRead } from './describe-read.js';
import { sampleEvents } from './sample-events.js';

/** A store to test, empty at first. */
export interface StoreUnderTest {
  readonly store: EventStore;
  /** Closes the store and opens it on the same log; absent where the log ends with the process. */
  readonly reopen?: () => Promise<EventStore>;
  /** Closes whatever is open, and removes what was written. */
  readonly close: () => Promise<void>;
}

/**
 * The contract of `EventStore`. Each adapter calls it once, with a way to open an empty store; what holds
 * for one adapter then holds for all, and what is not in here nobody may rely on.
 */
export function describeEventStore(adapter: string, open: () => Promise<StoreUnderTest>): void {
  describe(`${adapter} keeps the EventStore contract`, () => {
    let underTest: StoreUnderTest;
    const current = () => underTest.store;

    beforeEach(async () => {
      underTest = await open();
    });
    afterEach(() => underTest.close());

    describe('append', () => describeAppend(current));
    describe('read', () => describeRead(current));

    it('closes twice, and refuses what comes after', async () => {
      const { store } = underTest;
      await store.append('s', 0, sampleEvents(1));
      await Promise.all([store.close(), store.close()]);
      await store.close();
      await expect(store.append('s', 1, sampleEvents(1))).rejects.toMatchObject({
        code: 'STORE_UNAVAILABLE',
      });
      for (const read of [() => store.read('s'), () => store.readLast('s')]) {
        await expect(read()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
      }
    });

    it('finishes the appends under way before it closes', async () => {
      const { store } = underTest;
      const appends = Array.from({ length: 10 }, (_, n) =>
        store.append(`s${n}`, 0, sampleEvents(1)),
      );
      await store.close();
      const outcomes = (await Promise.all(appends)).map(({ outcome }) => outcome);
      expect(outcomes).toEqual(Array.from({ length: 10 }, () => 'appended'));
    });

    it('holds after reopening what it held before, and goes on from there', async () => {
      if (!underTest.reopen) return;
      const events = sampleEvents(3);
      await underTest.store.append('s', 0, events);
      const before = await underTest.store.readAllAfter(0n, 10);

      const reopened = await underTest.reopen();

      expect(await reopened.readAllAfter(0n, 10)).toEqual(before);
      expect(await reopened.head()).toBe(before.at(-1)?.position);
      const repeated = await reopened.append('s', 0, events);
      expect(repeated).toMatchObject({ outcome: 'appended', revision: 3 });
      const next = await reopened.append('s', 3, sampleEvents(1, 4));
      expect(next).toMatchObject({ outcome: 'appended', revision: 4 });
      expect(await reopened.read('s')).toHaveLength(4);
    });
  });
}
