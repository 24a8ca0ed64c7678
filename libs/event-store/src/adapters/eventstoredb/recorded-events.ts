import type { ReadResp } from '@eventstore/db-client/generated/streams_pb.js';
import { parseUUID } from '@eventstore/db-client/dist/utils/grpcUUID.js';
import type { DecodedEvent, EncodedEvent, EventCodec } from '../../codec/event-codec.js';
import {
  StoreDamaged,
  type EventPlace,
  type NewEvent,
  type StoredEvent,
} from '../../event-store.js';
import type { ProposedEvent } from './requests.js';

export type RecordedEvent = ReadResp.ReadEvent.RecordedEvent;

/** What {@link EventMapping.proposed} puts before the metadata, so that no JSON need be parsed to take it off. */
const ENVELOPE = /^\{"schemaVersion":(\d+),"occurredAt":"([^"\\]*)",/;

/**
 * Our events as the database holds them: type and data as the codec gives them; schema version and instant lead
 * the metadata. Streams carry a prefix, which tells ours from whatever else the database holds.
 */
export class EventMapping {
  constructor(
    private readonly codec: EventCodec,
    private readonly prefix: string,
  ) {}

  streamName(streamId: string): string {
    return this.prefix + streamId;
  }

  /** @throws UnreadableEvent For a type without a schema. */
  proposed(streamId: string, event: NewEvent): ProposedEvent {
    const encoded = this.codec.encode(streamId, event);
    const { eventId, type, schemaVersion, occurredAt, data, metadata } = encoded;
    const envelope = JSON.stringify({ schemaVersion, occurredAt });
    return { eventId, type, data, metadata: `${envelope.slice(0, -1)},${metadata.slice(1)}` };
  }

  /**
   * @throws UnreadableEvent For a type or version that this build does not know.
   * @throws StoreDamaged For what the ledger did not write, or cannot open with its key.
   */
  stored(recorded: RecordedEvent): StoredEvent {
    const { streamId, revision, position } = this.placeOf(recorded);
    const { eventId, payload, metadata, occurredAt } = this.#decoded(streamId, recorded);
    return { eventId, payload, metadata, occurredAt, streamId, revision, position };
  }

  /** Where an event lies, whatever it holds. */
  placeOf(recorded: RecordedEvent): EventPlace {
    const name = Buffer.from(recorded.getStreamIdentifier()?.getStreamName_asU8() ?? '');
    const streamId = name.toString('utf8').slice(this.prefix.length);
    return { streamId, revision: revisionOf(recorded) + 1, position: positionOf(recorded) };
  }

  #decoded(streamId: string, recorded: RecordedEvent): DecodedEvent {
    try {
      return this.codec.decode(streamId, encodedOf(recorded));
    } catch (cause) {
      if (!(cause instanceof SyntaxError)) throw cause;
      const place = `${streamId}@${revisionOf(recorded) + 1}`;
      throw new StoreDamaged(`${place} was not written by the ledger`, { cause });
    }
  }
}

/** The server's: 0 for the first event of a stream. */
export function revisionOf(recorded: RecordedEvent): number {
  return Number(recorded.getStreamRevision());
}

export function positionOf(recorded: RecordedEvent): bigint {
  return BigInt(recorded.getCommitPosition());
}

/** @throws SyntaxError For metadata that the ledger did not write. */
function encodedOf(recorded: RecordedEvent): EncodedEvent {
  const data = textOf(recorded.getData_asU8());
  const metadata = textOf(recorded.getCustomMetadata_asU8());
  const [envelope, schemaVersion, occurredAt] = ENVELOPE.exec(metadata) ?? [];
  if (envelope === undefined || occurredAt === undefined) {
    throw new SyntaxError('the metadata names no schema version');
  }
  return {
    eventId: parseUUID(recorded.getId()) ?? '',
    type: recorded.getMetadataMap().get('type') ?? '',
    schemaVersion: Number(schemaVersion),
    occurredAt,
    data,
    metadata: `{${metadata.slice(envelope.length)}`,
  };
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}
