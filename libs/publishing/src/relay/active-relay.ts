import type { Timestamp } from '@ledger/domain';
import {
  SkippedEvents,
  type EventStore,
  type Position,
  type StoredEvent,
} from '@ledger/event-store';
import type { ChannelOffsets, MessagePublisher } from '../message-publisher.js';
import { LEDGER_POSITION, type LedgerPositionMark } from '../messages/ledger-position.js';
import { MESSAGE_TYPES } from '../messages/ledger-message.js';
import { markRecord, messageRecord, type OutgoingRecord } from '../messages/outgoing-record.js';
import { parseMessage } from '../messages/parse-message.js';
import { toMessage } from '../messages/to-message.js';
import { CheckpointFault, LeaseLost, type RelayTerm } from '../relay-lease.js';

/** How much the active relay does at once, and when it speaks and saves though nothing presses it. */
export interface RelayPace {
  /** Events read at once, and so the most messages that are sent at once or held in memory. */
  readonly eventsMax: number;
  /** A mark is sent at least this often, and the log looked at. */
  readonly markEveryMs: number;
  /** After messages, a mark is sent no sooner than this after the last one. */
  readonly markAfterMs: number;
  readonly saveEveryMs: number;
}

export const USUAL_PACE: RelayPace = {
  eventsMax: 500,
  markEveryMs: 1_000,
  markAfterMs: 100,
  saveEveryMs: 250,
};

/** An event has no message though its type should: a bug, or a fact from a newer ledger. */
export class UnmappableEvent extends Error {
  override readonly name = 'UnmappableEvent';
}

/** What the relay has done, for those who watch it. Written by the active relay alone. */
export interface RelayProgress {
  /** Everything up to here has been sent. */
  position: Position;
  /** Messages acknowledged by this process. */
  published: number;
}

export interface ActiveRelayParts {
  readonly store: EventStore;
  readonly publisher: MessagePublisher;
  readonly ledgerId: string;
  readonly now: () => Timestamp;
  readonly pace: RelayPace;
}

/**
 * One term as the active relay: sends what the log holds after the checkpoint, in order, one batch in flight, and
 * moves the checkpoint only behind what has been acknowledged. Whatever goes wrong ends the term; the next
 * one starts from the checkpoint, so that nothing is skipped and some of it may be sent again.
 */
export class ActiveRelay {
  #saved: Position = 0n;
  #savedAt = 0;
  #saving: Promise<void> | undefined;
  #saveFailure: Error | undefined;
  #offsets: ChannelOffsets = {};
  #markedAt = 0;
  #hasUnmarked = false;
  #skipped = SkippedEvents.none;
  #isWanted = true;
  #wake: () => void = () => undefined;

  constructor(
    private readonly parts: ActiveRelayParts,
    private readonly term: RelayTerm,
    private readonly progress: RelayProgress,
  ) {}

