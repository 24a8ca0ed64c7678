import { StoreUnavailable, type Position } from '@ledger/event-store';
import { ReadModelProgress } from '@ledger/commands';
import { Projector } from '@ledger/read-models';
import type { Freshness } from './freshness.js';
import type { WatchedEventStore } from './watched-event-store.js';

/** The projector's progress, as the write path and the guards of this node see it. */
export class ProjectorProgress extends ReadModelProgress {
  /** Highest position that was answered although the read models did not hold it yet. */
  #owed: Position = 0n;

  /** @param freshness Where others append to the log, too. */
  constructor(
    private readonly projector: Projector,
    private readonly store?: Pick<WatchedEventStore, 'silentMs' | 'onSilence'>,
    private readonly freshness?: Freshness,
  ) {
    super();
  }

  override async reached(position: Position, timeoutMs: number): Promise<boolean> {
    if (position <= this.projector.position) return true;
    const reached = await this.#reachedUnlessSilent(position, timeoutMs);
    if (!reached && position > this.#owed) this.#owed = position;
    return reached;
  }

  /** Position that the read models hold. */
  get position(): Position {
    return this.projector.position;
  }

  /**
   * Whether the read models lack what this node has answered already, may lack what others answered longer
   * ago than the bound, or stand still. Who judges credentials must then wait or refuse (decision 2).
   */
  get mustNotJudge(): boolean {
    const { failure, position } = this.projector;
    return failure !== undefined || this.#owed > position || this.isTooOld;
  }

  /** Whether others may have revoked longer ago than the bound without this node knowing. */
  get isTooOld(): boolean {
    return this.freshness?.isTooOld ?? false;
  }

  /** Whether there is no use in waiting for {@link mustNotJudge} to end: not within a request's time. */
  get isHopeless(): boolean {
    return (
      this.projector.failure !== undefined || this.store?.silentMs !== undefined || this.isTooOld
    );
  }

  async #reachedUnlessSilent(position: Position, timeoutMs: number): Promise<boolean> {
    const { store, projector } = this;
    if (!store) return projector.reached(position, timeoutMs);
    let stop = (): void => undefined;
    const silence = new Promise<never>((_, reject) => {
      stop = store.onSilence(() => {
        reject(new StoreUnavailable('the store fell silent after the append: nobody was told'));
      });
    });
    try {
      return await Promise.race([projector.reached(position, timeoutMs), silence]);
    } finally {
      stop();
    }
  }
}
