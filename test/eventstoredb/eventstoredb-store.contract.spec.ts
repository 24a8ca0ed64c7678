import { EventStoreDbStore } from '@ledger/event-store';
import { describeEventStore, sampleCipher } from '@ledger/event-store/testing';
import { randomUUID } from 'node:crypto';
import { openStoreOnDouble } from './support/store-on-double.js';

describeEventStore('EventStoreDbStore on the double', async () => {
  const { store, open, close } = await openStoreOnDouble();
  const reopen = async (): Promise<EventStoreDbStore> => {
    await store.close();
    return open();
  };
  return { store, reopen, close };
});

const { LEDGER_TEST_EVENTSTOREDB_URL: connectionString } = process.env;

if (connectionString === undefined) {
  it.skip('EventStoreDbStore on a real server: LEDGER_TEST_EVENTSTOREDB_URL is not set', () => {});
} else {
  describeEventStore('EventStoreDbStore on a real server', async () => {
    // A ledger of its own for each test, on a database that may hold anything else.
    const streamPrefix = `test-${randomUUID()}-`;
    const stores: EventStoreDbStore[] = [];
    const open = async (): Promise<EventStoreDbStore> => {
      const cipher = sampleCipher();
      const store = await EventStoreDbStore.open({ connectionString, cipher, streamPrefix });
      stores.push(store);
      return store;
    };
    const store = await open();
    const reopen = async (): Promise<EventStoreDbStore> => {
      await store.close();
      return open();
    };
    const close = async (): Promise<void> => {
      await Promise.all(stores.map((opened) => opened.close()));
    };
    return { store, reopen, close };
  });
}
