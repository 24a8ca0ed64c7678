import type { EventStore, NewEvent, Position, StoredEvent } from '../event-store.js';
import { sampleCreation, sampleEvent, sampleEvents, samplePayloads } from './sample-events.js';

/** What of a stored event was given by the one who appended it. */
function asAppended({ eventId, payload, metadata }: StoredEvent): NewEvent {
  return { eventId, payload, metadata };
}

/** What comes back from a store, and in which order. */
export function describeRead(open: () => EventStore): void {
  describe('of one stream', () => describeStream(open));
  describe('of the whole log', () => describeLog(open));
  describe('as soon as the log has grown', () => describeHints(open));
}

function describeStream(open: () => EventStore): void {
  it('is empty for a stream that does not exist', async () => {
    const store = open();
    await store.append('other', 0, sampleEvents(1));
    expect(await store.read('s')).toEqual([]);
    expect(await store.read('s', 5)).toEqual([]);
  });

  it('gives back every kind of event exactly as it was appended', async () => {
    const store = open();
    const events = Object.values(samplePayloads).map((payload) =>
      sampleEvent(payload, {
        fingerprint: 'digest',
        foldFrom: 17,
        causationId: 'cause',
        actor: { kind: 'org_token', id: 'token-1', ip: '192.0.2.7', userAgent: 'probe/1.0' },
      }),
    );
    await store.append('s', 0, events);
    const stored = await store.read('s');
    expect(stored.map(asAppended)).toEqual(events);
    expect(stored.map(({ occurredAt }) => occurredAt)).toEqual(
      events.map(({ payload }) => payload.occurredAt),
    );
    expect(stored.every(({ streamId }) => streamId === 's')).toBe(true);
  });

  it('counts revisions from 1, and positions up', async () => {
    const store = open();
    await store.append('s', 0, sampleEvents(2));
    await store.append('other', 0, sampleEvents(1));
    await store.append('s', 2, sampleEvents(2));
    const stored = await store.read('s');
    expect(stored.map(({ revision }) => revision)).toEqual([1, 2, 3, 4]);
    expectRising(stored.map(({ position }) => position));
  });

  it.each([0, 1, 3, 4, 9])('leaves out what is not after revision %d', async (after) => {
    const store = open();
    await store.append('s', 0, sampleEvents(4));
    const revisions = (await store.read('s', after)).map(({ revision }) => revision);
    expect(revisions).toEqual([1, 2, 3, 4].filter((revision) => revision > after));
  });

  it('gives a long stream piece by piece, from wherever one begins', async () => {
    const store = open();
    const events = sampleEvents(200);
    await store.append('s', 0, events.slice(0, 70));
    await store.append('other', 0, sampleEvents(3));
    await store.append('s', 70, events.slice(70));
    const all = await store.read('s');
    for (const limit of [1, 63, 64, 65, 199, 200, 1000]) {
      for (const after of [0, 1, 62, 63, 64, 127, 128, 198, 199, 200, 300]) {
        expect(await store.read('s', after, limit)).toEqual(all.slice(after, after + limit));
      }
    }
    await expect(store.read('s', 0, 0)).rejects.toThrow(RangeError);
  });

  it('tells the newest event, whoever appended it last', async () => {
    const store = open();
    expect(await store.readLast('s')).toBeUndefined();
    let revision = 0;
    for (const count of [1, 3, 70]) {
      await store.append('s', revision, sampleEvents(count));
      revision += count;
      await store.append('other', revision - count, sampleEvents(count));
      const last = await store.readLast('s');
      expect(last).toMatchObject({ streamId: 's', revision });
      expect([last]).toEqual(await store.read('s', revision - 1));
    }
  });

  it('keeps a big event, and text of any script', async () => {
    const store = open();
    const events = [
      sampleEvent(sampleCreation({ description: 'x'.repeat(100_000) })),
      sampleEvent(
        sampleCreation({ name: 'Ünïcødé 語 🚀 \u0000 "quoted" \\ \u2028', metadata: { é: '' } }),
      ),
    ];
    await store.append('stream of Zoë 🚀', 0, events);
    expect((await store.read('stream of Zoë 🚀')).map(asAppended)).toEqual(events);
  });

  it('holds all of 500 events of one append, or none', async () => {
    const store = open();
    const events = sampleEvents(500);
    expect(await store.append('s', 1, events)).toMatchObject({ outcome: 'conflict' });
    expect(await store.read('s')).toEqual([]);
    expect(await store.append('s', 0, events)).toMatchObject({
      outcome: 'appended',
      revision: 500,
    });
    expect((await store.read('s')).map(asAppended)).toEqual(events);
  });
}

