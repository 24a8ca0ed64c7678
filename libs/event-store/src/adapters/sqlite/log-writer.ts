import { performance } from 'node:perf_hooks';
import { LRUCache } from 'lru-cache';
import { StoreDamaged, type Revision } from '../../event-store.js';
import { decideAppend, type LogView, type PlacedId } from '../append-decision.js';
import { genesisHash, nextHash, type ChainHash } from './hash-chain.js';
import type { LogHead } from './head-file.js';
import { readLedgerRow, SIGNPOST_EVERY } from './schema.js';
import { sqliteCode, type Connection } from './sqlite-connection.js';
import { StreamFinder, type StreamHead } from './stream-finder.js';
import type { EncodedAppend, Verdict, WriterFailure } from './writer-messages.js';

const HEADS_CACHED_MAX = 100_000;

interface EventLink {
  readonly eventId: string;
  readonly streamKey: number;
  readonly revision: Revision;
  readonly previous: number;
}

/** Decides and writes appends, many in one transaction. The only code that adds to the log. */
export class LogWriter {
  readonly #ledgerId: string;
  readonly #statements;
  readonly #finder: StreamFinder;
  readonly #heads = new LRUCache<string, StreamHead>({ max: HEADS_CACHED_MAX });
  readonly #moved = new Map<number, StreamHead>();
  readonly #view: LogView = {
    revisionOf: (streamId) => this.#headOf(streamId)?.revision ?? 0,
    eventsAfter: (streamId, after, count) => this.#eventsAfter(streamId, after, count),
  };
  #position: number;
  #hash: ChainHash;

  constructor(private readonly connection: Connection) {
    this.#ledgerId = readLedgerRow(connection).id;
    this.#finder = new StreamFinder(connection);
    this.#statements = prepareStatements(connection);
    const last = this.#statements.last.get();
    this.#position = last?.position ?? 0;
    this.#hash = last?.hash ?? genesisHash(this.#ledgerId);
  }

  /** The end of what is committed. */
  get head(): LogHead {
    return { ledgerId: this.#ledgerId, position: this.#position, hash: this.#hash };
  }

  /**
   * Decides each append on its own, in order, each seeing those before it; writes all that are accepted in one
   * transaction, with one flush. Returns after the commit.
   *
   * @throws SqliteError When the commit failed; nothing of the batch counts as written.
   */
  write(appends: readonly EncodedAppend[]): {
    readonly verdicts: readonly Verdict[];
    readonly flushMs: number;
  } {
    const before = this.head;
    try {
      this.#statements.begin.run();
      const verdicts = appends.map((append) => this.#append(append));
      for (const { streamKey, revision, position } of this.#moved.values()) {
        this.#statements.moveHead.run(streamKey, revision, position);
      }
      const startedAt = performance.now();
      this.#statements.commit.run();
      const wrote = this.#position > before.position;
      return { verdicts, flushMs: wrote ? performance.now() - startedAt : 0 };
    } catch (error) {
      this.#forget(before);
      throw error;
    } finally {
      this.#moved.clear();
    }
  }

  #append(append: EncodedAppend): Verdict {
    const decision = decideAppend(this.#view, append);
    if (decision.outcome !== 'write') return decision;
    const { streamId, events } = append;
    const { insertEvent, insertSignpost } = this.#statements;
    const { streamKey, ...end } = this.#headOf(streamId) ?? this.#add(streamId);
    let { revision, position: previous } = end;
    for (const event of events) {
      const { eventId, type, schemaVersion, occurredAt, data, metadata } = event;
      this.#position += 1;
      revision += 1;
      this.#hash = nextHash(this.#hash, {
        streamId,
        revision,
        eventId,
        type,
        schemaVersion,
        occurredAt,
        data,
        metadata,
      });
      insertEvent.run(
        this.#position,
        streamKey,
        revision,
        previous,
        eventId,
        type,
        schemaVersion,
        occurredAt,
        data,
        metadata,
        this.#hash,
      );
      if (revision % SIGNPOST_EVERY === 0) insertSignpost.run(streamKey, revision, this.#position);
      previous = this.#position;
    }
    const head = { streamKey, revision, position: previous };
    this.#heads.set(streamId, head);
    this.#moved.set(streamKey, head);
    return previous;
  }

  #headOf(streamId: string): StreamHead | undefined {
    const cached = this.#heads.get(streamId);
    if (cached) return cached;
    const head = this.#finder.headOf(streamId);
    if (head) this.#heads.set(streamId, head);
    return head;
  }

  #add(streamId: string): StreamHead {
    const { lastInsertRowid } = this.#statements.insertStream.run(streamId);
    return { streamKey: Number(lastInsertRowid), revision: 0, position: 0 };
  }

  /** Only asked for when an append may be a repeat, and then about recent events as a rule. */
  #eventsAfter(streamId: string, after: Revision, count: number): readonly PlacedId[] {
    const head = this.#headOf(streamId);
    if (!head) return [];
    const found: PlacedId[] = [];
    let { position, revision } = this.#finder.entryTo(head, after + count);
    while (revision > after) {
      const link = this.#statements.link.get(position);
      if (link?.revision !== revision || link.streamKey !== head.streamKey) {
        throw new StoreDamaged(
          `stream ${streamId} has no event ${revision} at position ${position}`,
        );
      }
      if (revision <= after + count) found.push({ eventId: link.eventId, position });
      position = link.previous;
      revision -= 1;
    }
    return found.reverse();
  }

  /** After a failure only the log itself knows what it holds, so nothing remembered may be trusted. */
  #forget({ position, hash }: LogHead): void {
    this.#heads.clear();
    this.#position = position;
    this.#hash = hash;
    if (this.connection.inTransaction) this.#statements.rollback.run();
  }
}

/**
 * What a failed write means. A full disk or a held lock passes; after anything else, a failed flush above all,
 * nobody can say what the disk holds, so no further write may be tried on it.
 */
export function writerFailure(error: unknown): WriterFailure {
  const code = sqliteCode(error) ?? '';
  const message = `${code} ${error instanceof Error ? error.message : String(error)}`.trim();
  if (code === 'SQLITE_FULL') return { kind: 'failed', reason: 'disk-full', message };
  if (code.startsWith('SQLITE_BUSY')) return { kind: 'failed', reason: 'busy', message };
  return { kind: 'failed', reason: 'broken', message };
}

function prepareStatements(connection: Connection) {
  return {
    begin: connection.prepare('BEGIN IMMEDIATE'),
    commit: connection.prepare('COMMIT'),
    rollback: connection.prepare('ROLLBACK'),
    last: connection.prepare<[], { position: number; hash: ChainHash }>(
      'SELECT position, lower(hex(hash)) AS hash FROM events ORDER BY position DESC LIMIT 1',
    ),
    link: connection.prepare<[number], EventLink>(
      `SELECT event_id AS eventId, stream_id AS streamKey, revision, previous_position AS previous
         FROM events WHERE position = ?`,
    ),
    insertStream: connection.prepare('INSERT INTO streams (name) VALUES (?)'),
    insertEvent: connection.prepare(
      `INSERT INTO events (position, stream_id, revision, previous_position, event_id, type,
         schema_version, occurred_at, data, metadata, hash) VALUES (?,?,?,?,?,?,?,?,?,?,unhex(?))`,
    ),
    insertSignpost: connection.prepare('INSERT INTO signposts VALUES (?, ?, ?)'),
    moveHead: connection.prepare('INSERT OR REPLACE INTO stream_heads VALUES (?, ?, ?)'),
  };
}
