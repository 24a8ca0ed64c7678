import { FaultyStore } from '@ledger/commands/testing';
import { MemoryEventStore } from '@ledger/event-store';
import { sampleCipher, sampleEvents } from '@ledger/event-store/testing';
import { WatchedEventStore } from './watched-event-store.js';

const SILENCE_MS = 50;
const UNAVAILABLE = { code: 'STORE_UNAVAILABLE' };

/** A store whose appends hang until they are let go, while its reads are answered. */
function hanging() {
  const inner = new FaultyStore(new MemoryEventStore(sampleCipher()));
  let letGo = (): void => undefined;
  const gone = new Promise<void>((resolve) => (letGo = resolve));
  inner.onAppend = async (append) => {
    await gone;
    return append();
  };
  return { inner, letGo, store: new WatchedEventStore(inner, { silenceMs: SILENCE_MS }) };
}

async function untilHeard(store: WatchedEventStore): Promise<void> {
  while (store.silentMs !== undefined) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe('a store that confirms no append', () => {
  it('keeps nobody waiting, takes no further ones, and all is well once it has confirmed', async () => {
    const { store, inner, letGo } = hanging();
    await expect(store.append('a', 0, sampleEvents(1))).rejects.toMatchObject(UNAVAILABLE);
    expect(store.silentMs).toBeGreaterThanOrEqual(SILENCE_MS);
    const refused = store.append('b', 0, sampleEvents(1));
    await expect(refused).rejects.toThrow('nothing was sent');
    expect(inner.appends).toBe(1);
    // Reads are another matter, and an answer to one says nothing of appends.
    expect(await store.read('a')).toEqual([]);
    expect(await store.head()).toBe(0n);
    expect(store.silentMs).toBeDefined();
    letGo();
    await untilHeard(store);
    expect(await store.append('b', 0, sampleEvents(1))).toMatchObject({ outcome: 'appended' });
    expect(await store.read('a')).toHaveLength(1);
    await store.close();
  });

  it('is waited for by a thousand at most, even without a bound on the time (R8)', async () => {
    const { inner, letGo } = hanging();
    const store = new WatchedEventStore(inner);
    const waiting = Array.from({ length: 1_000 }, (_, n) => {
      return store.append(`s-${n}`, 0, sampleEvents(1));
    });
    await expect(store.append('more', 0, sampleEvents(1))).rejects.toThrow('1000 appends wait');
    expect(store.counts).toMatchObject({ pending: 1_000, unavailable: 1 });
    letGo();
    await Promise.all(waiting);
    expect(store.counts).toMatchObject({ pending: 0, appended: 1_000 });
    await store.close();
  });
});

describe('a store that answers no read', () => {
  it('is asked for nothing more until it answers', async () => {
    const { store, inner, letGo } = hanging();
    letGo();
    let answer = (): void => undefined;
    const answered = new Promise<void>((resolve) => (answer = resolve));
    inner.onRead = () => answered;
    const heard = new Promise<void>((resolve) => void store.onSilence(resolve));
    await expect(store.read('a')).rejects.toMatchObject(UNAVAILABLE);
    await heard;
    await expect(store.append('a', 0, sampleEvents(1))).rejects.toThrow('nothing was sent');
    answer();
    await untilHeard(store);
    expect(await store.append('a', 0, sampleEvents(1))).toMatchObject({ outcome: 'appended' });
    await store.close();
  });
});
