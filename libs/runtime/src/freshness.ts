import type { Clock } from '@ledger/commands';
import { epochMs, timestamp, type Timestamp } from '@ledger/domain';
import type { EventStore } from '@ledger/event-store';
import type { Projector } from '@ledger/read-models';

/** A fifth of the bound, so that one lost look does not exhaust it, and at least one a second. */
const LOOKS_WITHIN_BOUND = 5;
const LOOK_EVERY_MS_MAX = 1_000;

/**
 * Knows for how long this node may have missed what others appended to a shared log.
 *
 * Every look asks the leader where the log ends; once the read models hold that, nothing older than the question
 * can be missing. A subscription alone cannot tell: one that is dead is as quiet as a log to which nothing happens.
 */
export class Freshness {
  #askedAt = 0;
  /** The same by the clock of the ledger: a machine that was suspended has a timer that stood still. */
  #askedTime: Timestamp;
  #goodUntil: Timestamp;
  #problem: string | undefined;
  #isLooking = false;
  #timer: NodeJS.Timeout | undefined;

  /**
   * To be made when the read models have just caught up.
   *
   * @param boundMs How old the read models may be and still be judged by.
   */
  constructor(
    private readonly store: Pick<EventStore, 'head'>,
    private readonly projector: Pick<Projector, 'reached' | 'position'>,
    private readonly clock: Clock,
    readonly boundMs: number,
  ) {
    this.#askedTime = clock.now();
    this.#goodUntil = this.#askedTime;
    this.#heldAllAt(performance.now(), this.#askedTime);
  }

  start(): void {
    const everyMs = Math.min(LOOK_EVERY_MS_MAX, this.boundMs / LOOKS_WITHIN_BOUND);
    this.#timer = setInterval(() => void this.look(), everyMs).unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** How long ago everything in the log was known to be held, in milliseconds. */
  get ageMs(): number {
    const time = epochMs(this.clock.now()) - epochMs(this.#askedTime);
    return Math.max(performance.now() - this.#askedAt, time);
  }

  /** Cheap: it is asked for each call. */
  get isTooOld(): boolean {
    return performance.now() - this.#askedAt > this.boundMs || this.clock.now() > this.#goodUntil;
  }

  /** Why the last look did not end with everything held; undefined when it did. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Asks once, unless that is under way. Never rejects: what it finds is told by the rest of this class. */
  async look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    try {
      const [askedAt, askedTime] = [performance.now(), this.clock.now()];
      const head = await this.store.head();
      if (await this.projector.reached(head, this.boundMs)) this.#heldAllAt(askedAt, askedTime);
      else this.#problem = `position ${this.projector.position} is held, of ${head}`;
    } catch (error) {
      this.#problem = error instanceof Error ? error.message : String(error);
    } finally {
      this.#isLooking = false;
    }
  }

  #heldAllAt(askedAt: number, askedTime: Timestamp): void {
    this.#askedAt = askedAt;
    this.#askedTime = askedTime;
    this.#goodUntil = timestamp(epochMs(askedTime) + this.boundMs);
    this.#problem = undefined;
  }
}
