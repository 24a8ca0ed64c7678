import { sampleEvents } from '@ledger/event-store/testing';
import {
  openStoreOnDouble,
  patiently,
  timed,
  type StoreOnDouble,
} from './support/store-on-double.js';

const DEADLINE_MS = 2_000;

describe('an append whose outcome is unknown is repeated', () => {
  let opened: StoreOnDouble;

  beforeEach(async () => {
    opened = await openStoreOnDouble({ deadlineMs: DEADLINE_MS });
  });
  afterEach(() => opened.close());

  it('so that 500 lost acknowledgements give 500 events', async () => {
    const { double, open } = opened;
    // Time enough for 1,500 attempts at once, with the double in the same process, on a slow machine.
    const store = await open({ deadlineMs: 15_000 });
    double.faults.losesFirstAcks = true;
    const results = await Promise.all(
      Array.from({ length: 500 }, (_, n) => store.append(`s-${n}`, 0, sampleEvents(1))),
    );
    expect(results.every(({ outcome }) => outcome === 'appended')).toBe(true);
    expect(double.log.records).toHaveLength(500);
    const log = await store.readAllAfter(0n, 1_000);
    expect(new Set(log.map(({ eventId }) => eventId)).size).toBe(500);
    expect(store.stats().repeats).toBeGreaterThanOrEqual(500);
  });

  it('so that 500 acknowledgements lost in a row give 500 events in their order', async () => {
    const { double, store } = opened;
    double.faults.losesFirstAcks = true;
    const writers = Array.from({ length: 25 }, async (_, n) => {
      for (let revision = 0; revision < 20; revision += 1) {
        const events = sampleEvents(1, revision + 1);
        const result = await patiently(() => store.append(`s-${n}`, revision, events));
        expect(result).toMatchObject({ outcome: 'appended', revision: revision + 1 });
      }
      const payloads = (await patiently(() => store.read(`s-${n}`))).map(({ payload }) => payload);
      expect(payloads).toMatchObject(payloads.map((_event, at) => ({ consumedAfter: at + 1 })));
    });
    await Promise.all(writers);
    expect(double.log.records).toHaveLength(500);
  });

  it('one after the other on one stream, each at the revision of before', async () => {
    const { store, double } = opened;
    for (let revision = 0; revision < 6; revision += 2) {
      double.faults.lostAcks = 1;
      const result = await store.append('s', revision, sampleEvents(2, revision + 1));
      const [, last] = await store.read('s', revision);
      expect(result).toEqual({
        outcome: 'appended',
        revision: revision + 2,
        position: last?.position,
      });
    }
    expect(double.log.records).toHaveLength(6);
  });

  it.each(['brokenAfterCommit', 'timedOutAfterCommit', 'unavailable', 'notReady'] as const)(
    'when the server says %s',
    async (fault) => {
      const { store, double } = opened;
      double.faults[fault] = 1;
      const events = sampleEvents(3);
      expect(await store.append('s', 0, events)).toMatchObject({
        outcome: 'appended',
        revision: 3,
      });
      expect(double.log.records.map(({ id }) => id)).toEqual(events.map(({ eventId }) => eventId));
      expect(double.faults[fault]).toBe(0);
    },
  );

  it('also when all that share the broken stream are', async () => {
    const { store, double } = opened;
    double.faults.delayMs = 50;
    double.faults.brokenAfterCommit = 1;
    const results = await Promise.all(
      Array.from({ length: 50 }, (_, n) => store.append(`s-${n}`, 0, sampleEvents(1))),
    );
    expect(results.every(({ outcome }) => outcome === 'appended')).toBe(true);
    expect(double.log.records).toHaveLength(50);
  });

  it('and is a conflict when someone else was faster', async () => {
    const { store, double } = opened;
    await store.append('s', 0, sampleEvents(1));
    double.faults.timedOutAfterCommit = 1;
    expect(await store.append('s', 0, sampleEvents(1))).toEqual({
      outcome: 'conflict',
      streamId: 's',
      actualRevision: 1,
    });
  });

  it('a bounded number of times, in bounded time', async () => {
    const { store, double } = opened;
    double.faults.lostAcks = 1_000;
    const { result, ms } = await timed(
      store.append('s', 0, sampleEvents(1)).catch((error: unknown) => error),
    );
    expect(result).toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(ms).toBeLessThan(DEADLINE_MS * 1.5);
    // Three at most; a machine that stands still meanwhile leaves time for fewer.
    expect(double.faults.lostAcks).toBeGreaterThanOrEqual(997);

    double.faults.lostAcks = 0;
    const events = sampleEvents(1);
    expect(await patiently(() => store.append('t', 0, events))).toMatchObject({
      outcome: 'appended',
    });
    expect(await patiently(() => store.read('s'))).toHaveLength(1);
  });

  it('and the caller may repeat it after that', async () => {
    const { store, double } = opened;
    const events = sampleEvents(2);
    double.faults.timedOutAfterCommit = 3;
    await expect(store.append('s', 0, events)).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
    });
    const [, last] = await store.read('s');
    expect(await store.append('s', 0, events)).toEqual({
      outcome: 'appended',
      revision: 2,
      position: last?.position,
    });
  });
});

