import { setImmediate } from 'node:timers';
import { createHash } from 'node:crypto';

/** Something that happens at a moment of simulated time. */
export interface Task {
  readonly at: number;
  readonly order: number;
  readonly owner: string;
  readonly label: string;
  readonly run: () => void;
}

/** What happened, line by line. Names nothing that is random, so that one seed always gives one trace. */
export class Trace {
  readonly lines: string[] = [];

  add(line: string): void {
    this.lines.push(line);
  }

  get hash(): string {
    return createHash('sha256').update(this.lines.join('\n')).digest('hex');
  }
}

/**
 * Runs one task after the other in the order of simulated time. Between two tasks everything that the first
 * one set off comes to rest, so the order of tasks is the only thing that decides who meets whom.
 */
export class Scheduler {
  readonly #tasks: Task[] = [];
  #order = 0;
  #now = 0;
  #owner = 'world';
  #isRunning = false;

  /** @param runsFreely Runs what is scheduled by itself, for tests that have no loop of their own. */
  constructor(
    readonly trace = new Trace(),
    private readonly runsFreely = false,
  ) {}

  /** Milliseconds since the simulation began. */
  get now(): number {
    return this.#now;
  }

  /** Whose task is running: whatever runs now belongs to the same process. */
  get owner(): string {
    return this.#owner;
  }

  /** What the running task sets off from here on belongs to another process: its answer has arrived there. */
  handOver(owner: string): void {
    this.#owner = owner;
  }

  schedule(owner: string, delayMs: number, label: string, run: () => void): Task {
    const task = { at: this.#now + delayMs, order: this.#order, owner, label, run };
    this.#order += 1;
    this.#tasks.push(task);
    if (this.runsFreely && !this.#isRunning) void this.run();
    return task;
  }

  sleep(owner: string, ms: number, label: string): Promise<void> {
    return new Promise((resolve) => this.schedule(owner, ms, label, resolve));
  }

  cancel(task: Task): void {
    const index = this.#tasks.indexOf(task);
    if (index >= 0) this.#tasks.splice(index, 1);
  }

  /** Drops everything that a process still had before it: it is no more. */
  cancelOf(owner: string): void {
    const others = this.#tasks.filter((task) => task.owner !== owner);
    this.#tasks.splice(0, this.#tasks.length, ...others);
  }

  /** Runs until nothing is left to do. */
  async run(afterStep: () => Promise<void> = async () => undefined): Promise<void> {
    this.#isRunning = true;
    await rest();
    for (;;) {
      // What replays a log takes turns of the event loop of its own, which no task stands for.
      const task = this.#takeNext() ?? (await this.#takeLate());
      if (!task) break;
      this.#now = Math.max(this.#now, task.at);
      this.#owner = task.owner;
      this.trace.add(`${this.#now} ${task.owner} ${task.label}`);
      task.run();
      await rest();
      this.#owner = 'world';
      await afterStep();
    }
    this.#isRunning = false;
  }

  #takeNext(): Task | undefined {
    let next: Task | undefined;
    for (const task of this.#tasks) {
      if (!next || task.at < next.at || (task.at === next.at && task.order < next.order)) {
        next = task;
      }
    }
    if (next) this.cancel(next);
    return next;
  }

  async #takeLate(): Promise<Task | undefined> {
    for (let turn = 0; turn < 5; turn += 1) await rest();
    return this.#takeNext();
  }
}

/** All microtasks that are due have run when this resolves. */
function rest(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
