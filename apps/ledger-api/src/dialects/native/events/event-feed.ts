import { setImmediate as nextTurn } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { EventStore, type Position, type StoredEvent } from '@ledger/event-store';
import { Projector } from '@ledger/read-models';
import { ProjectorProgress } from '@ledger/runtime';

/** How events and signs of life are written. */
export interface FeedForm {
  readonly event: (event: StoredEvent) => string;
  /** Says that everything up to a position was looked at, so that the reader knows us alive. */
  readonly heartbeat: (position: Position) => string;
}

export interface FeedRequest {
  readonly after: Position;
  /** Last position to give; null goes on with whatever comes. */
  readonly upTo: Position | null;
  readonly limit: number;
  readonly form: FeedForm;
  readonly signal: AbortSignal;
  /** Tells which events the reader may have, judged for each page. @throws Once there may be none. */
  readonly filter: () => (event: StoredEvent) => boolean;
}

const PAGE_EVENTS = 256;
const PART_CHARACTERS = 64 * 1024;
const HEARTBEAT_MS = 15_000;

/**
 * The log as text, page by page, as fast as it is taken. Goes no further than the read models of this
 * node, since those say who may read: nobody reads on past the event that ended their right to.
 */
@Injectable()
export class EventFeed {
  constructor(
    private readonly store: EventStore,
    private readonly projector: Projector,
    private readonly progress: ProjectorProgress,
  ) {}

  async *read(request: FeedRequest): AsyncGenerator<string> {
    const { upTo, form, signal, filter } = request;
    let { after: position, limit: left } = request;
    let quietSince = performance.now();
    if (upTo === null) yield form.heartbeat(position);
    while (!signal.aborted) {
      const held = upTo ?? this.progress.position;
      const events = position < held ? await this.store.readAllAfter(position, PAGE_EVENTS) : [];
      const admits = filter();
      let part = '';
      for (const event of events) {
        if (event.position > held || left === 0) break;
        position = event.position;
        if (!admits(event)) continue;
        part += form.event(event);
        left -= 1;
        if (part.length < PART_CHARACTERS) continue;
        yield part;
        part = '';
      }
      if (part !== '') yield part;
      if (part !== '') quietSince = performance.now();
      if (left === 0 || (upTo !== null && position >= upTo)) return;
      if (events.length > 0) await nextTurn();
      else if (!(await this.#grows(position, quietSince, signal))) return;
      if (performance.now() - quietSince < HEARTBEAT_MS) continue;
      yield form.heartbeat(position);
      quietSince = performance.now();
    }
  }

  /** Waits for the next event, no longer than until a sign of life is due. False when none will come. */
  async #grows(position: Position, quietSince: number, signal: AbortSignal): Promise<boolean> {
    const dueMs = Math.max(0, Math.ceil(quietSince + HEARTBEAT_MS - performance.now()));
    const startedAt = performance.now();
    let stop = (): void => undefined;
    const stopped = new Promise<boolean>((resolve) => {
      stop = () => resolve(false);
      signal.addEventListener('abort', stop);
    });
    const grown = await Promise.race([this.projector.reached(position + 1n, dueMs), stopped]);
    signal.removeEventListener('abort', stop);
    if (grown) return true;
    // Read models that stand still answer at once: there is nothing to wait for.
    return !signal.aborted && performance.now() - startedAt >= dueMs - 1;
  }
}
