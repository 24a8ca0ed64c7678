import { EventStoreDbStore, type EventStoreDbOptions } from '@ledger/event-store';
import { sampleCipher } from '@ledger/event-store/testing';
import { grantedMs } from '../../support/granted-time.js';
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

/**
 * Repeats what is refused for want of time, as every caller may: the deadlines of the store are those of a clock, and
 * a machine may let the whole process stand for longer.
 */
export async function patiently<T>(call: () => Promise<T>): Promise<T> {
  for (let tried = 1; ; tried += 1) {
    try {
      return await call();
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'STORE_UNAVAILABLE' || tried === 20) throw error;
    }
  }
}

/** Runs the work and says how long it took, in milliseconds that this process had. @see grantedMs */
export async function timed<T>(work: Promise<T>): Promise<{ result: T; ms: number }> {
  const start = grantedMs();
  const result = await work;
  return { result, ms: grantedMs() - start };
}

/** Asks until the answer is yes. Gives how long that took, in milliseconds that this process had. */
export async function until(
  isSo: () => boolean | Promise<boolean>,
  timeoutMs = 10_000,
): Promise<number> {
  const start = grantedMs();
  while (!(await isSo())) {
    if (grantedMs() - start > timeoutMs) throw new Error(`not so after ${timeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return grantedMs() - start;
}