function describeLog(open: () => EventStore): void {
  it('starts empty, before any event', async () => {
    const store = open();
    expect(await store.head()).toBe(0n);
    expect(await store.readAllAfter(0n, 10)).toEqual([]);
  });

  it.each([1, 3, 100])('pages by %d without skip or repeat over several streams', async (limit) => {
    const store = open();
    for (let round = 0; round < 4; round += 1) {
      for (const streamId of ['a', 'b', 'c']) {
        await store.append(streamId, round * 2, sampleEvents(2));
      }
    }
    const pages = await readPages(store, limit);
    const log = pages.flat();
    expect(pages.every((page) => page.length <= limit)).toBe(true);
    expect(log).toHaveLength(24);
    expectRising(log.map(({ position }) => position));
    expect(await store.head()).toBe(log.at(-1)?.position);
    for (const streamId of ['a', 'b', 'c']) {
      const ofStream = log.filter((event) => event.streamId === streamId);
      expect(ofStream).toEqual(await store.read(streamId));
    }
  });

  it('shows what one append wrote in one piece, in order', async () => {
    const store = open();
    await Promise.all(['a', 'b', 'c'].map((id) => store.append(id, 0, sampleEvents(3))));
    const log = await store.readAllAfter(0n, 100);
    const streams = log.map(({ streamId }) => streamId);
    expect(streams).toEqual([...new Set(streams)].flatMap((id) => [id, id, id]));
  });

  it('misses nothing that is appended while it pages', async () => {
    const store = open();
    const seen: StoredEvent[] = [];
    const writing = Promise.all(
      ['a', 'b', 'c', 'd'].map(async (streamId) => {
        for (let n = 0; n < 25; n += 1) await store.append(streamId, n, sampleEvents(1, n + 1));
      }),
    );
    let position = 0n;
    while (seen.length < 100) {
      const page = await store.readAllAfter(position, 7);
      seen.push(...page);
      position = page.at(-1)?.position ?? position;
      await new Promise((resolve) => setImmediate(resolve));
    }
    await writing;
    expect(seen).toEqual(await store.readAllAfter(0n, 1000));
    expectRising(seen.map((event) => event.position));
  });

  it('is empty after its head, and refuses a limit of none', async () => {
    const store = open();
    await store.append('s', 0, sampleEvents(2));
    const head = await store.head();
    expect(await store.readAllAfter(head, 10)).toEqual([]);
    expect(await store.readAllAfter(head + 100n, 10)).toEqual([]);
    await expect(store.readAllAfter(0n, 0)).rejects.toThrow(RangeError);
  });
}

function describeHints(open: () => EventStore): void {
  it('tells who listens, and stops telling who has stopped listening', async () => {
    const store = open();
    let heard = 0;
    let stop = (): void => undefined;
    const hint = new Promise<void>((resolve) => {
      stop = store.onAppended(() => {
        heard += 1;
        resolve();
      });
    });
    await store.append('s', 0, sampleEvents(1));
    await hint;
    expect(await store.head()).toBeGreaterThan(0n);

    stop();
    const before = heard;
    const other = new Promise<void>((resolve) => void store.onAppended(resolve));
    await store.append('s', 1, sampleEvents(1));
    await other;
    expect(heard).toBe(before);
  });
}

async function readPages(store: EventStore, limit: number): Promise<(readonly StoredEvent[])[]> {
  const pages: (readonly StoredEvent[])[] = [];
  let position: Position = 0n;
  for (;;) {
    const page = await store.readAllAfter(position, limit);
    const last = page.at(-1);
    if (last === undefined) return pages;
    pages.push(page);
    position = last.position;
  }
}

function expectRising(positions: readonly Position[]): void {
  const rising = [...new Set(positions)].sort((a, b) => (a < b ? -1 : 1));
  expect(positions).toEqual(rising);
}
