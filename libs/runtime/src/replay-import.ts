import { setImmediate as nextTurn } from 'node:timers/promises';
import type { LedgerEvent, OrgId } from '@ledger/domain';
import {
  EventSchemas,
  type EventMetadata,
  type NewEvent,
  type Position,
  type Revision,
  type StoredEvent,
} from '@ledger/event-store';
import type { Ledger } from './ledger.js';

/**
 * One event as it travels between ledgers: all that the log says of it, and nothing that is a secret. From where
 * on its stream may be folded is left out: each ledger finds that out for itself.
 */
export interface EventEnvelope {
  readonly eventId: string;
  readonly streamId: string;
  readonly revision: Revision;
  /** A decimal string: positions outgrow what a JSON number can carry. */
  readonly position: string;
  readonly type: string;
  readonly schemaVersion: number;
  readonly occurredAt: string;
  readonly actor: EventMetadata['actor'];
  readonly orgId: string | null;
  readonly dialect: string;
  readonly requestId: string;
  readonly commandId: string;
  readonly causationId: string | null;
  readonly correlationId: string;
  /** Keyed digest of the request body; only where the caller sent an idempotency key. */
  readonly fingerprint?: string;
  /** What the fact says, beside who and when. Of secrets it holds names, previews and digests. */
  readonly data: Readonly<Record<string, unknown>>;
}

/** The log to import cannot be what the empty ledger is to hold. What was imported before it stays. */
export class ImportRefused extends Error {
  override readonly name = 'ImportRefused';
  readonly code = 'IMPORT_REFUSED';
}

const SCHEMAS = new EventSchemas();

export function toEnvelope(stored: StoredEvent): EventEnvelope {
  const { eventId, streamId, revision, occurredAt, payload, metadata } = stored;
  const { actor, orgId, dialect, requestId, commandId, causationId, correlationId } = metadata;
  const { type, occurredAt: _occurredAt, ...data } = payload;
  return {
    ...{ eventId, streamId, revision, position: String(stored.position), type },
    schemaVersion: SCHEMAS.currentVersion(type),
    ...{ occurredAt, actor, orgId, dialect, requestId, commandId, causationId, correlationId },
    ...(metadata.fingerprint === undefined ? {} : { fingerprint: metadata.fingerprint }),
    data,
  };
}

/** Events that are read, checked and appended at once; all that an import holds in memory. */
const BATCH_EVENTS_MAX = 256;

export interface Imported {
  readonly events: number;
  readonly position: Position;
}

/**
 * Fills an empty ledger with the whole log of another one, as GET /v1/events gives it: the same ids, streams,
 * revisions and positions, in the same order. Reads on only as fast as the store writes.
 *
 * Blank lines are passed over. A refusal leaves what was imported until then: make a new ledger and begin
 * again.
 *
 * @param lines One envelope a line, from the first event on.
 * @param onProgress Called after each batch with the position that is durable.
 * @throws ImportRefused When the ledger is not empty, or a line is missing, out of order or unreadable.
 */
export async function importEvents(
  ledger: Pick<Ledger, 'store' | 'projector'>,
  lines: AsyncIterable<string> | Iterable<string>,
  onProgress: (position: Position) => void = () => undefined,
): Promise<Imported> {
  const { store, projector } = ledger;
  const head = await store.head();
  if (head !== 0n) {
    throw new ImportRefused(`the ledger holds ${head} events already; only an empty one is filled`);
  }
  let position: Position = 0n;
  let lineNumber = 0;
  let batch: EventEnvelope[] = [];
  const flush = async (): Promise<void> => {
    if (batch.length === 0) return;
    await appendAll(ledger, batch);
    batch = [];
    onProgress(position);
    // The read models keep up, so that they never have to hold more than a batch.
    await projector.reached(position, 60_000);
    await nextTurn();
  };
  for await (const line of lines) {
    lineNumber += 1;
    if (line.trim() === '') continue;
    const envelope = parseEnvelope(line, lineNumber);
    if (envelope.position !== String(position + 1n)) {
      throw new ImportRefused(
        `line ${lineNumber} holds position ${envelope.position}, where ${position + 1n} has to follow`,
      );
    }
    position += 1n;
    batch.push(envelope);
    if (batch.length >= BATCH_EVENTS_MAX) await flush();
  }
  await flush();
  return { events: Number(position), position };
}

