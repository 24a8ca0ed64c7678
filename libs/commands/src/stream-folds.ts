import { LRUCache } from 'lru-cache';
import { epochMs, type LedgerEvent, type Timestamp } from '@ledger/domain';
import {
  EventStore,
  StoreUnavailable,
  type Position,
  type Revision,
  type StoredEvent,
} from '@ledger/event-store';
import { PIECE_EVENTS, piecesOf } from './stream-pieces.js';
import type { Stream } from './streams.js';

/** What became of an earlier command, by its id, so that a repeat finds its first outcome. */
export interface EarlierCommand {
  readonly fingerprint: string;
  readonly firstRevision: Revision;
  readonly lastRevision: Revision;
  readonly position: Position;
  readonly at: Timestamp;
  /** The last fact that it recorded. */
  readonly event: LedgerEvent;
}

/** A stream folded up to a revision. */
export interface Fold<State> {
  readonly state: State;
  readonly revision: Revision;
  /** Position of the stream's last event; 0n when it is empty. */
  readonly position: Position;
  /** Only commands that may be repeated: those that came with a fingerprint. */
  readonly repeatable: ReadonlyMap<string, EarlierCommand>;
}

/** Whether the fold that is kept will do, or what is newer must be read first. */
export type FoldSource = 'kept' | 'refreshed';

const FOLDS_MAX = 50_000;
const NOTHING_REPEATABLE: ReadonlyMap<string, EarlierCommand> = new Map();

/**
 * Folded streams, kept by revision so that a command reads only what is newer.
 *
 * A kept fold may be behind another node's writes. That is safe for what is accepted, because the append
 * demands the revision that was judged; what is refused must be judged on {@link refresh} first.
 */
export class StreamFolds {
  readonly #folds = new LRUCache<string, Fold<unknown>>({ max: FOLDS_MAX });

  constructor(private readonly store: EventStore) {}

  /** A promise only where there is something to read. */
  of<State, Event extends LedgerEvent>(
    stream: Stream<State, Event>,
    source: FoldSource,
  ): Fold<State> | Promise<Fold<State>> {
    return (source === 'kept' ? this.kept(stream) : undefined) ?? this.refresh(stream);
  }

  /** The fold that is kept, or else the stream read anew. */
  async load<State, Event extends LedgerEvent>(stream: Stream<State, Event>): Promise<Fold<State>> {
    return this.kept(stream) ?? this.refresh(stream);
  }

  /** The fold that is kept, without a read. */
  kept<State, Event extends LedgerEvent>(stream: Stream<State, Event>): Fold<State> | undefined {
    // A stream id belongs to one kind of stream, so what is kept under it has that stream's state.
    return this.#folds.get(stream.streamId) as Fold<State> | undefined;
  }

  /** Reads what the kept fold lacks. */
  async refresh<State, Event extends LedgerEvent>(
    stream: Stream<State, Event>,
  ): Promise<Fold<State>> {
    const kept = this.kept(stream);
    if (!kept && stream.recordsFoldFrom) return this.#fromTail(stream);
    const before = kept ?? emptyFold(stream);
    const newer = await this.store.read(stream.streamId, before.revision, PIECE_EVENTS);
    const fold = this.advance(stream, before, newer as readonly StoredEvent<Event>[]);
    if (newer.length < PIECE_EVENTS) return fold;
    // Far behind: most of what lies between may not matter any more.
    return stream.recordsFoldFrom ? this.#fromTail(stream) : this.#readOn(stream, fold);
  }