  /** Leads until `stop` is aborted. @throws Whatever ended the term sooner. */
  async lead(stop: AbortSignal, onProgress: () => void): Promise<void> {
    const { store, publisher } = this.parts;
    const wake = (): void => {
      this.#isWanted = true;
      this.#wake();
    };
    const unsubscribe = store.onAppended(wake);
    const ends = [stop, this.term.ended];
    for (const end of ends) end.addEventListener('abort', wake);
    try {
      await this.#takeOver();
      this.#offsets = await publisher.offsets();
      await this.#mark();
      while (!stop.aborted) {
        onProgress();
        await this.#forward();
        this.#saveWhenDue();
        if (this.#markDueInMs() <= 0) await this.#mark();
        if (!this.#isWanted) await this.#pause();
        if (this.#saveFailure) throw this.#saveFailure;
      }
      await this.#saving;
      if (this.progress.position > this.#saved) await this.term.save(this.progress.position);
    } finally {
      unsubscribe();
      for (const end of ends) end.removeEventListener('abort', wake);
      await this.#saving;
    }
  }

  async #takeOver(): Promise<void> {
    const position = await this.term.load();
    const head = await this.parts.store.head();
    if (position > head) {
      throw new CheckpointFault(
        `the checkpoint ${position} lies ahead of the log, which ends at ${head}: an older log was put back, ` +
          'or this is another one. See docs/kafka.md',
      );
    }
    this.#skipped = await SkippedEvents.in(this.parts.store);
    this.progress.position = position;
    this.#saved = position;
  }

  /** Sends the next events, if there are any. @throws UnmappableEvent Once all before it have been sent. */
  async #forward(): Promise<void> {
    this.#isWanted = false;
    const { store, pace, now } = this.parts;
    const events = await store.readAllAfter(this.progress.position, pace.eventsMax);
    if (events.length === 0) return;
    // There may be more than what was asked for.
    this.#isWanted = true;
    const at = now();
    const records: OutgoingRecord[] = [];
    let passed = this.progress.position;
    for (const event of events) {
      try {
        records.push(...this.#recordOf(event, at));
      } catch (error) {
        if (passed === this.progress.position) throw error;
        break;
      }
      passed = event.position;
    }
    if (records.length > 0) {
      await this.#publish(records);
      this.progress.published += records.length;
      this.#hasUnmarked = true;
    }
    this.progress.position = passed;
  }

  /** One record, or none. */
  #recordOf(event: StoredEvent, at: Timestamp): readonly OutgoingRecord[] {
    const { ledgerId } = this.parts;
    try {
      const message = toMessage(event, at);
      if (!message) return [];
      // What does not keep to its schema must not go out: receivers would stop at it.
      const checked = parseMessage(message.type, message.id, message.data);
      return [messageRecord(checked, { ledgerId, epoch: this.term.epoch })];
    } catch (error) {
      if (this.#skipped.covers(event)) return [];
      const { payload, position } = event;
      throw new UnmappableEvent(
        `the ${payload.type} at position ${position} has no message: ${(error as Error).message}`,
        { cause: error },
      );
    }
  }

  async #publish(records: readonly OutgoingRecord[]): Promise<void> {
    if (!this.term.isHeld) throw new LeaseLost(`term ${this.term.epoch} of the relay is over`);
    const sent = await this.parts.publisher.publish(records);
    const merged = { ...this.#offsets };
    for (const type of MESSAGE_TYPES) merged[type] = { ...merged[type], ...sent[type] };
    this.#offsets = merged;
  }

  async #mark(): Promise<void> {
    const { [LEDGER_POSITION]: _, ...offsets } = this.#offsets;
    const position = String(this.progress.position);
    const mark: LedgerPositionMark = { position, at: this.parts.now(), offsets };
    this.#hasUnmarked = false;
    this.#markedAt = performance.now();
    const { ledgerId } = this.parts;
    await this.#publish([markRecord(mark, { ledgerId, epoch: this.term.epoch })]);
  }

  #markDueInMs(): number {
    const { markAfterMs, markEveryMs } = this.parts.pace;
    const every = this.#hasUnmarked ? markAfterMs : markEveryMs;
    return this.#markedAt + every - performance.now();
  }

  #saveDueInMs(): number {
    if (this.progress.position === this.#saved) return Infinity;
    return this.#savedAt + this.parts.pace.saveEveryMs - performance.now();
  }

  /** Beside the sending, not before it: the checkpoint may lag behind, the messages should not. */
  #saveWhenDue(): void {
    if (this.#saving || this.#saveDueInMs() > 0) return;
    const { position } = this.progress;
    this.#savedAt = performance.now();
    this.#saving = this.term.save(position).then(
      () => {
        this.#saved = position;
        this.#saving = undefined;
      },
      (error: unknown) => {
        this.#saveFailure = error instanceof Error ? error : new Error(String(error));
        this.#saving = undefined;
        this.#wake();
      },
    );
  }

  /** Waits until the log has grown, something is due, or the term ends. */
  async #pause(): Promise<void> {
    const dueInMs = Math.min(this.#markDueInMs(), this.#saveDueInMs());
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, Math.max(0, dueInMs));
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
      if (this.#isWanted || this.#saveFailure) this.#wake();
    });
    this.#isWanted = true;
  }
}
