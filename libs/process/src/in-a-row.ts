/**
 * Does in a row what one turn of the event loop has brought together. Between two system calls a processor forgets
 * code and data, so that requests cost less when all are read first, then judged, then answered (ADR 16).
 */
export class InARow {
  #waiting: (() => void)[] = [];

  /** @param later When to do it: `setImmediate` for what arrives, `process.nextTick` for what leaves. */
  constructor(private readonly later: (run: () => void) => void) {}

  /** @param task Must not throw: what waits behind it would be lost. */
  add(task: () => void): void {
    if (this.#waiting.push(task) === 1) this.later(this.#run);
  }

  readonly #run = (): void => {
    const tasks = this.#waiting;
    this.#waiting = [];
    for (const task of tasks) task();
  };
}
