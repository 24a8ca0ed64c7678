import { randomInt } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';

const FIRST_MS = 20;
const LAST_MS = 1_000;

/** Waits twice as long each time, up to a second, and between half of that and all of it. */
export async function backOff(attempt: number, signal?: AbortSignal): Promise<void> {
  const most = Math.min(LAST_MS, FIRST_MS * 2 ** Math.min(attempt - 1, 10));
  const milliseconds = randomInt(Math.ceil(most / 2), most + 1);
  // Not a reason to keep the process alive, and cut short when there is nothing more to wait for.
  await delay(milliseconds, undefined, { ref: false, ...(signal && { signal }) }).catch(() => {});
}
