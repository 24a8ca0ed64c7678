import type { Scheduler, Task } from './scheduler.js';

/** What `setTimeout` gives in simulated time. */
interface VirtualTimer {
  readonly task: Task;
  ref(): VirtualTimer;
  unref(): VirtualTimer;
}

/**
 * Puts timers and the machine's clock of everything that runs here under the scheduler. Returns how to put
 * the real ones back.
 *
 * @param machineMs What the clock of the process shows whose task is running.
 */
export function installVirtualTime(
  scheduler: Scheduler,
  machineMs: (owner: string) => number,
): () => void {
  const { setTimeout, clearTimeout, setImmediate, setInterval, clearInterval } = globalThis;
  const realNow = Date.now;
  const realPerformanceNow = performance.now;
  const setVirtual = (callback: () => void, ms = 0): VirtualTimer => {
    const task = scheduler.schedule(scheduler.owner, ms, `timer of ${ms} ms`, callback);
    const timer: VirtualTimer = { task, ref: () => timer, unref: () => timer };
    return timer;
  };
  globalThis.setTimeout = setVirtual as unknown as typeof globalThis.setTimeout;
  globalThis.clearTimeout = ((timer: VirtualTimer | undefined) => {
    if (timer) scheduler.cancel(timer.task);
  }) as unknown as typeof globalThis.clearTimeout;
  globalThis.setImmediate = ((callback: () => void) =>
    setVirtual(callback)) as unknown as typeof globalThis.setImmediate;
  // What is done every so often would never come to rest, and a real timer would outlive its process and
  // fire in the middle of another seed.
  const never = { ref: () => never, unref: () => never };
  globalThis.setInterval = (() => never) as unknown as typeof globalThis.setInterval;
  globalThis.clearInterval = () => undefined;
  Date.now = () => machineMs(scheduler.owner);
  // What nodes measure of each other decides who waits: a busy machine must not.
  performance.now = () => scheduler.now;
  return () => {
    Object.assign(globalThis, { setTimeout, clearTimeout, setImmediate });
    Object.assign(globalThis, { setInterval, clearInterval });
    Date.now = realNow;
    performance.now = realPerformanceNow;
  };
}
