import type { Scheduler, Task } from './scheduler.js';

/** What `setTimeout` gives in simulated time. */
interface VirtualTimer {
  readonly scheduler: Scheduler;
  readonly task: Task;
  ref(): VirtualTimer;
  unref(): VirtualTimer;
}

interface Simulated {
  readonly scheduler: Scheduler;
  /** What the clock of the process shows whose task is running. */
  readonly machineMs: (owner: string) => number;
}

const { setTimeout, clearTimeout, setImmediate, clearImmediate } = globalThis;
const { setInterval, clearInterval } = globalThis;
const realNow = Date.now;
const realPerformanceNow = performance.now.bind(performance);

let simulated: Simulated | undefined;
let isInstalled = false;

/**
 * Puts timers and the machine's clock of everything that runs here under the scheduler. Returns how to put
 * the real ones back.
 */
export function installVirtualTime(
  scheduler: Scheduler,
  machineMs: (owner: string) => number,
): () => void {
  // Once for all seeds: Jest remembers whatever a global has ever been, and all that hangs on it.
  if (!isInstalled) install();
  isInstalled = true;
  simulated = { scheduler, machineMs };
  return () => (simulated = undefined);
}

function install(): void {
  type Call = (...parameters: unknown[]) => unknown;
  const either = (virtual: (world: Simulated, ...parameters: never[]) => unknown, real: unknown) =>
    ((...parameters: never[]) =>
      simulated
        ? virtual(simulated, ...parameters)
        : (real as Call)(...parameters)) as unknown as never;
  globalThis.setTimeout = either(setVirtual, setTimeout);
  globalThis.setImmediate = either((world, callback: () => void) => {
    return setVirtual(world, callback);
  }, setImmediate);
  const cancel = (_: Simulated, timer: VirtualTimer | undefined): void => {
    timer?.scheduler.cancel(timer.task);
  };
  globalThis.clearTimeout = either(cancel, clearTimeout);
  globalThis.clearImmediate = either(cancel, clearImmediate);
  // What is done every so often would never come to rest, and a real timer would outlive its process and
  // fire in the middle of another seed.
  const never = { ref: () => never, unref: () => never };
  globalThis.setInterval = either(() => never, setInterval);
  globalThis.clearInterval = either(() => undefined, clearInterval);
  Date.now = either(({ scheduler, machineMs }) => machineMs(scheduler.owner), realNow);
  // What nodes measure of each other decides who waits: a busy machine must not.
  performance.now = either(({ scheduler }) => scheduler.now, realPerformanceNow);
}

function setVirtual({ scheduler }: Simulated, callback: () => void, ms = 0): VirtualTimer {
  const task = scheduler.schedule(scheduler.owner, ms, `timer of ${ms} ms`, callback);
  const timer: VirtualTimer = { scheduler, task, ref: () => timer, unref: () => timer };
  return timer;
}
