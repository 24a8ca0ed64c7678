import type { EventCodec } from '../../codec/event-codec.js';
import { readPage } from '../../codec/read-page.js';
import { StoreDamaged, type Revision, type StoredEvent } from '../../event-store.js';
import type { ChainedEvent, ChainHash } from './hash-chain.js';
import { asStoreError, type Connection } from './sqlite-connection.js';
import { StreamFinder, type StreamHead } from './stream-finder.js';

/** One row of the log, the name of its stream included. */
export interface LogRow extends ChainedEvent {
  readonly position: number;
  readonly streamKey: number;
  /** Position of the event before it in its stream; 0 for the first one. */
  readonly previous: number;
}

/** A row with all that its verification needs. */
export interface ProofRow extends LogRow {
  readonly hash: ChainHash;
  /** Stream and revision of the event at `previous`; null when there is none. */
  readonly previousStreamKey: number | null;
  readonly previousRevision: Revision | null;
}

/** What the database says of where a stream ends, and whether an event of it lies there. */
export interface StatedHead {
  readonly streamKey: number;
  readonly position: number;
  readonly isThere: 0 | 1;
}

const EVENT_COLUMNS = `
  e.position, e.stream_id AS streamKey, e.revision, e.previous_position AS previous,
  e.event_id AS eventId, e.type, e.schema_version AS schemaVersion, e.occurred_at AS occurredAt,
  e.data, e.metadata`;

/** Reads the log through a connection that cannot write. */
export class LogReader {
  readonly #finder: StreamFinder;
  readonly #statements;

  constructor(
    connection: Connection,
    private readonly codec: EventCodec,
  ) {
    this.#finder = new StreamFinder(connection);
    this.#statements = prepareStatements(connection);
  }

  /** @throws StoreDamaged When the stream's events do not follow each other. */
  stream(streamId: string, after: Revision, limit = Infinity): readonly StoredEvent[] {
    return this.#reading(() => {
      const head = this.#finder.headOf(streamId);
      if (!head) return [];
      const events: StoredEvent[] = [];
      const last = Math.min(head.revision, after + limit);
      // Events know only the one before them: the way leads back from the nearest place after those asked for.
      const entry = last < head.revision ? this.#finder.entryTo(head, last) : head;
      let { revision, position } = entry;
      for (; revision > after; revision -= 1) {
        const row = this.#eventAt(streamId, { ...head, revision, position });
        if (revision <= last) events.push(this.#stored(streamId, row));
        position = row.previous;
      }
      return events.reverse();
    });
  }

  /** @throws StoreDamaged When it is not where the stream ends. */
  lastOf(streamId: string): StoredEvent | undefined {
    return this.#reading(() => {
      const head = this.#finder.headOf(streamId);
      return head && this.#stored(streamId, this.#eventAt(streamId, head));
    });
  }

  /** @throws StoreDamaged When an event is missing: it is never passed over. @throws UnreadableEvent */
  logAfter(position: number, upTo: number, limit: number): readonly StoredEvent[] {
    return this.#reading(() => {
      const rows = this.#statements.logAfter.all(position, upTo, limit);
      rows.forEach((row, index) => {
        if (row.position === position + index + 1) return;
        throw new StoreDamaged(`the log has no event at position ${position + index + 1}`);
      });
      return readPage(
        rows,
        (row) => this.#stored(row.streamId, row),
        ({ streamId, revision, position: at }) => ({ streamId, revision, position: BigInt(at) }),
      );
    });
  }

  /** Raw rows, for verification: whatever is wrong with them is for the caller to find. */
  rowsAfter(position: number, limit: number): readonly ProofRow[] {
    return this.#reading(() => this.#statements.rowsAfter.all(position, limit));
  }

  /** One raw row, as {@link rowsAfter} gives them. */
  rowAt(position: number): ProofRow | undefined {
    const [row] = this.rowsAfter(position - 1, 1);
    return row?.position === position ? row : undefined;
  }

  /** 0 for an empty log. */
  lastPosition(): number {
    return this.#reading(() => this.#statements.last.get()?.position ?? 0);
  }

  /** How many events the ends of all streams add up to, and how many there are. */
  totals(): { readonly ofStreams: number; readonly lastPosition: number } {
    const none = { ofStreams: 0, lastPosition: 0 };
    return this.#reading(() => this.#statements.totals.get() ?? none);
  }

  headsAfter(streamKey: number, limit: number): readonly StatedHead[] {
    return this.#reading(() => this.#statements.headsAfter.all(streamKey, limit));
  }

  #eventAt(streamId: string, { streamKey, revision, position }: StreamHead): LogRow {
    const row = this.#statements.event.get(position);
    if (row?.revision === revision && row.streamKey === streamKey) return row;
    throw new StoreDamaged(`${streamId} has no event ${revision} at position ${position}`);
  }

  #stored(streamId: string, row: LogRow): StoredEvent {
    const { eventId, payload, metadata, occurredAt } = this.codec.decode(streamId, row);
    const { revision } = row;
    const position = BigInt(row.position);
    return { eventId, payload, metadata, occurredAt, streamId, revision, position };
  }

  #reading<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      throw asStoreError(error);
    }
  }
}

function prepareStatements(connection: Connection) {
  return {
    event: connection.prepare<[number], LogRow>(
      `SELECT ${EVENT_COLUMNS} FROM events e WHERE position = ?`,
    ),
    logAfter: connection.prepare<[number, number, number], LogRow>(
      `SELECT ${EVENT_COLUMNS}, s.name AS streamId FROM events e JOIN streams s USING (stream_id)
         WHERE position > ? AND position <= ? ORDER BY position LIMIT ?`,
    ),
    rowsAfter: connection.prepare<[number, number], ProofRow>(
      `SELECT ${EVENT_COLUMNS}, coalesce(s.name, '') AS streamId, lower(hex(e.hash)) AS hash,
              p.stream_id AS previousStreamKey, p.revision AS previousRevision
         FROM events e LEFT JOIN streams s USING (stream_id)
         LEFT JOIN events p ON p.position = e.previous_position
         WHERE e.position > ? ORDER BY e.position LIMIT ?`,
    ),
    last: connection.prepare<[], { position: number }>(
      'SELECT position FROM events ORDER BY position DESC LIMIT 1',
    ),
    totals: connection.prepare<[], { ofStreams: number; lastPosition: number }>(
      `SELECT (SELECT coalesce(sum(revision), 0) FROM stream_heads) AS ofStreams,
              (SELECT coalesce(max(position), 0) FROM events) AS lastPosition`,
    ),
    headsAfter: connection.prepare<[number, number], StatedHead>(
      `SELECT h.stream_id AS streamKey, h.position,
              e.stream_id IS h.stream_id AND e.revision IS h.revision AS isThere
         FROM stream_heads h LEFT JOIN events e USING (position)
         WHERE h.stream_id > ? ORDER BY h.stream_id LIMIT ?`,
    ),
  };
}
