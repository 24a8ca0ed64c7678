import type { Revision } from '../../event-store.js';
import type { Connection } from './sqlite-connection.js';

/** Where a stream ends. */
export interface StreamHead {
  /** The stream's number in the database; its name is stored once. */
  readonly streamKey: number;
  readonly revision: Revision;
  readonly position: number;
}

/** Finds streams and their ends, and the way into long ones, on whatever connection it is given. */
export class StreamFinder {
  readonly #head;
  readonly #signpost;

  constructor(connection: Connection) {
    this.#head = connection.prepare<[string], StreamHead>(
      `SELECT stream_id AS streamKey, revision, position
         FROM streams JOIN stream_heads USING (stream_id) WHERE name = ?`,
    );
    this.#signpost = connection.prepare<[number, number], StreamHead>(
      `SELECT stream_id AS streamKey, revision, position
         FROM signposts WHERE stream_id = ? AND revision >= ? ORDER BY revision LIMIT 1`,
    );
  }

  /** Undefined when there is no such stream. */
  headOf(streamId: string): StreamHead | undefined {
    return this.#head.get(streamId);
  }

  /** The nearest place at or after a revision from which to walk back: a signpost, or the head itself. */
  entryTo(head: StreamHead, revision: Revision): StreamHead {
    return this.#signpost.get(head.streamKey, revision) ?? head;
  }
}
