import type { EventPlace, EventStore, Position } from './event-store.js';

/** The stream of what operators decided about events that cannot be applied. */
export const SKIPPED_EVENTS = 'skipped-events';

/**
 * Which streams the ledger goes on with although an event of theirs cannot be applied, and from where on
 * (docs/adr/0014). By itself it passes nothing over: it says what may be, once applying it has failed.
 */
export class SkippedEvents {
  static readonly none = new SkippedEvents(new Map());

  private constructor(private readonly first: ReadonlyMap<string, Position>) {}

  /** As decided up to now. @throws StoreUnavailable, StoreDamaged */
  static async in(store: EventStore): Promise<SkippedEvents> {
    const first = new Map<string, Position>();
    for (const { payload } of await store.read(SKIPPED_EVENTS)) {
      if (payload.type !== 'EventSkipped') continue;
      const position = BigInt(payload.position);
      const known = first.get(payload.streamId);
      if (known === undefined || position < known) first.set(payload.streamId, position);
    }
    return first.size === 0 ? SkippedEvents.none : new SkippedEvents(first);
  }

  /**
   * Whether the event may be gone past, should it not be possible to apply it: one that was skipped, or a later one
   * of its stream, which may need what the skipped one said.
   */
  covers({ streamId, position }: Pick<EventPlace, 'streamId' | 'position'>): boolean {
    const from = this.first.get(streamId);
    return from !== undefined && position >= from;
  }
}