  /** Folds a stream from where its newest event says that it may begin: the length of the rest does not matter. */
  async #fromTail<State, Event extends LedgerEvent>(
    stream: Stream<State, Event>,
  ): Promise<Fold<State>> {
    const { streamId } = stream;
    const last = await this.store.readLast(streamId);
    if (!last) return emptyFold(stream);
    const { foldFrom = 0 } = last.metadata;
    const kept = this.kept(stream);
    let fold = { ...emptyFold(stream), revision: foldFrom };
    if (kept && kept.revision >= foldFrom) fold = kept;
    if (fold.revision === last.revision - 1) {
      return this.advance(stream, fold, [last as StoredEvent<Event>]);
    }
    fold = await this.#readOn(stream, fold);
    if (fold.revision >= last.revision) return fold;
    throw new StoreUnavailable(`${streamId} ends before an event that was read just now`);
  }

  async #readOn<State, Event extends LedgerEvent>(
    stream: Stream<State, Event>,
    from: Fold<State>,
  ): Promise<Fold<State>> {
    let fold = from;
    for await (const piece of piecesOf(this.store, stream.streamId, from.revision)) {
      fold = this.advance(stream, fold, piece as readonly StoredEvent<Event>[]);
    }
    return fold;
  }

  /**
   * Folds events that follow `fold` and keeps the result, unless a newer one is kept already.
   *
   * @param state What they fold to, where the caller has found out already.
   */
  advance<State, Event extends LedgerEvent>(
    stream: Stream<State, Event>,
    fold: Fold<State>,
    events: readonly Pick<StoredEvent<Event>, 'payload' | 'metadata' | 'revision' | 'position'>[],
    state: State = events.reduce((each, { payload }) => stream.evolve(each, payload), fold.state),
  ): Fold<State> {
    const last = events.at(-1);
    const next: Fold<State> = last
      ? {
          state,
          revision: last.revision,
          position: last.position,
          repeatable: withRepeatable(fold.repeatable, events, stream.repeatableMs),
        }
      : fold;
    const kept = this.#folds.get(stream.streamId);
    if (!kept || kept.revision <= next.revision) this.#keep(stream.streamId, next);
    return next;
  }

  #keep(streamId: string, fold: Fold<unknown>): void {
    // An empty stream is not kept: names of streams that do not exist are the caller's to invent.
    if (fold.revision > 0) this.#folds.set(streamId, fold);
  }
}

/** Revision of the oldest command that may still be repeated after an event at `at`; null when there is none. */
export function oldestRepeatable(
  { repeatable }: Fold<unknown>,
  at: Timestamp,
  repeatableMs: number,
): Revision | null {
  for (const command of repeatable.values()) {
    if (epochMs(command.at) > epochMs(at) - repeatableMs) return command.firstRevision;
  }
  return null;
}

function emptyFold<State, Event extends LedgerEvent>(stream: Stream<State, Event>): Fold<State> {
  return { state: stream.initial, revision: 0, position: 0n, repeatable: NOTHING_REPEATABLE };
}

/** Adds to the same map: what is added is a fact, and an older fold may well know of newer ones. */
function withRepeatable(
  earlier: ReadonlyMap<string, EarlierCommand>,
  events: readonly Pick<StoredEvent, 'payload' | 'metadata' | 'revision' | 'position'>[],
  repeatableMs: number | undefined,
): ReadonlyMap<string, EarlierCommand> {
  let commands =
    earlier === NOTHING_REPEATABLE ? undefined : (earlier as Map<string, EarlierCommand>);
  for (const { payload, metadata, revision, position } of events) {
    const { commandId, fingerprint } = metadata;
    if (fingerprint === undefined) continue;
    commands ??= new Map();
    // First, or a key that was used again after it was forgotten would be taken for part of its first use.
    forgetUntil(commands, payload.occurredAt, repeatableMs);
    const firstRevision = commands.get(commandId)?.firstRevision ?? revision;
    const revisions = { firstRevision, lastRevision: revision };
    const at = payload.occurredAt;
    commands.set(commandId, { fingerprint, ...revisions, position, at, event: payload });
  }
  const last = events.at(-1);
  if (commands && last) forgetUntil(commands, last.payload.occurredAt, repeatableMs);
  return commands ?? earlier;
}

/** Takes the oldest commands out. A map keeps the order of insertion, here that of the stream. */
function forgetUntil(
  commands: Map<string, EarlierCommand>,
  now: Timestamp,
  repeatableMs: number | undefined,
): void {
  if (repeatableMs === undefined) return;
  for (const [commandId, { at }] of commands) {
    if (epochMs(at) > epochMs(now) - repeatableMs) return;
    commands.delete(commandId);
  }
}
