import type { AppendResult, EventStore, Revision, Unchanged } from '../event-store.js';
import { sampleEvents } from './sample-events.js';

/** Every pairing, so that no special case ("must be new", "must exist") can be forgotten. */
const PAIRS = [0, 1, 3].flatMap((actual) => [0, 1, 3].map((expected) => ({ actual, expected })));

function appended(revision: Revision): AppendResult {
  return { outcome: 'appended', revision, position: expect.any(BigInt) as bigint };
}

function conflict(streamId: string, actualRevision: Revision): AppendResult {
  return { outcome: 'conflict', streamId, actualRevision };
}

/** How a store decides and writes appends. */
export function describeAppend(open: () => EventStore): void {
  describe('at an expected revision', () => describeExpectations(open));
  describe('while other streams must stay unchanged', () => describeGuards(open));
  describe('repeated', () => describeRepeats(open));
  describe('from many callers', () => describeRaces(open));
}

function describeExpectations(open: () => EventStore): void {
  it.each(PAIRS)('stream of $actual, caller expects $expected', async ({ actual, expected }) => {
    const store = open();
    if (actual > 0) await store.append('s', 0, sampleEvents(actual));
    const result = await store.append('s', expected, sampleEvents(2));
    const isMet = actual === expected;
    expect(result).toEqual(isMet ? appended(actual + 2) : conflict('s', actual));
    expect(await store.read('s')).toHaveLength(isMet ? actual + 2 : actual);
  });

  it.each(PAIRS)(
    'checks without events: $actual against $expected',
    async ({ actual, expected }) => {
      const store = open();
      const filled = actual > 0 ? await store.append('s', 0, sampleEvents(actual)) : undefined;
      await store.append('other', 0, sampleEvents(1));
      const position = filled?.outcome === 'appended' ? filled.position : 0n;
      const isMet = actual === expected;
      expect(await store.append('s', expected, [])).toEqual(
        isMet ? { outcome: 'appended', revision: actual, position } : conflict('s', actual),
      );
    },
  );

  it('accepts the right revision after a conflict', async () => {
    const store = open();
    await store.append('s', 0, sampleEvents(1));
    expect(await store.append('s', 0, sampleEvents(1))).toEqual(conflict('s', 1));
    expect(await store.append('s', 1, sampleEvents(1))).toEqual(appended(2));
    expect(await store.append('s', 2, sampleEvents(1))).toEqual(appended(3));
  });

  it('answers with the position of the last event', async () => {
    const store = open();
    await store.append('other', 0, sampleEvents(2));
    const result = await store.append('s', 0, sampleEvents(3));
    const [, , last] = await store.read('s');
    expect(result).toEqual({ outcome: 'appended', revision: 3, position: last?.position });
    expect(await store.head()).toBe(last?.position);
  });

  it.each([-1, 0.5, Number.NaN])('refuses %d, which is no revision', async (expected) => {
    await expect(open().append('s', expected, sampleEvents(1))).rejects.toThrow(RangeError);
  });
}

function describeGuards(open: () => EventStore): void {
  const guarded: { name: string; unchanged: Unchanged[]; moved?: [string, Revision] }[] = [
    { name: 'one at its revision', unchanged: [{ streamId: 'a', revision: 2 }] },
    { name: 'an absent one at 0', unchanged: [{ streamId: 'absent', revision: 0 }] },
    {
      name: 'several at theirs',
      unchanged: [
        { streamId: 'a', revision: 2 },
        { streamId: 'b', revision: 1 },
      ],
    },
    { name: 'one that moved', unchanged: [{ streamId: 'a', revision: 1 }], moved: ['a', 2] },
    { name: 'one that is behind', unchanged: [{ streamId: 'a', revision: 3 }], moved: ['a', 2] },
    { name: 'one that exists at 0', unchanged: [{ streamId: 'b', revision: 0 }], moved: ['b', 1] },
    {
      name: 'an absent one above 0',
      unchanged: [{ streamId: 'absent', revision: 1 }],
      moved: ['absent', 0],
    },
    {
      name: 'a second one that moved',
      unchanged: [
        { streamId: 'a', revision: 2 },
        { streamId: 'b', revision: 7 },
      ],
      moved: ['b', 1],
    },
  ];

  it.each(guarded)('$name', async ({ unchanged, moved }) => {
    const store = open();
    await store.append('a', 0, sampleEvents(2));
    await store.append('b', 0, sampleEvents(1));
    const head = await store.head();
    const result = await store.append('s', 0, sampleEvents(1), unchanged);
    expect(result).toEqual(moved ? conflict(...moved) : appended(1));
    // The guards were only looked at, and a refused append wrote nothing anywhere.
    expect(await store.append('a', 2, [])).toEqual(appended(2));
    if (moved) {
      expect(await store.read('s')).toEqual([]);
      expect(await store.head()).toBe(head);
    }
  });

  it('names the stream appended to when both it and a guard have moved', async () => {
    const store = open();
    await store.append('a', 0, sampleEvents(1));
    await store.append('s', 0, sampleEvents(1));
    const guards = [{ streamId: 'a', revision: 9 }];
    expect(await store.append('s', 0, sampleEvents(1), guards)).toEqual(conflict('s', 1));
  });

  it('lets one of two appends win that each guard the stream of the other', async () => {
    const store = open();
    const results = await Promise.all([
      store.append('a', 0, sampleEvents(1), [{ streamId: 'b', revision: 0 }]),
      store.append('b', 0, sampleEvents(1), [{ streamId: 'a', revision: 0 }]),
    ]);
    expect(results.map(({ outcome }) => outcome).sort()).toEqual(['appended', 'conflict']);
  });
}

