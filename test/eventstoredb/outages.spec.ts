import type { EventStoreDbStore, StoredEvent } from '@ledger/event-store';
import { sampleEvents } from '@ledger/event-store/testing';
import {
  openStoreOnDouble,
  patiently,
  timed,
  until,
  type StoreOnDouble,
} from './support/store-on-double.js';

const DEADLINE_MS = 2_000;
/** Where an answer must come in the end: two attempts in vain, and a pause of the machine, leave time for it. */
const PATIENT_MS = 9_000;
/** What timers and a busy machine may add. */
const SLACK_MS = 400;
const UNAVAILABLE = { code: 'STORE_UNAVAILABLE' };

/** How long each call takes to be refused. */
async function refusals(store: EventStoreDbStore): Promise<readonly number[]> {
  const calls = [
    store.append('s', 1, sampleEvents(1)),
    store.append('t', 0, sampleEvents(1), [{ streamId: 's', revision: 1 }]),
    store.read('s'),
    store.readLast('s'),
    store.readAllAfter(0n, 10),
    store.head(),
  ];
  const refused = calls.map(async (call) => {
    const { result, ms } = await timed(Promise.resolve(call).catch((error: unknown) => error));
    expect(result).toMatchObject(UNAVAILABLE);
    return ms;
  });
  return Promise.all(refused);
}

async function works(store: EventStoreDbStore, streamId: string): Promise<boolean> {
  try {
    const { length } = await store.read(streamId);
    return (await store.append(streamId, length, sampleEvents(1))).outcome === 'appended';
  } catch (error) {
    expect(error).toMatchObject(UNAVAILABLE);
    return false;
  }
}

/** Follows the log as a projector does: reads on at each hint, from where it is. */
function follow(store: EventStoreDbStore): { seen: StoredEvent[]; stop: () => void } {
  const seen: StoredEvent[] = [];
  let reading = Promise.resolve();
  const readOn = async (): Promise<void> => {
    const after = seen.at(-1)?.position ?? 0n;
    try {
      seen.push(...(await patiently(async () => store.readAllAfter(after, 100))));
    } catch (error) {
      expect(error).toMatchObject(UNAVAILABLE);
    }
  };
  const stop = store.onAppended(() => {
    reading = reading.then(readOn);
  });
  return { seen, stop };
}

describe('while the database', () => {
  let opened: StoreOnDouble;

  beforeEach(async () => {
    opened = await openStoreOnDouble({ deadlineMs: DEADLINE_MS });
    await opened.store.append('s', 0, sampleEvents(1));
  });
  afterEach(() => opened.close());

  it('is down, every call is refused in time, and all is well within seconds of its return', async () => {
    const { store, double } = opened;
    await double.stop();
    for (const ms of await refusals(store)) expect(ms).toBeLessThan(DEADLINE_MS + SLACK_MS);
    expect(store.stats()).toMatchObject({ isConnected: false, pendingAppends: 0 });
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    await double.start();
    expect(await until(() => works(store, 'after'))).toBeLessThan(3_000);
    expect(await patiently(() => store.read('s'))).toHaveLength(1);
    expect(store.stats().isConnected).toBe(true);
  });

  it('restarts, appends under way wait for it', async () => {
    const { double, open } = opened;
    const store = await open({ deadlineMs: PATIENT_MS });
    await double.stop();
    const append = store.append('s', 1, sampleEvents(1));
    await double.start();
    expect(await append).toMatchObject({ outcome: 'appended', revision: 2 });
  });

  it('stops answering, no read and no append hangs beyond its deadline', async () => {
    const { store, double } = opened;
    double.front.pause();
    for (const ms of await refusals(store)) expect(ms).toBeLessThan(DEADLINE_MS + SLACK_MS);
    for (const ms of await refusals(store)) expect(ms).toBeLessThan(DEADLINE_MS + SLACK_MS);
    double.front.resume();
    expect(await until(() => works(store, 'after'))).toBeLessThan(3_000);
    const { outcome } = await patiently(async () => {
      return store.append('s', (await store.read('s')).length, sampleEvents(1));
    });
    expect(outcome).toBe('appended');
  });

  it('is behind a connection that died without a word, another connection is made', async () => {
    const { double, open } = opened;
    const store = await open({ deadlineMs: PATIENT_MS });
    double.front.freezeConnections();
    const { result, ms } = await timed(store.append('s', 1, sampleEvents(1)));
    expect(result).toMatchObject({ outcome: 'appended', revision: 2 });
    expect(ms).toBeLessThan(PATIENT_MS / 2);
    double.front.freezeConnections();
    expect((await timed(store.read('s'))).ms).toBeLessThan(PATIENT_MS / 2);
    expect(store.stats().links).toBe(3);
  });

  it('cuts its connections, nothing is lost and nothing written twice', async () => {
    const { store, double } = opened;
    const cutting = setInterval(() => double.front.cut(), 15);
    let appended = 0;
    try {
      // However fast the machine is, some connections were cut.
      for (; appended < 60 || store.stats().links < 3; appended += 1) {
        const revision = appended;
        const events = sampleEvents(1, revision + 1);
        await until(async () => {
          const append = store.append('cut', revision, events);
          return (await append.catch(() => undefined))?.outcome === 'appended';
        });
      }
    } finally {
      clearInterval(cutting);
    }
    const payloads = (await patiently(() => store.read('cut'))).map(({ payload }) => payload);
    expect(payloads).toMatchObject(payloads.map((_, index) => ({ consumedAfter: index + 1 })));
    expect(payloads).toHaveLength(appended);
  });

  it('is slow, calls are answered, and those that are too slow are refused in time', async () => {
    const { store, double } = opened;
    double.faults.delayMs = 60;
    const events = sampleEvents(1);
    const appended = await patiently(() => store.append('s', 1, events));
    expect(appended).toMatchObject({ outcome: 'appended' });
    expect(await patiently(() => store.read('s'))).toHaveLength(2);
    double.faults.delayMs = 3 * DEADLINE_MS;
    for (const ms of await refusals(store)) expect(ms).toBeLessThan(DEADLINE_MS + SLACK_MS);
    double.faults.delayMs = 0;
    expect(await until(() => works(store, 'after'))).toBeLessThan(3_000);
  });

  it('keeps one read waiting for ever, the read is asked again', async () => {
    const { double, open } = opened;
    const store = await open({ deadlineMs: PATIENT_MS });
    // Its subscription is a read, too, and is not the one that is to wait.
    await until(() => store.stats().subscriptions > 0);
    double.faults.hangingReads = 1;
    expect(await store.read('s')).toHaveLength(1);
    expect(store.stats().readTimeouts).toBe(1);
  });

  it('answers nothing, no more appends wait than may, and the rest is refused at once', async () => {
    const { double, open } = opened;
    const store = await open({ pendingAppendsMax: 100, deadlineMs: 2 * DEADLINE_MS });
    double.front.pause();
    const results = await Promise.all(
      Array.from({ length: 300 }, async (_, n) => {
        const append = store.append(`p-${n}`, 0, sampleEvents(1));
        return timed(append.catch((error: unknown) => error));
      }),
    );
    expect(results.every(({ result }) => (result as Error).name === 'StoreUnavailable')).toBe(true);
    expect(results.filter(({ ms }) => ms < DEADLINE_MS / 2)).toHaveLength(200);
    expect(store.stats().pendingAppends).toBe(0);
  });

  it('loses its data, what it holds then is not taken for the log', async () => {
    const { store, double } = opened;
    await store.append('s', 1, sampleEvents(3));
    await double.stop();
    await double.start({ keepLog: false });
    await until(() => store.stats().isConnected);
    await expect(store.head()).rejects.toMatchObject(UNAVAILABLE);
  });

  it('never answers at all, a store is not opened', async () => {
    const { double, open } = opened;
    double.front.pause();
    const opening = timed(open({ openTimeoutMs: 300 }).catch((error: unknown) => error));
    const { result, ms } = await opening;
    expect(result).toMatchObject(UNAVAILABLE);
    expect(ms).toBeLessThan(300 + SLACK_MS);
  });
});

