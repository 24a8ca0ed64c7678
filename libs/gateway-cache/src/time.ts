/** The machine's two clocks. Tests move them, also against each other. */
export interface GatewayTime {
  /** What the wall shows, in milliseconds since the epoch. May be wrong, and may jump. */
  wallMs(): number;
  /** Milliseconds since some fixed moment. Never jumps, and says nothing of the date. */
  monotonicMs(): number;
}

/**
 * The end of something that others told us of, as they told it: an instant, and how long it was until
 * then. It is over at the stricter of the two, so that a clock that runs behind revives nothing (X5).
 */
export interface Deadline {
  readonly wallMs: number;
  readonly monotonicMs: number;
}

export const NEVER: Deadline = { wallMs: Infinity, monotonicMs: Infinity };

export function stricter(one: Deadline, other: Deadline): Deadline {
  return {
    wallMs: Math.min(one.wallMs, other.wallMs),
    monotonicMs: Math.min(one.monotonicMs, other.monotonicMs),
  };
}

export function hasPassed({ wallMs, monotonicMs }: Deadline, time: GatewayTime): boolean {
  return time.monotonicMs() >= monotonicMs || (wallMs !== Infinity && time.wallMs() >= wallMs);
}
