const TICK_MS = 20;

const now = performance.now.bind(performance);
let awakeMs = 0;
let tickedAt = now();

function tick(): void {
  const at = now();
  awakeMs += Math.min(at - tickedAt, 2 * TICK_MS);
  tickedAt = at;
}

setInterval(tick, TICK_MS).unref();

/**
 * Begins to measure the time that this process itself spends, waiting or working, in milliseconds. Not counted is
 * for how long the machine does not let it run: a bound on what the service does must not fail on that.
 */
export function ownTime(): () => number {
  tick();
  const awakeAtFirst = awakeMs;
  const workAtFirst = process.cpuUsage();
  return () => {
    tick();
    const { user, system } = process.cpuUsage(workAtFirst);
    return Math.max(awakeMs - awakeAtFirst, (user + system) / 1000);
  };
}
