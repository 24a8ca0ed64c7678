import {
  StoreDamaged,
  StoreUnavailable,
  UnknownPosition,
  type Position,
  type Revision,
  type StoredEvent,
} from '../../event-store.js';
import { readPage } from '../../codec/read-page.js';
import type { ReadReq } from '@eventstore/db-client/generated/streams_pb.js';
import { Deadline } from './deadline.js';
import type { Reader, ReadTerms } from './reading.js';
import {
  positionOf,
  revisionOf,
  type EventMapping,
  type RecordedEvent,
} from './recorded-events.js';
import { headRequest, lastEventRequest, logRequest, streamRequest } from './requests.js';
import { isInvalidPosition } from './server-errors.js';

/** Bounds what one call keeps in memory and how long it lasts. */
const PAGE_EVENTS = 1_000;

export interface StreamEnd {
  readonly revision: Revision;
  /** Of its last event, 0n for a stream without any. */
  readonly position: Position;
}

export interface LogReaderOptions {
  /** Of the names of the ledger's streams. */
  readonly prefix: string;
  /** For each page of a read that is not part of an append. */
  readonly deadlineMs: number;
}

/** Reads the ledger's part of the database: its streams, and the log that they make up. */
export class LogReader {
  #newest: Position = 0n;

  constructor(
    private readonly reader: Reader,
    private readonly mapping: EventMapping,
    private readonly options: LogReaderOptions,
  ) {}

  /** @throws StoreDamaged When the stream's events do not follow each other. */
  async stream(
    streamId: string,
    after: Revision,
    limit = Infinity,
  ): Promise<readonly StoredEvent[]> {
    const name = this.mapping.streamName(streamId);
    const events: StoredEvent[] = [];
    for (;;) {
      const next = after + events.length;
      const count = Math.min(PAGE_EVENTS, limit - events.length);
      const page = await this.#read(streamRequest(name, next, count));
      page.forEach((recorded, index) => {
        if (revisionOf(recorded) !== next + index) {
          throw new StoreDamaged(`${streamId} has no event ${next + index + 1}`);
        }
        events.push(this.mapping.stored(recorded));
      });
      if (page.length < count || events.length >= limit) return events;
    }
  }

  async lastOf(streamId: string): Promise<StoredEvent | undefined> {
    const [last] = await this.#read(lastEventRequest(this.mapping.streamName(streamId)));
    return last && this.mapping.stored(last);
  }

  /** As the leader knows it. */
  async endOf(streamId: string, deadline: Deadline): Promise<StreamEnd> {
    const name = this.mapping.streamName(streamId);
    const [last] = await this.reader.read(lastEventRequest(name), {
      deadline,
      requiresLeader: true,
    });
    return last
      ? { revision: revisionOf(last) + 1, position: positionOf(last) }
      : { revision: 0, position: 0n };
  }

  async positionOf(streamId: string, revision: Revision, deadline: Deadline): Promise<Position> {
    const name = this.mapping.streamName(streamId);
    const [event] = await this.reader.read(streamRequest(name, revision - 1, 1), {
      deadline,
      requiresLeader: true,
    });
    if (event) return positionOf(event);
    // Written, and not yet replicated: a repeat of the append will find it.
    throw new StoreUnavailable('the append is not yet replicated');
  }

  async after(position: Position, limit: number): Promise<readonly StoredEvent[]> {
    const events: StoredEvent[] = [];
    while (events.length < limit) {
      const count = Math.min(PAGE_EVENTS, limit - events.length);
      const page = await this.#page(events.at(-1)?.position ?? position, count);
      const read = this.#readable(page, events.length > 0);
      events.push(...read);
      if (read.length < count) break;
    }
    return events;
  }

  /**
   * @throws StoreUnavailable When the log ends before an event that this process has seen: a server that lags far
   *   behind, or another database than before.
   */
  async head(): Promise<Position> {
    const newest = this.#newest;
    const [last] = await this.#read(headRequest(this.options.prefix), { requiresLeader: true });
    const position = last ? positionOf(last) : 0n;
    if (position < newest) {
      throw new StoreUnavailable(`the log ends at ${position}, before the event at ${newest}`);
    }
    return position;
  }

  /** An event is known to lie here. */
  noticed(position: Position): void {
    if (position > this.#newest) this.#newest = position;
  }

  /** What the page holds before an event that cannot be read. @throws For the first of all that was asked for. */
  #readable(page: readonly RecordedEvent[], hasEarlier: boolean): readonly StoredEvent[] {
    try {
      return readPage(
        page,
        (recorded) => this.mapping.stored(recorded),
        (recorded) => this.mapping.placeOf(recorded),
      );
    } catch (error) {
      if (hasEarlier) return [];
      throw error;
    }
  }

  /**
   * The server reads from a position, the event at it included, and only from where an event lies. A position that
   * was taken from an event is one; the one right before an event (`position - 1n`) is found by a second question.
   */
  async #page(position: Position, count: number): Promise<readonly RecordedEvent[]> {
    try {
      const page = await this.#logFrom(position, count + 1);
      return page.filter((recorded) => positionOf(recorded) > position).slice(0, count);
    } catch (error) {
      if (!isInvalidPosition(error)) throw error;
    }
    try {
      return await this.#logFrom(position + 1n, count);
    } catch (error) {
      if (!isInvalidPosition(error)) throw error;
      if (position >= (await this.head())) return [];
      throw new UnknownPosition(`no event of the log lies at ${position}`, { cause: error });
    }
  }

  #logFrom(position: Position, count: number): Promise<readonly RecordedEvent[]> {
    return this.#read(logRequest(this.options.prefix, position, count), { mayMiss: true });
  }

  #read(
    request: ReadReq,
    terms: Omit<ReadTerms, 'deadline'> = {},
  ): Promise<readonly RecordedEvent[]> {
    return this.reader.read(request, { ...terms, deadline: new Deadline(this.options.deadlineMs) });
  }
}
