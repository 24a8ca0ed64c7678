import type { LedgerEvent, Timestamp } from '@ledger/domain';
import type { EventMetadata, NewEvent } from '../event-store.js';
import { PersonalData, type PersonalDataCipher, type Place } from './personal-data.js';
import { EventSchemas } from './upcasters.js';

/** An event as it is stored: the columns of a row, the payload and the metadata as JSON text. */
export interface EncodedEvent {
  readonly eventId: string;
  readonly type: string;
  readonly schemaVersion: number;
  readonly occurredAt: string;
  /** The payload without `type` and `occurredAt`, personal fields sealed. */
  readonly data: string;
  readonly metadata: string;
}

export type DecodedEvent = NewEvent & { readonly occurredAt: Timestamp };

/** Turns events into what is stored, and back into what the current code expects. */
export class EventCodec {
  readonly #personalData: PersonalData;

  constructor(
    cipher: PersonalDataCipher,
    private readonly schemas: EventSchemas = new EventSchemas(),
  ) {
    this.#personalData = new PersonalData(cipher);
  }

  /** @throws UnreadableEvent For a type without a schema: what is written could not be read again. */
  encode(streamId: string, { eventId, payload, metadata }: NewEvent): EncodedEvent {
    const { type, occurredAt } = payload;
    // JSON leaves out what is undefined; taking the two out of a copy would cost more than the text.
    const data = { ...payload, type: undefined, occurredAt: undefined };
    const place: Place = { streamId, eventId };
    return {
      eventId,
      type,
      schemaVersion: this.schemas.currentVersion(type),
      occurredAt,
      data: JSON.stringify(this.#personalData.seal(type, data, place)),
      metadata: JSON.stringify(this.#personalData.sealMetadata(metadata, place)),
    };
  }

  /**
   * The payload is handed out as read-only by its type alone: freezing it would cost every fold.
   *
   * @throws UnreadableEvent For a type or version that this build does not know.
   * @throws StoreDamaged When personal data cannot be opened with this ledger's key.
   */
  decode(streamId: string, encoded: EncodedEvent): DecodedEvent {
    const { eventId, type, schemaVersion, occurredAt } = encoded;
    const place: Place = { streamId, eventId };
    // The rows come from this codec, and the hash chain vouches that nobody else wrote them.
    const stored = JSON.parse(encoded.data) as Record<string, unknown>;
    this.#personalData.open(type, stored, place);
    const data = this.schemas.upcast(type, schemaVersion, stored);
    const metadata = JSON.parse(encoded.metadata) as EventMetadata & {
      readonly actor: Record<string, unknown>;
    };
    this.#personalData.openMetadata(metadata, place);
    const payload = Object.assign(data, { type, occurredAt }) as unknown as LedgerEvent;
    return { eventId, payload, metadata, occurredAt: occurredAt as Timestamp };
  }
}