function describeRepeats(open: () => EventStore): void {
  it('answers as before, and writes nothing', async () => {
    const store = open();
    await store.append('s', 0, sampleEvents(1));
    const events = sampleEvents(2);
    const first = await store.append('s', 1, events);
    const head = await store.head();
    expect(await store.append('s', 1, events)).toEqual(first);
    expect(await store.head()).toBe(head);
    expect(await store.read('s')).toHaveLength(3);
  });

  it('answers as before when further events have followed, or a guarded stream has moved', async () => {
    const store = open();
    const events = sampleEvents(2);
    const guards = [{ streamId: 'a', revision: 0 }];
    const first = await store.append('s', 0, events, guards);
    await store.append('s', 2, sampleEvents(2));
    await store.append('a', 0, sampleEvents(1));
    expect(await store.append('s', 0, events, guards)).toEqual(first);
    expect(await store.read('s')).toHaveLength(4);
  });

  it('answers both alike when the repeat overtakes the answer', async () => {
    const store = open();
    const events = sampleEvents(2);
    const results = await Promise.all([store.append('s', 0, events), store.append('s', 0, events)]);
    expect(results[0]).toEqual(appended(2));
    expect(results[1]).toEqual(results[0]);
    expect(await store.read('s')).toHaveLength(2);
  });

  it('conflicts when it matches only in part, in another order, or elsewhere', async () => {
    const store = open();
    const [first, second, third] = sampleEvents(3);
    await store.append('s', 0, [first!, second!]);
    const others = [
      [first!, third!],
      [second!, first!],
      [first!, second!, third!],
      sampleEvents(2),
      sampleEvents(1),
    ];
    for (const events of others) {
      expect(await store.append('s', 0, events)).toEqual(conflict('s', 2));
    }
    expect(await store.append('s', 1, [first!])).toEqual(conflict('s', 2));
    expect(await store.append('s', 3, [first!, second!])).toEqual(conflict('s', 2));
    expect(await store.read('s')).toHaveLength(2);
  });

  it('knows events by their stream too', async () => {
    const store = open();
    const events = sampleEvents(1);
    await store.append('s', 0, events);
    expect(await store.append('t', 0, events)).toEqual(appended(1));
  });
}

function describeRaces(open: () => EventStore): void {
  it('lets one of many racing writers win', async () => {
    const store = open();
    const results = await Promise.all(
      Array.from({ length: 20 }, () => store.append('s', 0, sampleEvents(1))),
    );
    expect(results.filter(({ outcome }) => outcome === 'appended')).toHaveLength(1);
    expect(results.filter(({ outcome }) => outcome === 'conflict')).toHaveLength(19);
    expect(await store.read('s')).toHaveLength(1);
  });

  it('keeps all that many callers append to streams of their own', async () => {
    const store = open();
    const writers = Array.from({ length: 32 }, (_, n) => `stream-${n}`);
    await Promise.all(
      writers.map(async (streamId) => {
        for (let revision = 0; revision < 10; revision += 1) {
          const result = await store.append(streamId, revision, sampleEvents(1, revision + 1));
          expect(result).toEqual(appended(revision + 1));
        }
      }),
    );
    const log = await store.readAllAfter(0n, 1000);
    expect(log).toHaveLength(320);
    expect(new Set(log.map(({ eventId }) => eventId)).size).toBe(320);
    for (const streamId of writers) {
      const totals = (await store.read(streamId)).map(({ payload }) => payload);
      expect(totals).toMatchObject(totals.map((_, index) => ({ consumedAfter: index + 1 })));
    }
  });

  it('lets the appends of one caller, sent without waiting, follow each other', async () => {
    const store = open();
    const results = await Promise.all(
      [0, 1, 2, 3].map((revision) => store.append('s', revision, sampleEvents(1))),
    );
    expect(results).toEqual([1, 2, 3, 4].map((revision) => appended(revision)));
  });
}
