import { Injectable } from '@nestjs/common';
import {
  epochMs,
  type Authority,
  type Decision,
  type LedgerEvent,
  type OrgId,
  type Rejection,
} from '@ledger/domain';
import {
  EventStore,
  type NewEvent,
  type Position,
  type Revision,
  type StoredEvent,
} from '@ledger/event-store';
import { Authorities } from './authorities.js';
import type { CommandContext } from './command-context.js';
import { toNewEvents } from './new-events.js';
import {
  CallerGone,
  Clock,
  Contention,
  READ_YOUR_WRITES_MS_MAX,
  ReadModelProgress,
} from './ports.js';
import { RequestIdentities, type RequestIdentity } from './request-identity.js';
import { StreamFolds, type EarlierCommand, type Fold, type FoldSource } from './stream-folds.js';
import type { Stream } from './streams.js';

/** What became of a command: the state after it and where it stands in the log, or why it was refused. */
export type Outcome<State, Event extends LedgerEvent> =
  | {
      readonly outcome: 'accepted';
      /** What this command recorded; empty when there was nothing to change. */
      readonly events: readonly Event[];
      readonly state: State;
      readonly revision: Revision;
      readonly position: Position;
      /** True when a repeated request was given its first outcome again. */
      readonly repeated: boolean;
    }
  | { readonly outcome: 'rejected'; readonly rejection: Rejection };

/** One command on its way through the write path. */
export interface Write<State, Event extends LedgerEvent> {
  readonly context: CommandContext;
  /** The organization that the command is about; null for commands about people. */
  readonly orgId: OrgId | null;
  /** Whether the same body within the retry window is taken for a repeat, without a key (decision 17). */
  readonly guessesRepeats?: boolean;
  /** Set for what ends a credential: it is done also when nobody waits for the answer any more. */
  readonly outlivesCaller?: boolean;
  readonly stream: (identity: RequestIdentity) => Stream<State, Event>;
  readonly decide: (
    state: State,
    authority: Authority,
    identity: RequestIdentity,
  ) => Decision<Event>;
}

/** Lost races in a row before a command gives up. */
const ATTEMPTS_MAX = 5;

/** The write path of tokens, people and organizations: fold, decide, append, wait, answer. */
@Injectable()
export class DecideAndAppend {
  /** Commands for one stream run one after the other here, so that only other nodes can win a race. */
  readonly #turns = new Map<string, Promise<unknown>>();
  readonly #authorities: Authorities;

  constructor(
    private readonly store: EventStore,
    private readonly folds: StreamFolds,
    private readonly readModels: ReadModelProgress,
    private readonly identities: RequestIdentities,
    private readonly clock: Clock,
  ) {
    this.#authorities = new Authorities(folds);
  }

