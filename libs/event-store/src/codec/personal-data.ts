import type { LedgerEvent } from '@ledger/domain';
import type { EventMetadata } from '../event-store.js';
import type { EventData } from './upcasters.js';

/** Ciphertext in place of a value. Nonce and ciphertext, tag included, are base64. */
export interface SealedText {
  readonly v: 1;
  /** Whose data it is: the stream, or the actor. Selects the key. */
  readonly subject: string;
  readonly n: string;
  readonly c: string;
}

/** Keeps personal data unreadable in the log to whoever does not hold the ledger's key (PV1, PV2). */
export abstract class PersonalDataCipher {
  /** @param aad Where the text is stored. What is copied to any other place cannot be opened. */
  abstract seal(text: string, subject: string, aad: string): SealedText;

  /** @throws StoreDamaged When key, text or place is not the one it was sealed with. */
  abstract open(sealed: SealedText, aad: string): string;
}

/** Where an event lies; part of what every sealed value is bound to. */
export interface Place {
  readonly streamId: string;
  readonly eventId: string;
}

/**
 * Fields that may name or describe a person. Each is sealed whole, as JSON text. Add freely, never take
 * away: a field that leaves this list could no longer be opened where it was stored sealed.
 */
const PERSONAL_FIELDS = new Map<string, readonly string[]>(
  Object.entries({
    TokenCreated: ['name', 'description', 'committer', 'ownerId', 'metadata'],
    TokenRenamed: ['from', 'to'],
    TokenDescriptionChanged: ['from', 'to'],
    TokenCommitterChanged: ['from', 'to'],
    TokenOwnerChanged: ['from', 'to'],
    TokenMetadataChanged: ['from', 'to'],
    TokenRevoked: ['note'],
    UserRegistered: ['email', 'name'],
    PersonalTokenIssued: ['label'],
    EventSkipped: ['reason', 'by'],
  } satisfies Partial<Record<LedgerEvent['type'], readonly string[]>>),
);

const PERSONAL_ACTOR_FIELDS = ['ip', 'userAgent'] as const;

/** Seals the personal fields of events on their way into the log, and opens them on their way out. */
export class PersonalData {
  constructor(private readonly cipher: PersonalDataCipher) {}

  /** Events without personal fields, the charges above all, come back as they are. */
  seal(type: string, data: EventData, place: Place): EventData {
    const fields = PERSONAL_FIELDS.get(type);
    if (fields === undefined) return data;
    const sealed: Record<string, unknown> = { ...data };
    for (const field of fields) {
      const value = data[field];
      if (isBlank(value)) continue;
      const aad = aadOf(place, `data.${field}`);
      const text = JSON.stringify(value);
      sealed[field] = { sealed: this.cipher.seal(text, place.streamId, aad) };
    }
    return sealed;
  }

  /** Opens in place: `data` was just parsed and belongs to the caller alone. */
  open(type: string, data: Record<string, unknown>, place: Place): void {
    for (const field of PERSONAL_FIELDS.get(type) ?? []) {
      const value = data[field];
      if (isSealed(value)) data[field] = this.#opened(value.sealed, place, `data.${field}`);
    }
  }

  /** An actor's data is sealed for the actor, whichever stream it lies in. */
  sealMetadata(metadata: EventMetadata, place: Place): object {
    const { actor } = metadata;
    if (isBlank(actor.ip) && isBlank(actor.userAgent)) return metadata;
    const sealed: Record<string, unknown> = { ...actor };
    for (const field of PERSONAL_ACTOR_FIELDS) {
      const value = actor[field];
      if (isBlank(value)) continue;
      const aad = aadOf(place, `metadata.actor.${field}`);
      const text = JSON.stringify(value);
      sealed[field] = { sealed: this.cipher.seal(text, `${actor.kind}:${actor.id}`, aad) };
    }
    return { ...metadata, actor: sealed };
  }

  /** Opens in place, as {@link open} does. */
  openMetadata({ actor }: { readonly actor: Record<string, unknown> }, place: Place): void {
    for (const field of PERSONAL_ACTOR_FIELDS) {
      const value = actor[field];
      if (isSealed(value)) {
        actor[field] = this.#opened(value.sealed, place, `metadata.actor.${field}`);
      }
    }
  }

  #opened(sealed: SealedText, place: Place, path: string): unknown {
    return JSON.parse(this.cipher.open(sealed, aadOf(place, path)));
  }
}

function aadOf({ streamId, eventId }: Place, path: string): string {
  return `${streamId}\n${eventId}\n${path}`;
}

/** Nothing in it, so nothing personal: stored as it is. */
function isBlank(value: unknown): boolean {
  if (value === undefined || value === null || value === '') return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}

/** No personal field can look like this in clear: what is not blank is always sealed. */
function isSealed(value: unknown): value is { readonly sealed: SealedText } {
  return typeof value === 'object' && value !== null && 'sealed' in value;
}
