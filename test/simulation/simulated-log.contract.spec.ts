import { describeEventStore } from '@ledger/event-store/testing';
import { SeededRandom } from './random.js';
import { Scheduler, Trace } from './scheduler.js';
import { SimulatedLog } from './simulated-log.js';

describeEventStore('SimulatedConnection', async () => {
  const log = new SimulatedLog(new Scheduler(new Trace(), true), new SeededRandom(1));
  const store = log.connect('test');
  return {
    store,
    reopen: async () => {
      await store.close();
      return log.connect('test again');
    },
    close: () => store.close(),
  };
});
