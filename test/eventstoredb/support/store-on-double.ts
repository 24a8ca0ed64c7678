import { EventStoreDbStore, type EventStoreDbOptions } from '@ledger/event-store';
import { sampleCipher } from '@ledger/event-store/testing';
import { EventStoreDouble, type DoubleOptions } from '../double/event-store-double.js';

export interface StoreOnDouble {
  readonly double: EventStoreDouble;
  readonly store: EventStoreDbStore;
  readonly open: (options?: Partial<EventStoreDbOptions>) => Promise<EventStoreDbStore>;
  readonly close: () => Promise<void>;
}

/** A double of its own and a store on it; both go with `close`. */
export async function openStoreOnDouble(
  options: Partial<EventStoreDbOptions> = {},
  doubleOptions: DoubleOptions = {},
): Promise<StoreOnDouble> {
  const double = await EventStoreDouble.start(doubleOptions);
  const stores: EventStoreDbStore[] = [];
  const open = async (more: Partial<EventStoreDbOptions> = {}): Promise<EventStoreDbStore> => {
    const { connectionString } = double;
    const cipher = sampleCipher();
    const store = await EventStoreDbStore.open({ connectionString, cipher, ...options, ...more });
    stores.push(store);
    return store;
  };
  const close = async (): Promise<void> => {
    await Promise.all(stores.map((store) => store.close()));
    await double.stop();
  };
  return { double, store: await open(), open, close };
}

/** Runs the work and says how long it took, in milliseconds. */
export async function timed<T>(work: Promise<T>): Promise<{ result: T; ms: number }> {
  const start = performance.now();
  const result = await work;
  return { result, ms: performance.now() - start };
}

/** Asks until the answer is yes. Gives how long that took, in milliseconds. */
export async function until(
  isSo: () => boolean | Promise<boolean>,
  timeoutMs = 10_000,
): Promise<number> {
  const start = performance.now();
  while (!(await isSo())) {
    if (performance.now() - start > timeoutMs) throw new Error(`not so after ${timeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return performance.now() - start;
}
