import type { LedgerEvent } from '@ledger/domain';
import type { EventPlace } from '../event-store.js';

/** The fields of a stored event, personal data already opened; neither `type` nor `occurredAt`. */
export type EventData = Readonly<Record<string, unknown>>;

/** Turns the data of one schema version into that of the next. Pure: it runs on every read. */
export interface Upcaster {
  /** The version that `up` reads; it gives `from + 1`. */
  readonly from: number;
  up(data: EventData): EventData;
}

/** For each event type that the log may hold, its upcasters from version 1 on, in order. */
export type UpcasterRegistry = Readonly<Record<string, readonly Upcaster[]>>;

/** An event that this build cannot read. Never passed over: what follows it would be folded wrongly. */
export class UnreadableEvent extends Error {
  override readonly name = 'UnreadableEvent';
  readonly code = 'UNREADABLE_EVENT';
  /** Where it lies, once whoever reads the log has said so. */
  readonly place?: EventPlace;

  constructor(message: string, { place, ...options }: ErrorOptions & { place?: EventPlace } = {}) {
    super(message, options);
    if (place) this.place = place;
  }
}

/**
 * Every event type of the domain. The first change to a stored shape adds `{ from: 1, up }` here, which
 * makes 2 the current version; what was written before is then upcast as it is read.
 */
export const UPCASTERS = {
  TokenCreated: [],
  TokenRenamed: [],
  TokenDescriptionChanged: [],
  TokenScopesChanged: [],
  TokenResourcesChanged: [],
  TokenMaxQuotaChanged: [],
  TokenVisibilityChanged: [],
  TokenCommitterChanged: [],
  TokenOwnerChanged: [],
  TokenMetadataChanged: [],
  TokenExpiryChanged: [],
  TokenRotated: [],
  TokenGraceClosed: [],
  TokenRevoked: [],
  TokenUsed: [],
  QuotaConsumed: [],
  QuotaReturned: [],
  OrganizationCreated: [],
  OrganizationRenamed: [],
  OrganizationPlanChanged: [],
  MemberAdded: [],
  MemberRoleChanged: [],
  MemberRemoved: [],
  SlugReserved: [],
  UserRegistered: [],
  PersonalTokenIssued: [],
  PersonalTokenRevoked: [],
  GatewayReported: [],
  GatewayRetired: [],
  EventSkipped: [],
} as const satisfies Record<LedgerEvent['type'], readonly Upcaster[]>;

/** Which event types this build knows, and at which version. */
export class EventSchemas {
  readonly #upcasters: ReadonlyMap<string, readonly Upcaster[]>;

  /** @throws Error When a chain of upcasters skips a version: a bug in the registry. */
  constructor(registry: UpcasterRegistry = UPCASTERS) {
    for (const [type, chain] of Object.entries(registry)) {
      chain.forEach(({ from }, index) => {
        if (from !== index + 1) throw new Error(`${type}: no upcaster from version ${index + 1}`);
      });
    }
    this.#upcasters = new Map(Object.entries(registry));
  }

  /** The version that events of this type are written with. @throws UnreadableEvent Unknown type. */
  currentVersion(type: string): number {
    return this.#chain(type).length + 1;
  }

  /** @throws UnreadableEvent For a type or a version that this build does not know. */
  upcast(type: string, schemaVersion: number, data: EventData): EventData {
    const chain = this.#chain(type);
    const current = chain.length + 1;
    if (schemaVersion === current) return data;
    if (schemaVersion > current) {
      throw new UnreadableEvent(
        `${type} of schema version ${schemaVersion} was written by a newer version of the ledger; ` +
          `this one reads up to ${current}`,
      );
    }
    if (!Number.isInteger(schemaVersion) || schemaVersion < 1) {
      throw new UnreadableEvent(`${type} has no schema version ${schemaVersion}`);
    }
    return chain.slice(schemaVersion - 1).reduce((older, { up }) => up(older), data);
  }

  #chain(type: string): readonly Upcaster[] {
    const chain = this.#upcasters.get(type);
    if (chain === undefined) {
      throw new UnreadableEvent(`this version of the ledger knows no event type ${type}`);
    }
    return chain;
  }
}
