import { copyFileSync, existsSync, rmSync } from 'node:fs';
import type { Clock } from '@ledger/commands';
import type { WindowLength } from '@ledger/domain';
import type { EventStore } from '@ledger/event-store';
import { openLedger, type Ledger } from '@ledger/runtime';
import type { SimulatedConnection, SimulatedLog } from './simulated-log.js';

export const LEDGER_ID = '00000000-0000-4000-8000-000000000051';
export const MASTER_KEY = Buffer.alloc(32, 0x51);

/** The process is gone, or was never there: nobody knows what it had done of the request. */
export class NodeGone extends Error {
  override readonly name = 'NodeGone';
}

/** A fault of the ledger itself, put in on purpose to see that it is found. */
export interface Plant {
  readonly name: string;
  /** Stands between the ledger and its connection. */
  readonly store?: (connection: EventStore, log: SimulatedLog) => EventStore;
  /** Changes a ledger that was opened. */
  readonly ledger?: (ledger: Ledger) => Ledger;
  readonly clock?: () => Clock;
  /** Changes the file of the read models between a crash and the restart. */
  readonly readModelFile?: (file: string) => void;
}

export interface NodeSettings {
  readonly name: string;
  readonly log: SimulatedLog;
  readonly readModelFile: string;
  readonly windowLength: WindowLength;
  readonly plant: Plant | undefined;
}

/** One process that serves the log: started, killed and started again. */
export class SimulatedNode {
  /** How far the clock of the machine is off. */
  clockOffsetMs = 0;
  /** The furthest position that this node has answered, in all its lives: it may never judge without it. */
  answeredPosition = 0n;
  #life = 0;
  #ledger: Ledger | undefined;
  #connection: SimulatedConnection | undefined;
  readonly #underWay = new Set<(error: NodeGone) => void>();

  constructor(readonly settings: NodeSettings) {}

  get name(): string {
    return this.settings.name;
  }

  /** Name of the process: what belongs to an earlier one ends with it. */
  get owner(): string {
    return `${this.name}.${this.#life}`;
  }

  get ledger(): Ledger | undefined {
    return this.#ledger;
  }

  /** @throws StoreUnavailable When the store cannot be read; whoever started it tries again. */
  async start(): Promise<Ledger> {
    this.#life += 1;
    const life = this.#life;
    const { log, plant, readModelFile, windowLength } = this.settings;
    const connection = log.connect(this.owner);
    this.#connection = connection;
    const opened = await openLedger({
      store: plant?.store?.(connection, log) ?? connection,
      ledgerId: LEDGER_ID,
      masterKey: MASTER_KEY,
      readModelFile,
      windowLength,
      retryWindowMs: 0,
      // Thousands of ledgers are opened, and crashed ones are not closed.
      cachedMax: 100,
      ...(plant?.clock ? { clock: plant.clock() } : {}),
    });
    if (life !== this.#life || this.#connection !== connection) {
      void opened.database.close();
      throw new NodeGone(`${this.name} died while it started`);
    }
    this.#ledger = plant?.ledger?.(opened) ?? opened;
    return this.#ledger;
  }

  /** Runs a request in this process. @throws NodeGone When it dies meanwhile. */
  serve<T>(work: (ledger: Ledger) => Promise<T>): Promise<T> {
    const ledger = this.#ledger;
    if (!ledger) return Promise.reject(new NodeGone(`${this.name} is down`));
    return new Promise((resolve, reject) => {
      this.#underWay.add(reject);
      // A step of its own, so that all of it sees the clock of this process.
      this.settings.log.scheduler.schedule(this.owner, 0, 'serves', () => {
        void work(ledger)
          .then(resolve, reject)
          .finally(() => this.#underWay.delete(reject));
      });
    });
  }

  /** Ends the process where it stands. What it had not sent to the store is gone. */
  crash(): void {
    this.settings.log.scheduler.cancelOf(this.owner);
    this.#connection?.die();
    this.#connection = undefined;
    // What was written stays; closing the connection writes nothing more of the ledger.
    void this.#ledger?.database.close();
    this.#ledger = undefined;
    for (const reject of this.#underWay) reject(new NodeGone(`${this.name} died`));
    this.#underWay.clear();
  }

  /** What a crash may do to the file of the read models, which is promised nothing. */
  afterCrash(fate: 'kept' | 'lost' | 'older' | 'remembered'): void {
    const { readModelFile: file, plant } = this.settings;
    const older = `${file}.older`;
    if (file === ':memory:') return;
    if (fate === 'lost') removeDatabase(file);
    if (fate === 'remembered' && existsSync(file)) copyFileSync(file, older);
    if (fate === 'older' && existsSync(older)) {
      removeDatabase(file);
      copyFileSync(older, file);
    }
    if (existsSync(file)) plant?.readModelFile?.(file);
  }
}

function removeDatabase(file: string): void {
  for (const suffix of ['', '-wal', '-shm']) rmSync(`${file}${suffix}`, { force: true });
}
