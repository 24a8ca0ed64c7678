const TICK_MS = 5;
/** What a tick may be late by without a word: timers are rough. */
const LATE_MS_MAX = 10;

const startedAt = performance.now();
let granted = 0;
let seenAt = startedAt;
let usage = process.cpuUsage();

/**
 * Milliseconds that this process was given to run in, from some moment on. They pass as those of a clock do, save
 * while the machine let the process stand: what it used itself counts, also where it held up its own timers.
 * For bounds on what happens within one process, which a busy machine must not decide about.
 */
export function grantedMs(): number {
  const now = performance.now();
  const used = process.cpuUsage(usage);
  const usedMs = (used.user + used.system) / 1_000;
  granted += Math.min(now - seenAt, Math.max(LATE_MS_MAX, usedMs));
  seenAt = now;
  usage = process.cpuUsage();
  return granted;
}

setInterval(grantedMs, TICK_MS).unref();

/** Milliseconds for which the machine has let this process stand, so far. */
export function stoodMs(): number {
  return performance.now() - startedAt - grantedMs();
}
