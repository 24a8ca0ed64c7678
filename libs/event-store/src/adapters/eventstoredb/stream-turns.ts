import { StoreUnavailable } from '../../event-store.js';

interface Queue {
  /** Ends when the last writer in the queue has ended. */
  write: Promise<void>;
  /** Ends when that writer and all readers after it have ended. */
  all: Promise<void>;
  /** How many in the queue have not ended. */
  size: number;
}

export interface Turn {
  readonly written: string;
  /** Streams that others must not write meanwhile. */
  readonly guarded: readonly string[];
  /** How long to wait for it. */
  readonly waitMs: number;
}

/**
 * Lets one append a stream run at a time, and keeps it from running while an append that guards the stream is
 * under way. Within this process a guard is thereby exact; another process can still slip in between.
 */
export class StreamTurns {
  readonly #queues = new Map<string, Queue>();

  /**
   * Runs the work once it is its turn on all of its streams. Places in all queues are taken at once, so that no two
   * can wait for each other.
   *
   * @throws StoreUnavailable When its turn does not come in time; the work is not run then.
   */
  async run<T>({ written, guarded, waitMs }: Turn, work: () => Promise<T>): Promise<T> {
    let end = (): void => undefined;
    const ended = new Promise<void>((resolve) => (end = resolve));
    const streamIds = new Set([written, ...guarded]);
    const isFirst = [...streamIds].every((id) => !this.#queues.has(id));
    const before = [...streamIds].map((id) => this.#enqueue(id, id === written, ended));
    try {
      if (!isFirst) await atMost(waitMs, Promise.all(before));
      return await work();
    } finally {
      end();
      for (const id of streamIds) this.#leave(id);
    }
  }

  /** Gives what has to end first. */
  #enqueue(streamId: string, isWriter: boolean, ended: Promise<void>): Promise<void> {
    const none = Promise.resolve();
    const queue = this.#queues.get(streamId) ?? { write: none, all: none, size: 0 };
    this.#queues.set(streamId, queue);
    queue.size += 1;
    const before = isWriter ? queue.all : queue.write;
    // Whoever gives up waiting has ended only when those before it have, for those behind wait for it alone.
    const after = Promise.all([before, ended]).then(() => undefined);
    if (isWriter) queue.write = after;
    queue.all = isWriter ? after : Promise.all([queue.all, after]).then(() => undefined);
    return before;
  }

  #leave(streamId: string): void {
    const queue = this.#queues.get(streamId);
    if (!queue) return;
    queue.size -= 1;
    if (queue.size === 0) this.#queues.delete(streamId);
  }
}

async function atMost(milliseconds: number, turn: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new StoreUnavailable('the append waited too long for others; nothing written')),
      milliseconds,
    );
  });
  try {
    await Promise.race([turn, tooLate]);
  } finally {
    clearTimeout(timer);
  }
}
