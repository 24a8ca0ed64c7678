import { Worker } from 'node:worker_threads';

export type CheckpointRequest = 'checkpoint' | 'close';

export type CheckpointReply =
  | { readonly outcome: 'done' }
  | { readonly outcome: 'failed'; readonly code: string | undefined; readonly message: string };

export interface WalCheckpointsParts {
  readonly file: string;
  /** A checkpoint failed. The next one is tried all the same. */
  readonly onFailure: (error: Error & { readonly code?: string | undefined }) => void;
  /** The thread has ended without having been asked to: from now on somebody else must do it. */
  readonly onEnd: (error: Error) => void;
}

/** Rows lie scattered, so that each is about a page of the log. */
const ROWS_BETWEEN = 1_000;

/**
 * Moves what was written to a database from its write-ahead log into its file, on a thread of its own: that
 * flushes the disk twice, and who judges credentials must not wait for a disk.
 *
 * The thread is started when there is something to do for the first time.
 */
export class WalCheckpoints {
  #worker: Worker | undefined;
  #rows = 0;
  #isUnderWay = false;
  #isClosing = false;

  constructor(private readonly parts: WalCheckpointsParts) {}

  /** To be told of each transaction. Cheap. */
  wrote(rows: number): void {
    this.#rows += rows;
    if (this.#rows < ROWS_BETWEEN || this.#isUnderWay || this.#isClosing) return;
    this.#rows = 0;
    this.#isUnderWay = true;
    this.#worker ??= this.#start();
    this.#worker.postMessage('checkpoint' satisfies CheckpointRequest);
  }

  /** Resolves once the thread has let go of the file. */
  async close(): Promise<void> {
    this.#isClosing = true;
    const worker = this.#worker;
    if (!worker) return;
    const ended = new Promise((resolve) => worker.once('exit', resolve));
    worker.ref();
    worker.postMessage('close' satisfies CheckpointRequest);
    await ended;
  }

  #start(): Worker {
    const worker = new Worker(new URL('./wal-checkpoints.worker.js', import.meta.url), {
      name: 'read-model-checkpoints',
      workerData: { file: this.parts.file },
    });
    let reason = new Error('the thread that moves the log of the read models ended');
    worker.unref();
    worker.on('message', (reply: CheckpointReply) => {
      this.#isUnderWay = false;
      if (reply.outcome === 'done') return;
      this.parts.onFailure(Object.assign(new Error(reply.message), { code: reply.code }));
    });
    worker.on('error', (error) => (reason = error));
    worker.on('exit', () => {
      this.#worker = undefined;
      if (this.#isClosing) return;
      this.#isClosing = true;
      this.parts.onEnd(reason);
    });
    return worker;
  }
}
