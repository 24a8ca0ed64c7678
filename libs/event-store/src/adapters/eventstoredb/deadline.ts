import { backOff } from './backoff.js';

/** Times that one question is asked before the caller is told that there is no answer. */
const ATTEMPTS_MAX = 3;

/** The time that one call of the store may take, whatever it has to wait for, and the attempts it may make. */
export class Deadline {
  readonly #start = performance.now();

  constructor(private readonly totalMs: number) {}

  /** 0 once it is over. */
  get leftMs(): number {
    return Math.max(0, this.totalMs - (performance.now() - this.#start));
  }

  /** How long to wait for one answer, so that there is time to ask again. */
  get attemptMs(): number {
    return Math.min(this.leftMs, this.totalMs / ATTEMPTS_MAX);
  }

  allowsAfter(attempt: number): boolean {
    return attempt < ATTEMPTS_MAX && this.leftMs > 0;
  }

  async backOff(attempt: number): Promise<void> {
    await backOff(attempt, AbortSignal.timeout(Math.ceil(this.leftMs)));
  }
}

/**
 * Calls back when nothing has happened for a while. What has arrived by then and was not looked at, because this
 * process was busy itself, still counts.
 */
export class Watchdog {
  readonly #timer: NodeJS.Timeout;
  #isStopped = false;
  #wasHeard = false;

  constructor(silenceMs: number, onSilence: () => void) {
    this.#timer = setTimeout(() => {
      this.#wasHeard = false;
      setImmediate(() => {
        if (!this.#wasHeard && !this.#isStopped) onSilence();
      });
    }, silenceMs);
  }

  /** Something has happened: the silence begins anew. */
  heard(): void {
    this.#wasHeard = true;
    if (!this.#isStopped) this.#timer.refresh();
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }
}
