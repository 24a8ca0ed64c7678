import { checkCommit, type Expected } from './check-commit.js';

/** The revision that a hard deletion takes, and the `$tb` of a soft one: the largest signed 64-bit integer. */
export const DELETED = 9_223_372_036_854_775_807n;
const APPEND_BYTES_MAX = 1024 * 1024;
/** About what a record costs beside its data, so that positions have gaps as they have on a server. */
const RECORD_BYTES = 96;

export interface Proposed {
  readonly id: string;
  readonly type: string;
  readonly contentType: string;
  readonly data: Uint8Array;
  readonly metadata: Uint8Array;
}

export interface LogRecord extends Proposed {
  readonly streamId: string;
  readonly revision: bigint;
  readonly position: bigint;
  readonly createdMs: number;
}

export type CommitResult =
  | { readonly kind: 'success'; readonly revision: bigint; readonly position: bigint }
  | { readonly kind: 'wrong-version'; readonly current: bigint }
  | { readonly kind: 'deleted' }
  | { readonly kind: 'too-big'; readonly bytesMax: number };

interface Stream {
  readonly records: LogRecord[];
  maxCount: number | undefined;
  truncateBefore: bigint;
  tombstoned: boolean;
}

/** What a cluster has committed. Outlives the servers in front of it, unless a test wants it otherwise. */
export class EventLog {
  readonly records: LogRecord[] = [];
  readonly #streams = new Map<string, Stream>();
  readonly #placeOf = new Map<string, { readonly streamId: string; readonly revision: bigint }>();
  readonly #indexAt = new Map<bigint, number>();
  #whenGrown: (() => void)[] = [];
  /** Not 0: a server writes records of its own before the first event. */
  #end = 1_024n;

  /** Position after the last record. */
  get end(): bigint {
    return this.#end;
  }

  append(streamId: string, expected: Expected, events: readonly Proposed[]): CommitResult {
    // The server answers an append of no events before it looks at anything.
    if (events.length === 0) return { kind: 'success', revision: 0n, position: 0n };
    if (bytesOf(events) > APPEND_BYTES_MAX) return { kind: 'too-big', bytesMax: APPEND_BYTES_MAX };
    const ids = events.map(({ id }) => id);
    const current = this.currentRevision(streamId);
    const check = checkCommit({
      expected,
      current,
      ids,
      isSoftDeleted: this.#isSoftDeleted(streamId),
      hasMetadata: this.#streams.has(`$$${streamId}`),
      idAt: (revision) => this.#streams.get(streamId)?.records[Number(revision)]?.id,
      revisionOf: (id) => this.#revisionIn(streamId, id),
    });
    if (check.kind === 'deleted') return { kind: 'deleted' };
    if (check.kind === 'wrong-version') return { kind: 'wrong-version', current };
    if (check.kind === 'idempotent') {
      const last = this.#streams.get(streamId)?.records[Number(check.lastRevision)];
      return { kind: 'success', revision: check.lastRevision, position: last?.position ?? 0n };
    }
    if (this.#isSoftDeleted(streamId)) this.#revive(streamId, current + 1n);
    const last = events.map((event) => this.#write(streamId, event)).at(-1);
    this.wake();
    return { kind: 'success', revision: last?.revision ?? 0n, position: last?.position ?? 0n };
  }

  /** Hides what the stream holds: readers no longer find it, and the next append goes on after it. */
  softDelete(streamId: string, expected: Expected): CommitResult {
    return this.#delete(streamId, expected, () => {
      this.#writeMetadata(streamId, `{"$tb":${DELETED}}`);
    });
  }

