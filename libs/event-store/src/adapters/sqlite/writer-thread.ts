import { Worker } from 'node:worker_threads';
import { StoreUnavailable } from '../../event-store.js';
import type { BatchWriter } from './group-commit.js';
import type { LedgerFiles } from './ledger-files.js';
import type { ConnectionSettings } from './sqlite-connection.js';
import {
  packAppends,
  type EncodedAppend,
  type WriterFailure,
  type WriterReply,
  type WriterRequest,
  type WrittenBatch,
} from './writer-messages.js';

interface Waiting {
  readonly resolve: (reply: WriterReply) => void;
  readonly reject: (error: StoreUnavailable) => void;
}

/** The writing thread, seen from the thread that serves. One request at a time. */
export class WriterThread implements BatchWriter {
  /** Resolves with the reason if the thread ends without having been asked to. */
  readonly death: Promise<StoreUnavailable>;
  #waiting: Waiting | undefined;
  #ended: StoreUnavailable | undefined;
  #isClosing = false;
  #reportDeath: (error: StoreUnavailable) => void = () => undefined;

  private constructor(private readonly worker: Worker) {
    this.death = new Promise((resolve) => (this.#reportDeath = resolve));
    worker.on('message', (reply: WriterReply) => this.#take()?.resolve(reply));
    worker.on('error', (cause) => this.#end(`the writing thread failed: ${cause.message}`, cause));
    worker.on('exit', (code) => {
      // The thread's exit may be heard of before its answer to the close request is.
      if (!this.#isClosing || this.#waiting)
        this.#end(`the writing thread ended with code ${code}`);
    });
  }

  /** @throws StoreUnavailable When the database cannot be opened for writing. */
  static async start(
    files: LedgerFiles,
  ): Promise<{ thread: WriterThread; position: number; settings: ConnectionSettings }> {
    const worker = new Worker(new URL('./sqlite-writer.worker.js', import.meta.url), {
      name: 'ledger-writer',
      workerData: { directory: files.directory },
    });
    const thread = new WriterThread(worker);
    const reply = await thread.#reply();
    if (reply.kind !== 'ready') throw new StoreUnavailable(`the writing thread said ${reply.kind}`);
    return { thread, position: reply.position, settings: reply.settings };
  }

  async write(appends: readonly EncodedAppend[]): Promise<WrittenBatch | WriterFailure> {
    const reply = await this.#request({ kind: 'write', batch: packAppends(appends) });
    if (reply.kind === 'written' || reply.kind === 'failed') return reply;
    throw new StoreUnavailable(`the writing thread said ${reply.kind} instead of what it wrote`);
  }

  /** Safe to call on a thread that has died. */
  async close(): Promise<void> {
    this.#isClosing = true;
    if (!this.#ended) await this.#request({ kind: 'close' });
    this.#ended ??= new StoreUnavailable('the writing thread was closed');
    await this.terminate();
  }

  /** Ends the thread where it stands, as a crash would. */
  async terminate(): Promise<void> {
    await this.worker.terminate();
  }

  #request(request: WriterRequest): Promise<WriterReply> {
    if (this.#ended) return Promise.reject(this.#ended);
    const reply = this.#reply();
    this.worker.postMessage(request);
    return reply;
  }

  #reply(): Promise<WriterReply> {
    return new Promise((resolve, reject) => (this.#waiting = { resolve, reject }));
  }

  #take(): Waiting | undefined {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    return waiting;
  }

  #end(message: string, cause?: Error): void {
    if (this.#ended) return;
    this.#ended = new StoreUnavailable(message, { cause });
    this.#take()?.reject(this.#ended);
    this.#reportDeath(this.#ended);
  }
}