/** The store writes appends in the order in which they are handed to it, so they may share its flushes. */
async function appendAll(
  { store }: Pick<Ledger, 'store'>,
  batch: readonly EventEnvelope[],
): Promise<void> {
  // All are read before any is written, so that an unreadable one leaves no write behind.
  const events = batch.map(asNewEvent);
  const results = await Promise.all(
    batch.map(({ streamId, revision }, index) =>
      store.append(streamId, revision - 1, [events[index]!]),
    ),
  );
  results.forEach((result, index) => {
    const { streamId, revision, position } = batch[index]!;
    if (result.outcome === 'conflict') {
      throw new ImportRefused(
        `position ${position} is revision ${revision} of ${streamId}, which holds ${result.actualRevision} events`,
      );
    }
    if (String(result.position) !== position) {
      throw new ImportRefused(
        `position ${position} came to lie at ${result.position}: the ledger is written to by others`,
      );
    }
  });
}

function asNewEvent(envelope: EventEnvelope): NewEvent {
  const { eventId, type, schemaVersion, occurredAt, actor, dialect, fingerprint } = envelope;
  const { requestId, commandId, causationId, correlationId } = envelope;
  const data = SCHEMAS.upcast(type, schemaVersion, envelope.data);
  const metadata: EventMetadata = {
    commandId,
    ...(fingerprint === undefined ? {} : { fingerprint }),
    ...{ requestId, correlationId, causationId, actor, dialect },
    orgId: envelope.orgId as OrgId | null,
  };
  // Whatever the sending ledger wrote is a fact of the type that it names, as its version of it says.
  return { eventId, payload: { ...data, type, occurredAt } as unknown as LedgerEvent, metadata };
}

const isText = (value: unknown): boolean => typeof value === 'string' && value !== '';
const isTextOrNull = (value: unknown): boolean => value === null || isText(value);
const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) > 0;
const isMembers = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const MEMBERS: Readonly<Record<keyof EventEnvelope, (value: unknown) => boolean>> = {
  eventId: isText,
  streamId: isText,
  revision: isCount,
  position: isText,
  type: isText,
  schemaVersion: isCount,
  occurredAt: isText,
  actor: isMembers,
  orgId: isTextOrNull,
  dialect: isText,
  requestId: isText,
  commandId: isText,
  causationId: isTextOrNull,
  correlationId: isText,
  fingerprint: (value) => value === undefined || isText(value),
  data: isMembers,
};

function parseEnvelope(line: string, lineNumber: number): EventEnvelope {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new ImportRefused(`line ${lineNumber} is not JSON: it may have been cut`);
  }
  if (!isMembers(value)) throw new ImportRefused(`line ${lineNumber} holds no event`);
  const given = value as Record<string, unknown>;
  const wrong = Object.entries(MEMBERS)
    .filter(([name, isValid]) => !isValid(given[name]))
    .map(([name]) => name);
  const unknown = Object.keys(given).filter((name) => !Object.hasOwn(MEMBERS, name));
  if (wrong.length > 0) {
    throw new ImportRefused(`line ${lineNumber} lacks or garbles ${wrong.join(', ')}`);
  }
  // Dropping a member would make a ledger that says less than the one it was read from.
  if (unknown.length > 0) {
    throw new ImportRefused(
      `line ${lineNumber} holds ${unknown.join(', ')}, unknown to this version`,
    );
  }
  return value as EventEnvelope;
}