  tombstone(streamId: string, expected: Expected): CommitResult {
    return this.#delete(streamId, expected, () => {
      this.#write(streamId, proposal('$streamDeleted', ''), DELETED);
      this.#streamOf(streamId).tombstoned = true;
    });
  }

  /** Revision of the last event, hidden ones included; -1 for a stream that never was. */
  currentRevision(streamId: string): bigint {
    const stream = this.#streams.get(streamId);
    if (stream?.tombstoned) return DELETED;
    return BigInt((stream?.records.length ?? 0) - 1);
  }

  /** The events that a reader finds, oldest first. */
  visible(streamId: string): readonly LogRecord[] | 'not-found' | 'deleted' {
    const stream = this.#streams.get(streamId);
    if (stream === undefined || stream.records.length === 0) return 'not-found';
    if (stream.tombstoned) return 'deleted';
    if (this.#isSoftDeleted(streamId)) return 'not-found';
    const kept = stream.records.slice(Number(stream.truncateBefore));
    return stream.maxCount === undefined ? kept : kept.slice(-stream.maxCount);
  }

  /** Index of the record at a position; undefined between records, the length at the end and beyond. */
  indexAt(position: bigint): number | undefined {
    if (position === 0n) return 0;
    return position >= this.#end ? this.records.length : this.#indexAt.get(position);
  }

  /** Resolves when something has been appended, or everyone who waits is to look again. */
  grown(): Promise<void> {
    return new Promise((resolve) => this.#whenGrown.push(resolve));
  }

  wake(): void {
    for (const resolve of this.#whenGrown.splice(0)) resolve();
  }

  #delete(streamId: string, expected: Expected, write: () => void): CommitResult {
    const current = this.currentRevision(streamId);
    if (current === DELETED) return { kind: 'deleted' };
    const isMet = typeof expected === 'bigint' ? current === expected : expected === 'any';
    if (!isMet) return { kind: 'wrong-version', current };
    write();
    this.wake();
    return { kind: 'success', revision: current, position: this.records.at(-1)?.position ?? 0n };
  }

  #write(streamId: string, event: Proposed, atRevision?: bigint): LogRecord {
    const stream = this.#streamOf(streamId);
    const revision = atRevision ?? BigInt(stream.records.length);
    const position = this.#end;
    const record = { ...event, streamId, revision, position, createdMs: Date.now() };
    this.#end += BigInt(RECORD_BYTES + event.data.length + event.metadata.length);
    this.#indexAt.set(position, this.records.length);
    this.records.push(record);
    stream.records.push(record);
    this.#placeOf.set(event.id, { streamId, revision });
    if (streamId.startsWith('$$')) this.#applyMetadata(streamId.slice(2), event.data);
    return record;
  }

  #applyMetadata(streamId: string, data: Uint8Array): void {
    const text = Buffer.from(data).toString('utf8');
    const stream = this.#streamOf(streamId);
    // Read as text, since the revision that marks a deletion is beyond the integers of JSON.parse.
    const [, before] = /"\$tb":\s*(\d+)/.exec(text) ?? [];
    const [, count] = /"\$maxCount":\s*(\d+)/.exec(text) ?? [];
    stream.truncateBefore = BigInt(before ?? 0);
    stream.maxCount = count === undefined ? undefined : Number(count);
  }

  #revive(streamId: string, from: bigint): void {
    this.#writeMetadata(streamId, `{"$tb":${from}}`);
  }

  #writeMetadata(streamId: string, json: string): void {
    this.#write(`$$${streamId}`, proposal('$metadata', json));
  }

  #isSoftDeleted(streamId: string): boolean {
    return this.#streams.get(streamId)?.truncateBefore === DELETED;
  }

  #revisionIn(streamId: string, id: string): bigint | undefined {
    const place = this.#placeOf.get(id);
    return place?.streamId === streamId ? place.revision : undefined;
  }

  #streamOf(streamId: string): Stream {
    const known = this.#streams.get(streamId);
    if (known) return known;
    const stream = { records: [], maxCount: undefined, truncateBefore: 0n, tombstoned: false };
    this.#streams.set(streamId, stream);
    return stream;
  }
}

function proposal(type: string, json: string): Proposed {
  return {
    id: crypto.randomUUID(),
    type,
    contentType: 'application/json',
    data: Buffer.from(json),
    metadata: new Uint8Array(),
  };
}

function bytesOf(events: readonly Proposed[]): number {
  return events.reduce(
    (bytes, { type, data, metadata }) => bytes + 2 * type.length + data.length + metadata.length,
    0,
  );
}
