import type { Position } from '@ledger/event-store';
import { ReadModelProgress } from '@ledger/commands';
import { Projector } from '@ledger/read-models';

/** The projector's progress, as the write path and the guards of this node see it. */
export class ProjectorProgress extends ReadModelProgress {
  /** Highest position that was answered although the read models did not hold it yet. */
  #owed: Position = 0n;

  constructor(private readonly projector: Projector) {
    super();
  }

  override async reached(position: Position, timeoutMs: number): Promise<boolean> {
    if (position <= this.projector.position) return true;
    const reached = await this.projector.reached(position, timeoutMs);
    if (!reached && position > this.#owed) this.#owed = position;
    return reached;
  }

  /** Position that the read models hold. */
  get position(): Position {
    return this.projector.position;
  }

  /**
   * Whether the read models lack what this node has answered already, or stand still. Who judges
   * credentials must then wait or refuse: a revoke that was answered holds on this node (decision 2).
   */
  get mustNotJudge(): boolean {
    return this.projector.failure !== undefined || this.#owed > this.projector.position;
  }
}
