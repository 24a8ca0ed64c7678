import { randomUUID } from 'node:crypto';
import { systemContext, toNewEvents } from '@ledger/commands';
import type { EventSkipped, OrgId } from '@ledger/domain';
import {
  EventStore,
  SKIPPED_EVENTS,
  SkippedEvents,
  StoreDamaged,
  UnreadableEvent,
  type EventPlace,
  type Position,
  type StoredEvent,
} from '@ledger/event-store';
import { parseMessage, toMessage } from '@ledger/publishing';
import {
  EventNotApplied,
  PROJECTIONS,
  Projector,
  ReadModelDatabase,
  type RebuildProgress,
} from '@ledger/read-models';
import { MonotonicClock } from './monotonic-clock.js';
import { WatchedEventStore } from './watched-event-store.js';

/** The event at which read models, or the relay, stop. */
export interface Obstacle extends EventPlace {
  /** Whose stream it is, as far as the events before it tell. */
  readonly orgId: OrgId | null;
  readonly problem: string;
}

const PAGE_EVENTS = 1_000;

/**
 * Tries the whole log on read models of its own, in memory, and on the messages for gateways. Takes as long as a
 * rebuild. Changes nothing.
 *
 * @throws StoreDamaged, StoreUnavailable For what is not one event's fault.
 */
export async function findObstacle(
  store: EventStore,
  onProgress?: (progress: RebuildProgress) => void,
): Promise<Obstacle | undefined> {
  const skipped = await SkippedEvents.in(store);
  const log = new WatchedEventStore(store);
  log.goPast(skipped);
  const stop = await whereReadModelsStop(log, onProgress);
  const upTo = stop?.place.position ?? (await log.head());
  let orgId: OrgId | null = null;
  for await (const event of eventsUpTo(log, upTo)) {
    const problem = skipped.covers(event) ? undefined : whyWithoutMessage(event);
    if (problem !== undefined) {
      const { streamId, revision, position, metadata } = event;
      return { streamId, revision, position, orgId: metadata.orgId, problem };
    }
    // The event itself is believed only where nothing else tells.
    const isEarlier = event.position < upTo || orgId === null;
    if (isEarlier && event.streamId === stop?.place.streamId) ({ orgId } = event.metadata);
  }
  return stop && { ...stop.place, orgId, problem: stop.problem };
}

/** Appends the decision to go on without an event. It takes effect where a process is started after it. */
export async function skipEvent(
  store: EventStore,
  { streamId, revision, position, orgId }: Obstacle,
  { reason, by }: Pick<EventSkipped, 'reason' | 'by'>,
): Promise<void> {
  const event: EventSkipped = {
    ...{ type: 'EventSkipped', position: String(position), streamId, revision, orgId, reason, by },
    occurredAt: new MonotonicClock().now(),
  };
  const context = systemContext(randomUUID());
  const identity = { commandId: randomUUID(), fingerprint: undefined };
  const expected = (await store.read(SKIPPED_EVENTS)).length;
  const events = toNewEvents([event], { identity, context, orgId });
  const { outcome } = await store.append(SKIPPED_EVENTS, expected, events);
  if (outcome === 'conflict') throw new Error('somebody else skips an event just now: look again');
}

interface Stop {
  readonly place: EventPlace;
  readonly problem: string;
}

async function whereReadModelsStop(
  store: EventStore,
  onProgress?: (progress: RebuildProgress) => void,
): Promise<Stop | undefined> {
  const runs = PROJECTIONS.map((projection) => ({ projection }));
  const projector = new Projector(store, new ReadModelDatabase(':memory:', 'trial'), runs);
  try {
    await projector.start(onProgress);
    return undefined;
  } catch (error) {
    const isOne =
      error instanceof EventNotApplied ||
      error instanceof UnreadableEvent ||
      error instanceof StoreDamaged;
    if (!isOne || !error.place) throw error;
    return { place: error.place, problem: error.message };
  } finally {
    await projector.close();
  }
}

/** All events that can be read, up to a position. */
async function* eventsUpTo(store: EventStore, upTo: Position): AsyncGenerator<StoredEvent> {
  for (let position = 0n; position < upTo;) {
    const events = await readable(store, position, upTo);
    for (const event of events) if (event.position <= upTo) yield event;
    const last = events.at(-1);
    if (!last) return;
    position = last.position;
  }
}

/** Empty at the event that the read models stop at because it cannot be read. */
async function readable(
  store: EventStore,
  after: Position,
  upTo: Position,
): Promise<readonly StoredEvent[]> {
  try {
    return await store.readAllAfter(after, PAGE_EVENTS);
  } catch (error) {
    const isThere = error instanceof UnreadableEvent || error instanceof StoreDamaged;
    if (isThere && error.place?.position === upTo) return [];
    throw error;
  }
}

function whyWithoutMessage(event: StoredEvent): string | undefined {
  try {
    const message = toMessage(event, event.occurredAt);
    if (message) parseMessage(message.type, message.id, message.data);
    return undefined;
  } catch (error) {
    const { type } = event.payload;
    return `the ${type} at position ${event.position} has no message: ${(error as Error).message}`;
  }
}
