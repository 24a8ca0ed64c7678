import { StoreUnavailable } from '../../event-store.js';
import type { EncodedAppend, Verdict, WriterFailure, WrittenBatch } from './writer-messages.js';

const BATCH_APPENDS_MAX = 1_000;
const BATCH_EVENTS_MAX = 4_000;

/** Writes appends in one transaction, with one flush. One call at a time. */
export interface BatchWriter {
  /** @throws StoreUnavailable When the writer is gone for good. */
  write(appends: readonly EncodedAppend[]): Promise<WrittenBatch | WriterFailure>;
}

/** Counters since the store was opened; times in milliseconds. */
export interface CommitStats {
  /** Transactions that wrote something: as many flushes. */
  readonly commits: number;
  /** Appends decided, conflicts and repeats included. */
  readonly appends: number;
  /** Events written. */
  readonly events: number;
  readonly flushMsLast: number;
  readonly flushMsTotal: number;
  /** Appends in the last batch, and in the largest. */
  readonly batchLast: number;
  readonly batchMax: number;
  /** Whether the disk had no room for what was asked last. */
  readonly isDiskFull: boolean;
}

interface Pending {
  readonly append: EncodedAppend;
  readonly resolve: (verdict: Verdict) => void;
  readonly reject: (error: StoreUnavailable) => void;
}

/**
 * Lets appends that arrive while a commit is under way share the next one. A flush costs the same for one append
 * as for hundreds, so throughput grows with the number of callers, and a lone caller still waits for no one.
 */
export class GroupCommit {
  #waiting: Pending[] = [];
  #busy = false;
  #failed: StoreUnavailable | undefined;
  #whenIdle: (() => void)[] = [];
  #stats: CommitStats = {
    commits: 0,
    appends: 0,
    events: 0,
    flushMsLast: 0,
    flushMsTotal: 0,
    batchLast: 0,
    batchMax: 0,
    isDiskFull: false,
  };

  /** @param onFailure Called once, when no further append can ever succeed. */
  constructor(
    private readonly writer: BatchWriter,
    private readonly onFailure: (error: StoreUnavailable) => void,
  ) {}

  get stats(): CommitStats {
    return this.#stats;
  }

  /**
   * `onVerdict` runs before any caller of the batch goes on, in the order of the log.
   *
   * @throws StoreUnavailable When the outcome is unknown, or nothing can be written.
   */
  append(append: EncodedAppend, onVerdict: (verdict: Verdict) => void): Promise<Verdict> {
    if (this.#failed) return Promise.reject(refusal(this.#failed));
    return new Promise((resolve, reject) => {
      const settle = (verdict: Verdict) => {
        onVerdict(verdict);
        resolve(verdict);
      };
      this.#waiting.push({ append, resolve: settle, reject });
      this.#schedule();
    });
  }

  /** Resolves once nothing waits and nothing is under way. */
  idle(): Promise<void> {
    if (!this.#busy) return Promise.resolve();
    return new Promise((resolve) => this.#whenIdle.push(resolve));
  }

  /** Refuses what waits and all that follows. What is under way is told by whoever carries it out. */
  fail(error: StoreUnavailable): void {
    if (this.#failed) return;
    this.#failed = error;
    for (const { reject } of this.#waiting.splice(0)) reject(refusal(error));
    // On its own, so that what a listener throws is not taken for a failure of the store, and lost.
    queueMicrotask(() => this.onFailure(error));
  }

  #schedule(): void {
    if (this.#busy) return;
    this.#busy = true;
    // Not at once: whatever else this turn of the event loop brings shall come along.
    setImmediate(() => void this.#flush());
  }

  async #flush(): Promise<void> {
    const batch = this.#takeBatch();
    try {
      const reply = await this.writer.write(batch.map(({ append }) => append));
      if (reply.kind === 'written') this.#acknowledge(batch, reply);
      else this.#refuse(batch, reply);
    } catch (cause) {
      const error = new StoreUnavailable('what became of the append is unknown', { cause });
      for (const { reject } of batch) reject(error);
      this.fail(error);
    }
    this.#busy = false;
    if (this.#waiting.length > 0) return this.#schedule();
    for (const resolve of this.#whenIdle.splice(0)) resolve();
  }

  /** Bounded, so that a burst cannot hold up the answers of those who came first. */
  #takeBatch(): readonly Pending[] {
    let events = 0;
    let count = 0;
    for (const { append } of this.#waiting) {
      events += append.events.length;
      if (count > 0 && (events > BATCH_EVENTS_MAX || count >= BATCH_APPENDS_MAX)) break;
      count += 1;
    }
    return this.#waiting.splice(0, count);
  }

  #acknowledge(batch: readonly Pending[], { verdicts, flushMs, isDiskFull }: WrittenBatch): void {
    let events = 0;
    batch.forEach(({ append, resolve, reject }, index) => {
      const verdict = verdicts[index];
      if (verdict === undefined) throw new StoreUnavailable('the writer left an append unanswered');
      if (verdict === 'disk-full') return reject(new StoreUnavailable(REFUSALS['disk-full']));
      if (typeof verdict === 'number') events += append.events.length;
      resolve(verdict);
    });
    const { commits, appends, flushMsTotal, batchMax } = this.#stats;
    this.#stats = {
      commits: commits + (events > 0 ? 1 : 0),
      appends: appends + batch.length,
      events: this.#stats.events + events,
      flushMsLast: flushMs,
      flushMsTotal: flushMsTotal + flushMs,
      batchLast: batch.length,
      batchMax: Math.max(batchMax, batch.length),
      isDiskFull,
    };
  }

  #refuse(batch: readonly Pending[], { reason, message }: WriterFailure): void {
    this.#stats = { ...this.#stats, isDiskFull: reason === 'disk-full' };
    const error = new StoreUnavailable(REFUSALS[reason], { cause: new Error(message) });
    for (const { reject } of batch) reject(error);
    // A failed flush is never retried: the disk may have dropped what it was given and say yes next time.
    if (reason === 'broken') this.fail(error);
  }
}

const REFUSALS: Readonly<Record<WriterFailure['reason'], string>> = {
  'disk-full':
    'the disk is full: nothing was written, and only revocations are until there is room',
  busy: 'the database is locked by another program: nothing was written',
  broken:
    'writing failed, and what became of the append is unknown: the store takes no more writes',
};

function refusal(cause: StoreUnavailable): StoreUnavailable {
  return new StoreUnavailable('the store takes no more writes: nothing was written', { cause });
}
