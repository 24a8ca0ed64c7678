import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import {
  Clock,
  DecideAndAppend,
  QuotaQueue,
  RequestIdentities,
  SharedTurns,
  StreamFolds,
  UseRecorder,
} from '@ledger/commands';
import type { Timestamp, WindowLength } from '@ledger/domain';
import {
  AesGcmCipher,
  EventStore,
  MemoryEventStore,
  SkippedEvents,
  SqliteEventStore,
} from '@ledger/event-store';
import {
  AuditLog,
  CredentialIndex,
  Directory,
  KeySearch,
  projectionRuns,
  Projector,
  Propagation,
  QuotaStandings,
  ReadModelDatabase,
  TokenList,
  type RebuildProgress,
} from '@ledger/read-models';
import { Freshness } from './freshness.js';
import { CountedQuotaQueue, LedgerCounters } from './ledger-counters.js';
import { ClockMark } from './clock-mark.js';
import { readMasterKey } from './master-key.js';
import { MonotonicClock } from './monotonic-clock.js';
import { PromptDecideAndAppend } from './prompt-answers.js';
import { ProjectorProgress } from './read-model-progress.js';
import { WatchedEventStore } from './watched-event-store.js';

/** Everything that serves one log in this process, opened and wired. */
export interface Ledger {
  /** Random name of the log, given when it was created; `memory` for one that is not kept. */
  readonly ledgerId: string;
  readonly store: WatchedEventStore;
  readonly clock: Clock;
  readonly folds: StreamFolds;
  readonly commands: DecideAndAppend;
  readonly quotaQueue: QuotaQueue;
  readonly uses: UseRecorder;
  readonly projector: Projector;
  readonly progress: ProjectorProgress;
  /** How old the read models may be; undefined where nobody else appends to the log. */
  readonly freshness: Freshness | undefined;
  readonly database: ReadModelDatabase;
  readonly credentials: CredentialIndex;
  readonly directory: Directory;
  readonly quotas: QuotaStandings;
  readonly tokens: TokenList;
  readonly keys: KeySearch;
  readonly audit: AuditLog;
  readonly propagation: Propagation;
  readonly counters: LedgerCounters;
  /** How long the read models took to reach the head of the log when the ledger was opened. */
  readonly catchUpMs: number;
  /** Finishes what is under way, writes read models, lets go of all files. Safe to repeat. */
  close(): Promise<void>;
}

/** What a ledger is opened on. */
export interface LedgerParts {
  readonly store: EventStore;
  readonly ledgerId: string;
  /** 32 bytes, from which the names and secrets of repeatable requests are derived. */
  readonly masterKey: Buffer;
  /** File of the read models; `:memory:` for a store that forgets. */
  readonly readModelFile: string;
  /** Which thread waits for the disk on behalf of the read models; that of the caller unless told. */
  readonly checkpoints?: 'own-thread';
  readonly windowLength: WindowLength;
  readonly retryWindowMs: number;
  /** An instant that this ledger has seen, beside those of its events. */
  readonly seen?: Timestamp;
  /** Where others append to the log, too: how old read models may be that credentials are judged by. */
  readonly stalenessMaxMs?: number;
  /** Where the log is far away: how long a command may keep its caller waiting. */
  readonly answerMsMax?: number;
  /** Rows of credentials and quotas each that stay in memory; room for all of them is taken at once. */
  readonly cachedMax?: number;
  /** Tests move their own clock. */
  readonly clock?: Clock;
  readonly onRebuild?: (progress: RebuildProgress) => void;
}

/** Tokens whose credential and quota stay in memory once they were used: about 1 KB each. */
const CACHED_MAX = 100_000;
/** A write to a disk that takes longer is answered 503, so that nobody waits for it without bound (R8). */
const SILENCE_MS_MAX = 1_800;

