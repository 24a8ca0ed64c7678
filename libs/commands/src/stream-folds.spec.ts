import { MemoryEventStore } from '@ledger/event-store';
import { sampleEvents } from '@ledger/event-store/testing';
import { spend, unspent, type Quota, type QuotaConsumed } from '@ledger/domain';
import { StreamFolds } from './stream-folds.js';
import type { Stream } from './streams.js';
import { FaultyStore } from './testing/index.js';

const stream = (streamId: string): Stream<Quota, QuotaConsumed> => {
  return { streamId, initial: unspent, evolve: spend };
};

async function opened(events = 0) {
  const store = new FaultyStore(new MemoryEventStore());
  if (events > 0) await store.append('s', 0, sampleEvents(events));
  return { store, folds: new StreamFolds(store) };
}

describe('a fold', () => {
  it('is read once and then kept, until it is refreshed', async () => {
    const { store, folds } = await opened(3);
    expect(await folds.load(stream('s'))).toMatchObject({ state: { consumed: 3 }, revision: 3 });
    await store.append('s', 3, sampleEvents(1, 4));
    expect(await folds.load(stream('s'))).toMatchObject({ revision: 3 });
    expect(store.reads).toBe(1);
    const fresh = { state: { consumed: 4 }, revision: 4, position: 4n };
    expect(await folds.refresh(stream('s'))).toMatchObject(fresh);
    expect(folds.kept(stream('s'))).toMatchObject(fresh);
  });

  it('of a stream that does not exist is empty, and takes no memory', async () => {
    const { folds } = await opened();
    expect(await folds.load(stream('none'))).toMatchObject({ state: unspent, revision: 0 });
    expect(folds.kept(stream('none'))).toBeUndefined();
  });

  it('never replaces a newer one', async () => {
    const { store, folds } = await opened(2);
    const old = await folds.load(stream('s'));
    await store.append('s', 2, sampleEvents(2, 3));
    await folds.refresh(stream('s'));
    const stored = await store.read('s', 2);
    const behind = folds.advance(stream('s'), old, stored.slice(0, 1) as never);
    expect(behind).toMatchObject({ revision: 3 });
    expect(folds.kept(stream('s'))).toMatchObject({ revision: 4 });
  });

  it('read by two at once comes out the same for both', async () => {
    const { store, folds } = await opened(2);
    const [one, other] = await Promise.all([folds.load(stream('s')), folds.load(stream('s'))]);
    expect(one).toEqual(other);
    await store.append('s', 2, sampleEvents(1, 3));
    const [refreshed] = await Promise.all([folds.refresh(stream('s')), folds.load(stream('s'))]);
    expect(refreshed).toMatchObject({ revision: 3, state: { consumed: 3 } });
  });

  it('that is kept longest without a change makes room for the fifty-thousand-and-first', async () => {
    const { store, folds } = await opened();
    const [event] = sampleEvents(1);
    for (let n = 0; n <= 50_000; n += 1) {
      const fold = { state: unspent, revision: 0, position: 0n, repeatable: new Map() };
      const stored = { ...event!, revision: 1, position: 1n };
      folds.advance(stream(`s${n}`), fold, [stored]);
    }
    expect(folds.kept(stream('s0'))).toBeUndefined();
    expect(folds.kept(stream('s1'))).toBeDefined();
    expect(folds.kept(stream('s50000'))).toBeDefined();
    expect(store.reads).toBe(0);
  });
});

describe('the commands that may be repeated', () => {
  it('are found by their id with all the events they made', async () => {
    const { store, folds } = await opened();
    const events = sampleEvents(4).map((event, index) => {
      const commandId = index < 2 ? 'first' : 'second';
      const fingerprint = index < 2 ? { fingerprint: 'f' } : {};
      return { ...event, metadata: { ...event.metadata, commandId, ...fingerprint } };
    });
    await store.append('s', 0, events.slice(0, 2));
    await store.append('s', 2, events.slice(2));
    const { repeatable } = await folds.load(stream('s'));
    expect([...repeatable.keys()]).toEqual(['first']);
    const revisions = { firstRevision: 1, lastRevision: 2, position: 2n };
    expect(repeatable.get('first')).toMatchObject({ fingerprint: 'f', ...revisions });
  });

  it('begin anew where their id comes again after it was forgotten', async () => {
    const { store, folds } = await opened();
    const again = { commandId: 'again', fingerprint: 'f' };
    const events = sampleEvents(3).map((event, index) => {
      return index === 1 ? event : { ...event, metadata: { ...event.metadata, ...again } };
    });
    await store.append('s', 0, events);
    const fold = await folds.load({ ...stream('s'), repeatableMs: 2_000 });
    expect(fold.repeatable.get('again')).toMatchObject({ firstRevision: 3, lastRevision: 3 });
  });
});