describe('answers that no one should rely on', () => {
  let opened: StoreOnDouble;

  beforeEach(async () => {
    opened = await openStoreOnDouble({ deadlineMs: DEADLINE_MS });
  });
  afterEach(() => opened.close());

  it('a second answer to one append changes nothing', async () => {
    const { store, double } = opened;
    double.faults.duplicateReplies = 20;
    for (let revision = 0; revision < 20; revision += 1) {
      const result = await store.append('s', revision, sampleEvents(1));
      expect(result).toMatchObject({ outcome: 'appended', revision: revision + 1 });
    }
    expect(double.log.records).toHaveLength(20);
  });

  it('an answer without a position is completed by reading the event', async () => {
    const { store, double } = opened;
    double.faults.positionlessReplies = 1;
    const result = await store.append('s', 0, sampleEvents(3));
    const [, , last] = await store.read('s');
    expect(result).toEqual({ outcome: 'appended', revision: 3, position: last?.position });
  });

  it('an append that is too big is refused as what it is, and once', async () => {
    const { store, double } = opened;
    await expect(store.append('s', 0, sampleEvents(2_500))).rejects.toThrow(RangeError);
    expect(double.log.records).toHaveLength(0);
    expect(store.stats().repeats).toBe(0);
  });

  it('a stream that was deleted from the database is damage', async () => {
    const { store, double } = opened;
    await store.append('s', 0, sampleEvents(2));
    double.log.tombstone('ledger-s', 'any');
    await expect(store.append('s', 2, sampleEvents(1))).rejects.toMatchObject({
      code: 'STORE_DAMAGED',
    });
    await expect(store.read('s')).rejects.toMatchObject({ code: 'STORE_DAMAGED' });
  });

  it('a stream that lacks its first events is damage', async () => {
    const { store, double } = opened;
    await store.append('s', 0, sampleEvents(4));
    const metadata = { id: 'm', type: '$metadata', contentType: 'application/json' };
    const data = Buffer.from('{"$tb":2}');
    const truncation = { ...metadata, data, metadata: new Uint8Array() };
    double.log.append('$$ledger-s', 'any', [truncation]);
    await expect(store.read('s')).rejects.toMatchObject({ code: 'STORE_DAMAGED' });
    expect(await store.read('s', 2)).toHaveLength(2);
  });

  it.each([
    ['a type of another version', 'TokenTeleported', '{"schemaVersion":1,"occurredAt":"x","a":1}'],
    ['a schema version to come', 'QuotaConsumed', '{"schemaVersion":9,"occurredAt":"x","a":1}'],
  ])('%s stops the reader', async (_, type, metadata) => {
    const { store, double } = opened;
    double.log.append('ledger-s', 'no-stream', [foreign(type, '{}', metadata)]);
    const unreadable = { code: 'UNREADABLE_EVENT' };
    await expect(store.read('s')).rejects.toMatchObject(unreadable);
    await expect(store.readAllAfter(0n, 10)).rejects.toMatchObject(unreadable);
  });

  it.each([
    ['metadata of another program', '{}', '{"by":"someone"}'],
    ['data that is no JSON', 'text', '{"schemaVersion":1,"occurredAt":"x","a":1}'],
  ])('%s is damage', async (_, data, metadata) => {
    const { store, double } = opened;
    double.log.append('ledger-s', 'no-stream', [foreign('QuotaConsumed', data, metadata)]);
    await expect(store.read('s')).rejects.toMatchObject({ code: 'STORE_DAMAGED' });
  });

  it('events of other programs in streams of their own are never seen', async () => {
    const { store, double } = opened;
    await store.append('a', 0, sampleEvents(1));
    double.log.append('orders-1', 'no-stream', [foreign('OrderPlaced', '{}', '{}')]);
    double.log.append('$stats-1', 'no-stream', [foreign('$stats', '{}', '')]);
    await store.append('b', 0, sampleEvents(1));
    double.log.append('orders-1', 0n, [foreign('OrderPaid', '{}', '{}')]);
    const log = await store.readAllAfter(0n, 10);
    expect(log.map(({ streamId }) => streamId)).toEqual(['a', 'b']);
    expect(await store.head()).toBe(log.at(-1)?.position);
  });

  it('a position right before an event finds it, and one between two events is refused', async () => {
    const { store } = opened;
    await store.append('s', 0, sampleEvents(3));
    const [first, second] = await store.read('s');
    const found = await store.readAllAfter(second!.position - 1n, 1);
    expect(found).toEqual([second]);
    await expect(store.readAllAfter(first!.position + 5n, 1)).rejects.toThrow(RangeError);
  });
});

let foreignEvents = 0;

function foreign(type: string, data: string, metadata: string) {
  foreignEvents += 1;
  return {
    id: `00000000-0000-4000-8000-${String(foreignEvents).padStart(12, '0')}`,
    type,
    contentType: 'application/json',
    data: Buffer.from(data),
    metadata: Buffer.from(metadata),
  };
}
