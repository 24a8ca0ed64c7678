import { randomInt } from 'node:crypto';
import type { FoldSource } from './stream-folds.js';

/** How it stands with one subject, as this node has seen it. */
interface Standing {
  /** Until when other nodes are taken to charge it, too. */
  contestedUntil: number;
  /** This node has just won, and leaves the stream to others until then. */
  notBefore: number;
  /** What the last append took. */
  tookMs: number;
  /** Appends won without a pause. */
  streak: number;
}

const CONTESTED_MS = 2_000;
/** A node that always wins never hears of those that lose, so it leaves them a gap now and then. */
const STREAK_MAX = 6;
/** Whoever lost has to read before it can append, which takes somewhat longer than an append alone. */
const PAUSE_TIMES_MIN = 2;
const PAUSE_TIMES_MAX = 5;
const PAUSE_MS_MAX = 150;
const SUBJECTS_MAX = 10_000;

/**
 * Lets nodes that charge the same subject take turns. Without it the one that won wins again: its fold is the
 * newest, while the others must read first. Calls that wait meanwhile share the next append, so that a pause costs
 * latency and hardly any throughput.
 */
export class SharedTurns {
  readonly #subjects = new Map<string, Standing>();

  /** To be awaited before a batch is taken. @returns What the batch is best decided on. */
  async begin(subjectId: string): Promise<FoldSource> {
    const standing = this.#subjects.get(subjectId);
    if (!standing) return 'kept';
    const waitMs = standing.notBefore - performance.now();
    if (waitMs > 0) await delay(waitMs);
    return isContested(standing) ? 'refreshed' : 'kept';
  }

  won(subjectId: string, tookMs: number): void {
    const standing = this.#standingOf(subjectId);
    // One quick append must not make the gap too short for a node that is slower at the moment.
    standing.tookMs = Math.max(tookMs, (standing.tookMs + tookMs) / 2);
    standing.streak += 1;
    if (!isContested(standing) && standing.streak < STREAK_MAX) return;
    standing.streak = 0;
    standing.notBefore =
      performance.now() +
      pauseMs(standing.tookMs * PAUSE_TIMES_MIN, standing.tookMs * PAUSE_TIMES_MAX);
  }

  /** To be awaited before the next try, so that two that lost do not meet again. */
  async lost(subjectId: string, attempt: number): Promise<void> {
    const standing = this.#standingOf(subjectId);
    standing.contestedUntil = performance.now() + CONTESTED_MS;
    standing.streak = 0;
    if (attempt > 1) await delay(pauseMs(0, (standing.tookMs * attempt) / 2));
  }

  #standingOf(subjectId: string): Standing {
    const known = this.#subjects.get(subjectId);
    if (known) return known;
    // What is forgotten is found out again at the price of a lost race.
    if (this.#subjects.size >= SUBJECTS_MAX) this.#subjects.clear();
    const standing = { contestedUntil: 0, notBefore: 0, tookMs: 0, streak: 0 };
    this.#subjects.set(subjectId, standing);
    return standing;
  }
}

function isContested({ contestedUntil }: Standing): boolean {
  return performance.now() < contestedUntil;
}

/** By the timers of the process, which a test may take over: `node:timers/promises` has some of its own. */
function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Between the two, at random. */
function pauseMs(least: number, most: number): number {
  const from = Math.min(PAUSE_MS_MAX, least);
  const to = Math.min(PAUSE_MS_MAX * 2, most);
  return randomInt(Math.floor(from * 1_000), Math.floor(to * 1_000) + 1) / 1_000;
}
