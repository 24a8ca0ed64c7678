import { EventLog } from '../double/event-log.js';
import { EventStoreDouble, type Member } from '../double/event-store-double.js';

/** Doubles that share one log, of which one leads. */
export class ClusterOfDoubles {
  readonly nodes: EventStoreDouble[] = [];
  readonly #dead = new Set<EventStoreDouble>();
  #leader = 0;

  static async start(size: number): Promise<ClusterOfDoubles> {
    const cluster = new ClusterOfDoubles();
    const log = new EventLog();
    for (let n = 0; n < size; n += 1) {
      const members = (): readonly Member[] => cluster.#members();
      cluster.nodes.push(await EventStoreDouble.start({ log, members }));
    }
    cluster.elect(0);
    return cluster;
  }

  get connectionString(): string {
    const hosts = this.nodes.map(({ endpoint }) => `${endpoint.address}:${endpoint.port}`);
    return `esdb://${hosts.join(',')}?tls=false`;
  }

  get leader(): EventStoreDouble {
    return this.nodes[this.#leader]!;
  }

  elect(index: number): void {
    this.#leader = index;
    for (const node of this.nodes) {
      node.faults.leader = node === this.leader ? undefined : this.leader.endpoint;
    }
  }

  /** Gossip takes the node for dead from now on. */
  bury(node: EventStoreDouble): void {
    this.#dead.add(node);
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()));
  }

  #members(): readonly Member[] {
    return this.nodes.map((node) => ({
      ...node.endpoint,
      isLeader: node === this.leader,
      isAlive: !this.#dead.has(node),
    }));
  }
}
