import { setImmediate as nextTurn } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { EventStore, UnknownPosition, type Position, type StoredEvent } from '@ledger/event-store';
import { Projector } from '@ledger/read-models';
import { ProjectorProgress } from '@ledger/runtime';

/** How events and signs of life are written, and how often the latter are due. */
export interface FeedForm {
  /** Empty for an event that says nothing in this form. */
  readonly event: (event: StoredEvent) => string;
  /** Says that everything up to a position was looked at, so that the reader knows us alive. */
  readonly heartbeat: (position: Position) => string;
  readonly heartbeatMs: number;
  /** How soon after the last sign of life the next one tells of events that were passed over in between. */
  readonly passedOverMs: number;
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

  /** Whether the log can be read on after a position that somebody names. @throws StoreUnavailable */
  async startsAfter(position: Position): Promise<boolean> {
    if (position === 0n || position === this.progress.position) return true;
    try {
      await this.store.readAllAfter(position, 1);
      return true;
    } catch (error) {
      if (error instanceof UnknownPosition) return false;
      throw error;
    }
  }

  async *read(request: FeedRequest): AsyncGenerator<string> {
    const { upTo, form, signal, filter } = request;
    let { after: position, limit: left } = request;
    const life = new SignsOfLife(form, position);
    if (upTo === null) yield form.heartbeat(position);
    while (!signal.aborted) {
      const held = upTo ?? this.progress.position;
      const events = position < held ? await this.store.readAllAfter(position, PAGE_EVENTS) : [];
      const admits = filter();
      let part = '';
      for (const event of events) {
        if (event.position > held || left === 0) break;
        position = event.position;
        const text = admits(event) ? form.event(event) : '';
        if (text === '') continue;
        part += text;
        life.told = position;
        left -= 1;
        if (part.length < PART_CHARACTERS) continue;
        yield part;
        part = '';
      }
      if (part !== '') yield part;
      if (left === 0 || (upTo !== null && position >= upTo)) return;
      if (events.length > 0) await nextTurn();
      else if (!(await this.#grows(position, life.dueMs(position), signal))) return;
      if (upTo !== null || life.dueMs(position) > 0) continue;
      yield form.heartbeat(position);
      life.given(position);
    }
  }

  /** Waits for the next event, no longer than until a sign of life is due. False when none will come. */
  async #grows(position: Position, dueMs: number, signal: AbortSignal): Promise<boolean> {
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

/** When the reader is to hear next that we are alive. */
class SignsOfLife {
  #lastAt = performance.now();

  /** @param told The position that the reader knows of. */
  constructor(
    private readonly form: FeedForm,
    public told: Position,
  ) {}

  /** Whole milliseconds until the next one is due: 0 when it is. */
  dueMs(position: Position): number {
    const { heartbeatMs, passedOverMs } = this.form;
    const everyMs = position > this.told ? passedOverMs : heartbeatMs;
    return Math.max(0, Math.ceil(this.#lastAt + everyMs - performance.now()));
  }

  given(position: Position): void {
    this.told = position;
    this.#lastAt = performance.now();
  }
}
