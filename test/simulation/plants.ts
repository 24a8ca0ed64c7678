import Database from 'better-sqlite3';
import {
  Clock,
  DecideAndAppend,
  RequestIdentities,
  type ConsumeQuotaCommand,
  type QuotaQueue,
  type ReadModelProgress,
  type Write,
} from '@ledger/commands';
import { timestamp, type LedgerEvent, type Timestamp } from '@ledger/domain';
import {
  EventStore,
  StoreUnavailable,
  type AppendResult,
  type StoredEvent,
} from '@ledger/event-store';
import type { Ledger } from '@ledger/runtime';
import { MASTER_KEY, type Plant } from './simulated-node.js';

type Append = Parameters<EventStore['append']>;

/** A store that is as good as the one behind it, save for what a plant overrides. */
class PassThrough extends EventStore {
  constructor(protected readonly inner: EventStore) {
    super();
  }

  override append(...append: Append): Promise<AppendResult> {
    return this.inner.append(...append);
  }

  override read(...read: Parameters<EventStore['read']>): Promise<readonly StoredEvent[]> {
    return this.inner.read(...read);
  }

  override readLast(streamId: string): Promise<StoredEvent | undefined> {
    return this.inner.readLast(streamId);
  }

  override readAllAfter(...read: Parameters<EventStore['readAllAfter']>) {
    return this.inner.readAllAfter(...read);
  }

  override head(): Promise<bigint> {
    return this.inner.head();
  }

  override onAppended(listener: () => void): () => void {
    return this.inner.onAppended(listener);
  }

  override close(): Promise<void> {
    return this.inner.close();
  }
}

class IgnoresRevisions extends PassThrough {
  override async append(...[streamId, expected, events, unchanged]: Append) {
    const result = await this.inner.append(streamId, expected, events, unchanged);
    if (result.outcome === 'appended' || result.streamId !== streamId) return result;
    return this.inner.append(streamId, result.actualRevision, events, unchanged);
  }
}

class IgnoresGuards extends PassThrough {
  override append(...[streamId, expected, events]: Append) {
    return this.inner.append(streamId, expected, events);
  }
}

class AcknowledgesBeforeDurable extends PassThrough {
  override async append(...append: Append): Promise<AppendResult> {
    const [, expected, events] = append;
    const position = (await this.inner.head()) + BigInt(events.length);
    this.inner.append(...append).catch(() => undefined);
    return { outcome: 'appended', revision: expected + events.length, position };
  }
}

class TakesSilenceForYes extends PassThrough {
  override async append(...append: Append): Promise<AppendResult> {
    try {
      return await this.inner.append(...append);
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error;
      const [, expected, events] = append;
      return {
        outcome: 'appended',
        revision: expected + events.length,
        position: await this.inner.head(),
      };
    }
  }
}

class SkipsEvents extends PassThrough {
  override async readAllAfter(position: bigint, limit: number) {
    const events = await this.inner.readAllAfter(position, limit);
    // Not the last one, so that the reader still gets ahead.
    return events.filter((event, n) => n === events.length - 1 || event.position % 5n !== 0n);
  }
}

/** Shows the read models rotations that end nothing. */
class EndsNoSecret extends PassThrough {
  override async readAllAfter(position: bigint, limit: number) {
    const events = await this.inner.readAllAfter(position, limit);
    return events.map((event) => {
      if (event.payload.type !== 'TokenRotated') return event;
      const previousValidUntil = '2099-01-01T00:00:00.000Z' as Timestamp;
      return { ...event, payload: { ...event.payload, previousValidUntil } };
    });
  }
}

class MachineClock extends Clock {
  override now(): Timestamp {
    return timestamp(Date.now());
  }
}

function forgetsKeysOfCharges(ledger: Ledger): Ledger {
  const consume: QuotaQueue['consume'] = (charge, { repeat: _repeat, ...context }) =>
    ledger.quotaQueue.consume(charge, context as ConsumeQuotaCommand['context']);
  return { ...ledger, quotaQueue: { consume } as unknown as QuotaQueue };
}

function forgetsKeysOfCommands(ledger: Ledger): Ledger {
  const execute = <State, Event extends LedgerEvent>(write: Write<State, Event>) => {
    const { repeat: _repeat, ...context } = write.context;
    return ledger.commands.execute({ ...write, context });
  };
  return { ...ledger, commands: { execute } as unknown as DecideAndAppend };
}

/** Answers before its own read models have heard, and judges all the same. */
function answersTooSoon(ledger: Ledger): Ledger {
  const { store, folds, clock, projector } = ledger;
  const progress = {
    reached: async () => true,
    mustNotJudge: false,
    get position() {
      return projector.position;
    },
  };
  const identities = new RequestIdentities({ masterKey: MASTER_KEY, retryWindowMs: 0 });
  const waits = progress as unknown as ReadModelProgress;
  const commands = new DecideAndAppend(store, folds, waits, identities, clock);
  return { ...ledger, commands, progress: progress as unknown as Ledger['progress'] };
}

/** Moves the checkpoint over events whose rows were never written. */
function losesRows(file: string): void {
  const database = new Database(file);
  database.exec('UPDATE checkpoints SET position = CAST(position AS INTEGER) + 3');
  database.close();
}

/** Faults that somebody might build in by mistake. The simulator is worth what it finds of them. */
export const PLANTS: readonly Plant[] = [
  { name: 'a store that ignores expected revisions', store: (s) => new IgnoresRevisions(s) },
  { name: 'a store that ignores guarded streams', store: (s) => new IgnoresGuards(s) },
  {
    name: 'a store that acknowledges before it is durable',
    store: (s) => new AcknowledgesBeforeDurable(s),
  },
  { name: 'a store that takes silence for yes', store: (s) => new TakesSilenceForYes(s) },
  { name: 'a projector that skips events', store: (s) => new SkipsEvents(s) },
  { name: 'a rotation that ends no secret', store: (s) => new EndsNoSecret(s) },
  { name: 'a clock that runs backwards', clock: () => new MachineClock() },
  { name: 'a quota queue that forgets idempotency', ledger: forgetsKeysOfCharges },
  { name: 'a write path that forgets idempotency', ledger: forgetsKeysOfCommands },
  { name: 'an answer that does not wait for the read models', ledger: answersTooSoon },
  { name: 'a checkpoint that is written without its rows', readModelFile: losesRows },
];
