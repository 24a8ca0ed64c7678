import type { RoundsOptions } from './rounds.js';
import type { SlowFlush } from './slow-flush.js';

/** What the lines of the table are measured with. */
export interface Bench extends RoundsOptions {
  /** Whether sizes are those of the goals, rather than such that all fits into ten minutes. */
  readonly isFull: boolean;
  /** Undefined where it cannot be had: lines at +1 ms are then left out. */
  readonly slowFlush: SlowFlush | undefined;
}

/** One line of the table, or a few that share their setting. */
export interface Line {
  /** What selects it on the command line. */
  readonly name: string;
  /** Measures, and prints what came of it. */
  run(bench: Bench): Promise<void>;
}
