import {
  EventStore,
  MemoryEventStore,
  StoreUnavailable,
  type AppendResult,
  type NewEvent,
  type Position,
  type Revision,
  type StoredEvent,
  type Unchanged,
} from '@ledger/event-store';
import { SeededRandom } from './random.js';
import type { Scheduler } from './scheduler.js';

/** How often the way to the store and back goes wrong, as probabilities, and how long it takes. */
export interface StoreFaults {
  /** The append is durable, and its caller is told that nobody knows. */
  readonly lostAcknowledgement: number;
  /** The append never arrives, and its caller is told the same. */
  readonly lostAppend: number;
  /** The append arrives a second time, later. */
  readonly repeatedAppend: number;
  readonly failedRead: number;
  readonly lostHint: number;
  /** Whether what is under way may still arrive after its sender has died, as over a network. */
  readonly outlivesSender: boolean;
  readonly delayMs: (random: SeededRandom) => number;
}

export const NO_FAULTS: StoreFaults = {
  lostAcknowledgement: 0,
  lostAppend: 0,
  repeatedAppend: 0,
  failedRead: 0,
  lostHint: 0,
  outlivesSender: false,
  delayMs: (random) => random.between(0, 5),
};

/** How bad the way to the store is, differently for each seed. */
export function someFaults(random: SeededRandom, isShared: boolean): StoreFaults {
  const rate = random.pick([0, 0.02, 0.1]);
  const slow = random.pick([0, 0, 0.02]);
  return {
    lostAcknowledgement: rate,
    lostAppend: rate / 2,
    repeatedAppend: isShared ? rate : 0,
    failedRead: random.pick([0, 0, 0.002]),
    lostHint: isShared ? rate : 0,
    outlivesSender: isShared,
    delayMs: (each) => (each.chance(slow) ? each.between(100, 3_000) : each.between(0, 15)),
  };
}

/** The durable log: what is in here survives every crash. Shared by all nodes. */
export class SimulatedLog {
  readonly durable = new MemoryEventStore();
  /** Every durable event, as far as {@link catchUp} has looked. */
  readonly events: StoredEvent[] = [];
  faults: StoreFaults = NO_FAULTS;

  constructor(
    readonly scheduler: Scheduler,
    readonly random: SeededRandom,
  ) {}

  /** Looks at what has become durable since the last time. */
  async catchUp(): Promise<readonly StoredEvent[]> {
    const fresh = await this.durable.readAllAfter(BigInt(this.events.length), 10_000);
    this.events.push(...fresh);
    return fresh;
  }

  connect(owner: string): SimulatedConnection {
    return new SimulatedConnection(this, owner);
  }
}

/**
 * One process's way to the log. Every call travels there and back under the scheduler, and may go wrong on
 * either way. Appends of one connection arrive in the order they were sent, as the port promises.
 */
export class SimulatedConnection extends EventStore {
  readonly #unsubscribe: (() => void)[] = [];
  #isDead = false;
  #isClosed = false;
  #lastArrival = 0;
  #underWay = 0;

  constructor(
    private readonly log: SimulatedLog,
    private readonly owner: string,
  ) {
    super();
  }

  /** The process is gone: it hears of nothing any more. */
  die(): void {
    this.#isDead = true;
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
  }

  override append(
    streamId: string,
    expected: Revision,
    events: readonly NewEvent[],
    unchanged: readonly Unchanged[] = [],
  ): Promise<AppendResult> {
    if (this.#isClosed) return Promise.reject(closed());
    const { random, faults, scheduler, durable } = this.log;
    const write = (): Promise<AppendResult> =>
      durable.append(streamId, expected, events, unchanged);
    const label = `append ${events.map(({ payload }) => payload.type).join(' ')}`;
    return this.#travel(label, write, {
      isLost: random.chance(faults.lostAppend),
      losesAnswer: random.chance(faults.lostAcknowledgement),
      arrivesAt: (at) => {
        this.#lastArrival = Math.max(this.#lastArrival, at);
        if (random.chance(faults.repeatedAppend)) {
          const later = this.#lastArrival - scheduler.now + random.between(0, 400);
          scheduler.schedule('store', later, `${label}, again`, () => void write().catch(ignore));
        }
        return this.#lastArrival;
      },
    });
  }

  override read(
    streamId: string,
    after?: Revision,
    limit?: number,
  ): Promise<readonly StoredEvent[]> {
    return this.#ask('read', () => this.log.durable.read(streamId, after, limit));
  }

  override readLast(streamId: string): Promise<StoredEvent | undefined> {
    return this.#ask('read last', () => this.log.durable.readLast(streamId));
  }

  override readAllAfter(position: Position, limit: number): Promise<readonly StoredEvent[]> {
    return this.#ask('read log', () => this.log.durable.readAllAfter(position, limit));
  }

  override head(): Promise<Position> {
    return this.#ask('head', () => this.log.durable.head());
  }

  override onAppended(listener: () => void): () => void {
    const { durable, scheduler, random } = this.log;
    let isSubscribed = true;
    const unsubscribe = durable.onAppended(() => {
      const { faults } = this.log;
      if (random.chance(faults.lostHint)) return;
      scheduler.schedule(this.owner, faults.delayMs(random), 'hint', () => {
        if (isSubscribed && !this.#isDead) listener();
      });
    });
    this.#unsubscribe.push(unsubscribe);
    return () => {
      isSubscribed = false;
      unsubscribe();
    };
  }

  override async close(): Promise<void> {
    this.#isClosed = true;
    while (this.#underWay > 0) await this.log.scheduler.sleep(this.owner, 1, 'closing');
  }

  #ask<T>(label: string, work: () => Promise<T>): Promise<T> {
    if (this.#isClosed) return Promise.reject(closed());
    const { random, faults } = this.log;
    const losesAnswer = random.chance(faults.failedRead);
    return this.#travel(label, work, { isLost: false, losesAnswer, arrivesAt: (at) => at });
  }

  /** There, done, and back; the answer of a call that failed on either way is the same. */
  #travel<T>(label: string, work: () => Promise<T>, way: Way): Promise<T> {
    const { scheduler, random, faults } = this.log;
    const arrival = way.arrivesAt(scheduler.now + faults.delayMs(random));
    const back = random.chance(0.5) ? 0 : faults.delayMs(random);
    this.#underWay += 1;
    return new Promise<T>((resolve, reject) => {
      const settle = (act: () => void): void => {
        this.#underWay -= 1;
        if (this.#isDead) return;
        scheduler.handOver(this.owner);
        act();
      };
      const answer = (act: () => void, what: string): void => {
        if (back === 0) return settle(act);
        scheduler.schedule(this.owner, back, what, () => settle(act));
      };
      const fail = (): void => answer(() => reject(unknown()), `${label}: no answer`);
      scheduler.schedule('store', arrival - scheduler.now, `${this.owner} ${label}`, () => {
        if (this.#isDead && !(faults.outlivesSender && random.chance(0.5))) return;
        if (way.isLost) return fail();
        work().then(
          (result) => (way.losesAnswer ? fail() : answer(() => resolve(result), `${label}: done`)),
          (error: unknown) => settle(() => reject(error as Error)),
        );
      });
    });
  }
}

interface Way {
  readonly isLost: boolean;
  readonly losesAnswer: boolean;
  readonly arrivesAt: (at: number) => number;
}

function unknown(): StoreUnavailable {
  return new StoreUnavailable('nobody knows what became of the call');
}

function closed(): StoreUnavailable {
  return new StoreUnavailable('the event store is closed');
}

function ignore(): void {
  // Whoever sent it is answered for the first one.
}
