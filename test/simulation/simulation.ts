import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { WindowLength } from '@ledger/domain';
import { StoreUnavailable } from '@ledger/event-store';
import { Client } from './clients.js';
import { firstStart } from './first-start.js';
import { SeededRandom } from './random.js';
import { Scheduler, type Trace } from './scheduler.js';
import { NO_FAULTS, SimulatedLog, someFaults } from './simulated-log.js';
import { NodeGone, SimulatedNode, type Plant } from './simulated-node.js';
import { installVirtualTime } from './virtual-time.js';
import { World } from './world.js';

/** What one seed came to. */
export interface Simulated {
  readonly seed: number;
  readonly trace: Trace;
  readonly facts: number;
  readonly requests: number;
  readonly crashes: number;
  readonly verified: number;
}

/** A seed that broke a promise, with all that happened before it did. */
export class SimulationFailure extends Error {
  override readonly name = 'SimulationFailure';

  constructor(
    readonly seed: number,
    readonly trace: Trace,
    override readonly cause: unknown,
  ) {
    super(
      `seed ${seed}: ${cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)}`,
    );
  }
}

/** Shortly before the end of hours, days, months, and in the middle of one. */
const STARTS = ['2026-01-31T23:59:58.000Z', '2026-02-28T23:30:00.000Z', '2026-06-15T12:00:00.000Z'];
const HOUR_MS = 3_600_000;
const JUMPS_MS = [-40 * 24, -2, -0.01, 0.01, 2, 30, 40 * 24].map((hours) => hours * HOUR_MS);
const SKEW_MS_MAX = 300_000;
const RUN_MS = 1_500;
/** Crashes are simulated, so nothing has to reach a disk. */
const FILES_IN = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

/** Runs one seed from nothing to its end. @throws SimulationFailure */
export async function simulate(seed: number, plant?: Plant): Promise<Simulated> {
  const directory = mkdtempSync(join(FILES_IN, 'ledger-simulation-'));
  const run = new Run(seed, plant, directory);
  const restoreTime = installVirtualTime(run.scheduler, (owner) => run.machineMs(owner));
  try {
    return await run.toItsEnd();
  } catch (error) {
    throw new SimulationFailure(seed, run.scheduler.trace, error);
  } finally {
    run.end();
    restoreTime();
    rmSync(directory, { recursive: true, force: true });
  }
}

class Run {
  readonly scheduler = new Scheduler();
  readonly #random: SeededRandom;
  readonly #start: number;
  readonly #log: SimulatedLog;
  readonly #nodes: readonly SimulatedNode[];
  readonly #world: World;
  readonly #isShared: boolean;
  #crashes = 0;
  #clients = 0;

  constructor(
    private readonly seed: number,
    plant: Plant | undefined,
    directory: string,
  ) {
    const random = new SeededRandom(seed);
    this.#random = random;
    this.#start = Date.parse(random.pick(STARTS));
    this.#log = new SimulatedLog(this.scheduler, random);
    this.#isShared = random.chance(0.5);
    const windowLength = random.pick<WindowLength>(['hour', 'day', 'month']);
    const isKept = random.chance(0.5);
    this.#nodes = (this.#isShared ? ['left', 'right'] : ['only']).map((name) => {
      const readModelFile = isKept ? join(directory, `${name}.sqlite`) : ':memory:';
      return new SimulatedNode({ name, log: this.#log, readModelFile, windowLength, plant });
    });
    this.#world = new World(random, this.scheduler, this.#log, this.#nodes);
  }

  /** What the machine's clock shows to a process. */
  machineMs(owner: string): number {
    const node = this.#nodes.find(({ name }) => owner.startsWith(name));
    return this.#start + this.scheduler.now + (node?.clockOffsetMs ?? 0);
  }