/** Opens the ledger of a data directory. @throws StoreDamaged, Error With what to do about it. */
export async function openDirectory(
  directory: string,
  settings: Pick<LedgerParts, 'windowLength' | 'retryWindowMs' | 'onRebuild' | 'clock'> & {
    readonly onStoreFailure?: (error: Error) => void;
  },
): Promise<Ledger> {
  const masterKey = readMasterKey(directory);
  const { onStoreFailure, ...rest } = settings;
  let watched: WatchedEventStore | undefined = undefined;
  const store = await SqliteEventStore.open({
    directory,
    cipher: new AesGcmCipher(masterKey),
    onFailure: (error) => {
      watched?.fail(error);
      onStoreFailure?.(error);
    },
  });
  watched = new WatchedEventStore(store, { silenceMs: SILENCE_MS_MAX });
  try {
    const readModelFile = join(directory, 'read-models.sqlite');
    const { ledgerId } = store;
    const seen = ClockMark.read(directory);
    const checkpoints = 'own-thread' as const;
    const parts = { store: watched, ledgerId, masterKey, readModelFile, checkpoints, ...rest };
    const ledger = await openLedger(seen === undefined ? parts : { ...parts, seen });
    const mark = ClockMark.keep(directory, ledger.clock);
    return {
      ...ledger,
      async close() {
        mark.close();
        await ledger.close();
      },
    };
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** Opens a ledger that lives and dies with the process. */
export function openInMemory(
  settings: Pick<LedgerParts, 'windowLength' | 'retryWindowMs' | 'clock'>,
): Promise<Ledger> {
  const masterKey = randomBytes(32);
  const store = new MemoryEventStore(new AesGcmCipher(masterKey));
  const readModelFile = ':memory:';
  return openLedger({ store, ledgerId: 'memory', masterKey, readModelFile, ...settings });
}

/** Wires a ledger on an opened store and brings its read models up to the head of the log. */
export async function openLedger(parts: LedgerParts): Promise<Ledger> {
  const { ledgerId, masterKey, readModelFile, windowLength, retryWindowMs } = parts;
  const store =
    parts.store instanceof WatchedEventStore ? parts.store : new WatchedEventStore(parts.store);
  store.goPast(await SkippedEvents.in(store));
  const clock = parts.clock ?? new MonotonicClock(await newestTime(store), parts.seen);
  const database = new ReadModelDatabase(readModelFile, ledgerId, parts.checkpoints);
  const directory = new Directory();
  const { cachedMax = CACHED_MAX } = parts;
  const projector = new Projector(store, database, projectionRuns(directory, cachedMax));
  const startedAt = performance.now();
  await projector.start(parts.onRebuild);
  const catchUpMs = performance.now() - startedAt;

  const { stalenessMaxMs, answerMsMax } = parts;
  const freshness =
    stalenessMaxMs === undefined
      ? undefined
      : new Freshness(store, projector, clock, stalenessMaxMs);
  freshness?.start();
  const progress = new ProjectorProgress(projector, store, freshness);
  const folds = new StreamFolds(store);
  const identities = new RequestIdentities({ masterKey, retryWindowMs });
  const counters = new LedgerCounters();
  const writing = [store, folds, progress, identities, clock] as const;
  return {
    ledgerId,
    store,
    clock,
    folds,
    commands:
      answerMsMax === undefined
        ? new DecideAndAppend(...writing)
        : new PromptDecideAndAppend(answerMsMax, ...writing),
    quotaQueue: new CountedQuotaQueue(
      ...([counters, answerMsMax, ...writing, windowLength] as const),
      freshness && new SharedTurns(),
    ),
    uses: new UseRecorder(store, folds, clock),
    projector,
    progress,
    freshness,
    database,
    credentials: new CredentialIndex(projector),
    directory,
    quotas: new QuotaStandings(projector, windowLength),
    tokens: new TokenList(projector, database),
    keys: new KeySearch(projector, database),
    audit: new AuditLog(projector, database),
    propagation: new Propagation(projector, database),
    counters,
    catchUpMs,
    async close() {
      freshness?.close();
      await projector.close();
      await store.close();
    },
  };
}

async function newestTime(store: EventStore): Promise<Timestamp | undefined> {
  const head = await store.head();
  if (head === 0n) return undefined;
  const [newest] = await store.readAllAfter(head - 1n, 1);
  return newest?.occurredAt;
}
