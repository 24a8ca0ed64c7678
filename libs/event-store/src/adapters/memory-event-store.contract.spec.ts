import { describeEventStore } from '../testing/describe-event-store.js';
import { MemoryEventStore } from './memory-event-store.js';

describeEventStore('MemoryEventStore', async () => {
  const store = new MemoryEventStore();
  return { store, close: () => store.close() };
});