describe('a subscription', () => {
  let opened: StoreOnDouble;

  beforeEach(async () => {
    opened = await openStoreOnDouble({ deadlineMs: DEADLINE_MS });
  });
  afterEach(() => opened.close());

  it('that is dropped again and again resumes without gap and without repeat', async () => {
    const { double, open } = opened;
    const follower = await open();
    const { seen, stop } = follow(follower);
    const dropping = setInterval(() => double.dropSubscriptions(), 25);
    try {
      for (let n = 0; n < 200; n += 1) {
        await opened.store.append(`s-${n % 5}`, Math.floor(n / 5), sampleEvents(1));
        if (n % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 10));
      }
      await until(() => follower.stats().subscriptions > 3);
    } finally {
      clearInterval(dropping);
    }
    await until(() => seen.length >= 200);
    stop();
    expect(seen.map(({ eventId }) => eventId)).toEqual(double.log.records.map(({ id }) => id));
    await until(() => double.reads.subscriptions === 2);
  });

  it('tells of the appends of another process within milliseconds', async () => {
    const { store, open } = opened;
    const follower = await open();
    await until(() => follower.stats().subscriptions > 0);
    for (let revision = 0; revision < 10; revision += 1) {
      const heard = new Promise<void>((resolve) => void follower.onAppended(resolve));
      await store.append('s', revision, sampleEvents(1));
      expect((await timed(heard)).ms).toBeLessThan(200);
    }
  });

  it('comes back after a restart and after a dead connection', async () => {
    const { store, double, open } = opened;
    const follower = await open();
    const { seen, stop } = follow(follower);
    await store.append('s', 0, sampleEvents(1));
    await until(() => seen.length === double.log.records.length);
    await double.stop();
    await double.start();
    await until(() => works(store, 'after-restart'));
    await until(() => seen.length === double.log.records.length);
    double.front.freezeConnections();
    await until(() => works(store, 'after-freeze'));
    // Nothing is asked of the follower: it has to notice by itself, through keepalive.
    expect(await until(() => seen.length === double.log.records.length)).toBeLessThan(6_000);
    stop();
    expect(seen.map(({ eventId }) => eventId)).toEqual(double.log.records.map(({ id }) => id));
  });

  it('is left when the store is closed', async () => {
    const { double, open } = opened;
    const follower = await open();
    await until(() => double.reads.subscriptions === 2);
    await follower.close();
    await until(() => double.reads.subscriptions === 1);
  });
});
