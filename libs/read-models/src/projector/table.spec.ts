import type { StoredEvent } from '@ledger/event-store';
import { sampleCharge, sampleEvent } from '@ledger/event-store/testing';
import type { Projection } from './projection.js';
import { ReadModelDatabase } from './read-model-database.js';
import { Table } from './table.js';

/** Counts, under a key for each operation, how often it was charged. */
const counting: Projection<{ readonly count: number }> = {
  name: 'counting',
  version: 1,
  columns: {},
  indexes: [],
  apply({ payload }, rows) {
    if (payload.type !== 'QuotaConsumed') return;
    const { operation } = payload;
    rows.put(operation, { count: (rows.get(operation)?.count ?? 0) + 1 });
  },
};

function charged(operation: string, position: number): StoredEvent {
  const event = sampleEvent({ ...sampleCharge(position), operation });
  const { occurredAt } = event.payload;
  return {
    ...event,
    streamId: 'quota',
    revision: position,
    position: BigInt(position),
    occurredAt,
  };
}

describe('a table that is being made', () => {
  let database: ReadModelDatabase;
  let table: Table;

  beforeEach(() => {
    database = new ReadModelDatabase(':memory:', 'ledger-1');
    table = Table.begin(database, counting as Projection<object>);
    ['e', 'b', 'd', 'a', 'c', 'b'].forEach((key, at) => table.apply(charged(key, at + 1)));
  });
  afterEach(() => database.close());

  it('hands over each row once, in the order of keys, in parts no larger than asked', () => {
    const parts = [...table.takeHeldRows(2)].map(({ rows }) => [...rows.keys()]);
    expect(parts).toEqual([['a', 'b'], ['c', 'd'], ['e']]);
    expect(table.unwritten).toBe(0);
  });

  it('knows every row while parts of them are written', () => {
    for (const part of table.takeHeldRows(2)) {
      database.write([part]);
      const counts = ['a', 'b', 'c', 'd', 'e'].map((key) => table.get(key));
      expect(counts).toEqual([1, 2, 1, 1, 1].map((count) => ({ count })));
    }
    table.apply(charged('b', 7));
    expect(table.get('b')).toEqual({ count: 3 });
  });

  it('has no checkpoint before its last rows are written', () => {
    table.goLive();
    for (const part of table.takeHeldRows(2)) {
      database.write([part]);
      expect(database.live('counting')?.position).toBe(0n);
    }
    database.write([table.beginWriting()!]);
    expect(database.live('counting')?.position).toBe(6n);
  });

  it('is finished once it answers', () => {
    expect(table.isUnfinished).toBe(true);
    table.goLive();
    expect(table.isUnfinished).toBe(false);
  });
});