  /**
   * @returns The outcome, and the identity it was reached under: its seed makes the secret of the answer.
   * @throws Contention After {@link ATTEMPTS_MAX} lost races. CallerGone when nobody waits any more and nothing
   *   is on its way to the store. StoreUnavailable passes through.
   */
  async execute<State, Event extends LedgerEvent>(
    write: Write<State, Event>,
  ): Promise<{ readonly outcome: Outcome<State, Event>; readonly identity: RequestIdentity }> {
    const identity = await this.#identify(write);
    const stream = write.stream(identity);
    const outcome = await this.#inTurn(stream.streamId, () =>
      this.#append(write, stream, identity),
    );
    // Read-your-writes. When the bound passes we answer all the same: the fact is durable.
    if (outcome.outcome === 'accepted') {
      await this.readModels.reached(outcome.position, READ_YOUR_WRITES_MS_MAX);
    }
    return { outcome, identity };
  }

  async #append<State, Event extends LedgerEvent>(
    write: Write<State, Event>,
    stream: Stream<State, Event>,
    identity: RequestIdentity,
  ): Promise<Outcome<State, Event>> {
    const { context, orgId } = write;
    let source: FoldSource = 'kept';
    for (let attempt = 1; attempt <= ATTEMPTS_MAX;) {
      const fold = await this.folds.of(stream, source);
      const earlier = fold.repeatable.get(identity.commandId);
      if (earlier) return this.#asBefore(stream, identity, earlier);

      const now = this.clock.now();
      const judged = await this.#authorities.of(context.principal, orgId, now, source);
      const decision = write.decide(fold.state, judged.authority, identity);
      const events = decision.outcome === 'accepted' ? decision.events : [];
      if (events.length === 0) {
        // Nothing to append means nothing that would notice a fold left behind by another node.
        if (source === 'kept') {
          source = 'refreshed';
          continue;
        }
        return decision.outcome === 'rejected' ? decision : unchangedOutcome(fold);
      }
      if (!write.outlivesCaller && context.isGone?.()) throw new CallerGone();
      const batch = toNewEvents(events, { identity, context, orgId });
      const unchanged = judged.unchanged.filter(({ streamId }) => streamId !== stream.streamId);
      const appended = await this.store.append(stream.streamId, fold.revision, batch, unchanged);
      if (appended.outcome === 'appended') {
        const stored = withRevisions(batch, fold.revision, appended.position);
        const { state } = this.folds.advance(stream, fold, stored);
        const { revision, position } = appended;
        return { outcome: 'accepted', events, state, revision, position, repeated: false };
      }
      source = 'refreshed';
      attempt += 1;
    }
    throw new Contention(`${stream.streamId}: lost ${ATTEMPTS_MAX} races in a row`);
  }

  /** A repeated request gets its first answer, unless it says something else or comes too late. */
  async #asBefore<State, Event extends LedgerEvent>(
    stream: Stream<State, Event>,
    identity: RequestIdentity,
    earlier: EarlierCommand,
  ): Promise<Outcome<State, Event>> {
    if (
      earlier.fingerprint !== identity.fingerprint ||
      !isRecent(earlier, this.clock, identity.ttlMs)
    ) {
      return { outcome: 'rejected', rejection: { code: 'IDEMPOTENCY_KEY_REUSED' } };
    }
    const history = (await this.store.read(stream.streamId)) as readonly StoredEvent<Event>[];
    const upTo = history.filter(({ revision }) => revision <= earlier.lastRevision);
    return {
      outcome: 'accepted',
      events: upTo
        .filter(({ revision }) => revision >= earlier.firstRevision)
        .map(({ payload }) => payload),
      state: upTo.reduce((state, { payload }) => stream.evolve(state, payload), stream.initial),
      revision: earlier.lastRevision,
      position: earlier.position,
      repeated: true,
    };
  }

  /** Picks the identity under which an earlier, recent outcome is found; else the newest one. */
  async #identify<State, Event extends LedgerEvent>(
    write: Write<State, Event>,
  ): Promise<RequestIdentity> {
    const { context, guessesRepeats = false } = write;
    const candidates = this.identities.of(context, this.clock.now(), guessesRepeats);
    for (const identity of candidates.slice(0, -1)) {
      const { repeatable } = await this.folds.refresh(write.stream(identity));
      const earlier = repeatable.get(identity.commandId);
      if (earlier && isRecent(earlier, this.clock, identity.ttlMs)) return identity;
    }
    return candidates.at(-1)!;
  }

  async #inTurn<T>(streamId: string, work: () => Promise<T>): Promise<T> {
    const before = this.#turns.get(streamId) ?? Promise.resolve();
    const turn = before.then(work, work);
    this.#turns.set(streamId, turn);
    try {
      return await turn;
    } finally {
      if (this.#turns.get(streamId) === turn) this.#turns.delete(streamId);
    }
  }
}

function unchangedOutcome<State, Event extends LedgerEvent>({
  state,
  revision,
  position,
}: Fold<State>): Outcome<State, Event> {
  return { outcome: 'accepted', events: [], state, revision, position, repeated: false };
}

function isRecent({ at }: EarlierCommand, clock: Clock, ttlMs: number): boolean {
  return epochMs(clock.now()) - epochMs(at) < ttlMs;
}

/** The events as the store now holds them: it gave the batch the revisions that follow `expected`. */
function withRevisions<Event extends LedgerEvent>(
  batch: readonly NewEvent<Event>[],
  expected: Revision,
  position: Position,
) {
  return batch.map((event, index) => ({ revision: expected + index + 1, position, ...event }));
}