  async toItsEnd(): Promise<Simulated> {
    const world = this.#world;
    const check = (): Promise<void> => world.check();
    this.#carryOut(firstStart(world));
    await this.scheduler.run(check);

    this.#log.faults = someFaults(this.#random, this.#isShared);
    if (this.#isShared && this.#random.chance(0.5)) this.#setClocksApart();
    this.#troubles();
    const clients = Array.from({ length: this.#random.between(2, 5) }, (_, n) => `client-${n}`);
    for (const name of clients) this.#carryOut(this.#work(name));
    await this.scheduler.run(check);
    if (this.#clients > 0) throw new Error(`${this.#clients} clients wait for ever`);

    await this.#comeToRest(check);
    return {
      seed: this.seed,
      trace: this.scheduler.trace,
      facts: world.truth.length,
      requests: world.history.attempts.length,
      crashes: this.#crashes,
      verified: world.verified,
    };
  }

  end(): void {
    for (const node of this.#nodes) node.crash();
  }

  #carryOut(work: Promise<void>): void {
    work.catch((error: unknown) => this.#world.fail(error));
  }

  async #work(name: string): Promise<void> {
    this.#clients += 1;
    const operations = this.#random.between(6, 14);
    await new Client(this.#world, name, () => this.machineMs(name)).run(operations);
    this.#clients -= 1;
  }

  /** Machines of one deployment agree on the time only so far. */
  #setClocksApart(): void {
    for (const node of this.#nodes) {
      node.clockOffsetMs = this.#random.between(-SKEW_MS_MAX, SKEW_MS_MAX);
    }
  }

  #troubles(): void {
    const random = this.#random;
    for (let count = random.between(0, 4); count > 0; count -= 1) {
      const node = random.pick(this.#nodes);
      this.scheduler.schedule('trouble', random.between(0, RUN_MS), 'crash', () =>
        this.#crash(node),
      );
    }
    for (let count = random.between(0, 3); count > 0; count -= 1) {
      const node = random.pick(this.#nodes);
      const jump = random.pick(JUMPS_MS);
      this.scheduler.schedule('trouble', random.between(0, RUN_MS), `clock ${jump}`, () => {
        node.clockOffsetMs += jump;
      });
    }
  }

  #crash(node: SimulatedNode): void {
    this.#crashes += 1;
    node.crash();
    node.afterCrash(this.#random.pick(['kept', 'kept', 'lost', 'older', 'remembered'] as const));
    this.#startLater(node);
  }

  #startLater(node: SimulatedNode): void {
    this.scheduler.cancelOf(`watch over ${node.name}`);
    const delay = this.#random.between(1, 200);
    this.scheduler.schedule(`watch over ${node.name}`, delay, 'start', () => {
      node.start().then(
        () => this.#world.hasStarted(node),
        (error: unknown) => {
          if (error instanceof NodeGone) return;
          if (!(error instanceof StoreUnavailable)) return this.#world.fail(error);
          // A start that cannot read the log ends the process, and it is started again.
          node.crash();
          this.#startLater(node);
        },
      );
    });
  }

  /** Faults end, everybody comes back, and then everything must be there. */
  async #comeToRest(check: () => Promise<void>): Promise<void> {
    this.#log.faults = NO_FAULTS;
    for (const node of this.#nodes) {
      if (!node.ledger || node.ledger.projector.failure) this.#crash(node);
    }
    await this.scheduler.run(check);
    for (const { ledger } of this.#nodes) this.#carryOut(ledger!.projector.caughtUp());
    await this.scheduler.run(check);
    const world = this.#world;
    for (const node of this.#nodes) {
      if (node.ledger!.projector.position !== BigInt(world.log.events.length)) {
        throw new Error(`${node.name} does not reach the head of the log`);
      }
      world.verifyAll(node);
      world.checkReadModels(node);
    }
    if (this.#random.chance(0.1)) await this.#rebuild(check);
    world.history.check(world.log.events);
  }

  /** Rebuilt while it runs, a node judges and answers as before. */
  async #rebuild(check: () => Promise<void>): Promise<void> {
    const [node] = this.#nodes;
    this.#carryOut(node!.ledger!.projector.rebuild());
    await this.scheduler.run(check);
    this.#world.verifyAll(node!);
    this.#world.checkReadModels(node!);
  }
}
