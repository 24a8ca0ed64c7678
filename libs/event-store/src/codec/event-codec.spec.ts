import type { LedgerEvent } from '@ledger/domain';
import {
  sampleCharge,
  sampleCipher,
  sampleCreation,
  sampleEvent,
  samplePayloads,
} from '../testing/sample-events.js';
import { EventCodec } from './event-codec.js';
import { PersonalDataCipher } from './personal-data.js';
import { EventSchemas, type UpcasterRegistry } from './upcasters.js';

const actor = {
  kind: 'org_token',
  id: 'token-9',
  ip: '192.0.2.7',
  userAgent: 'probe/1.0',
} as const;

/** A cipher that must not be needed. */
class NoCipher extends PersonalDataCipher {
  seal(): never {
    throw new Error('nothing here is personal');
  }

  open(): never {
    throw new Error('nothing here is personal');
  }
}

function sealedIn(text: string): readonly string[] {
  return Object.entries(JSON.parse(text) as Record<string, unknown>)
    .filter(([, value]) => typeof value === 'object' && value !== null && 'sealed' in value)
    .map(([field]) => field);
}

describe('EventCodec', () => {
  const codec = new EventCodec(sampleCipher());

  it.each(Object.entries(samplePayloads))('gives %s back as it was', (_, payload) => {
    const event = sampleEvent<LedgerEvent>(payload, { actor, fingerprint: 'digest' });
    const decoded = codec.decode('s', codec.encode('s', event));
    expect(decoded).toEqual({ ...event, occurredAt: payload.occurredAt });
  });

  it('stores type and time in columns of their own, not in the data', () => {
    const encoded = codec.encode('s', sampleEvent(sampleCharge(7)));
    expect(encoded).toMatchObject({ type: 'QuotaConsumed', schemaVersion: 1 });
    expect(encoded.occurredAt).toBe(sampleCharge(7).occurredAt);
    expect(Object.keys(JSON.parse(encoded.data) as object)).not.toContain('type');
    expect(Object.keys(JSON.parse(encoded.data) as object)).not.toContain('occurredAt');
  });

  describe('with personal data', () => {
    it.each([
      ['TokenCreated', ['name', 'description', 'committer', 'ownerId', 'metadata']],
      ['TokenRenamed', ['from', 'to']],
      ['TokenDescriptionChanged', ['to']],
      ['TokenCommitterChanged', ['to']],
      ['TokenOwnerChanged', ['from']],
      ['TokenMetadataChanged', ['to']],
      ['TokenRevoked', ['note']],
      ['UserRegistered', ['email', 'name']],
      ['PersonalTokenIssued', ['label']],
      ['TokenScopesChanged', []],
      ['OrganizationCreated', []],
    ] as const)('seals what may name a person in %s, unless it is blank', (type, fields) => {
      const { data } = codec.encode('s', sampleEvent<LedgerEvent>(samplePayloads[type]));
      expect(sealedIn(data).toSorted()).toEqual([...fields].sort());
    });

    it('seals where the actor called from, under the key of the actor', () => {
      const { metadata } = codec.encode('s', sampleEvent(sampleCharge(1), { actor }));
      const stored = JSON.parse(metadata) as { actor: Record<string, unknown> };
      const sealed = { sealed: expect.objectContaining({ v: 1, subject: 'org_token:token-9' }) };
      expect(stored.actor).toEqual({ ...actor, ip: sealed, userAgent: sealed });
    });

    it('costs events without personal data nothing', () => {
      const plain = new EventCodec(new NoCipher());
      const event = sampleEvent(sampleCharge(1));
      expect(plain.decode('s', plain.encode('s', event))).toMatchObject(event);
    });

    it('refuses ciphertext that was moved to another field, event or stream', () => {
      const event = sampleEvent(samplePayloads.UserRegistered);
      const encoded = codec.encode('user-1', event);
      const { email, name, ...rest } = JSON.parse(encoded.data) as Record<string, unknown>;
      const swapped = { ...encoded, data: JSON.stringify({ ...rest, email: name, name: email }) };
      const moved = { ...encoded, eventId: sampleEvent(sampleCharge(1)).eventId };
      expect(() => codec.decode('user-1', swapped)).toThrow('cannot be opened');
      expect(() => codec.decode('user-1', moved)).toThrow('cannot be opened');
      expect(() => codec.decode('user-2', encoded)).toThrow('cannot be opened');
    });

    it('says that the key is of another ledger', () => {
      const encoded = codec.encode('s', sampleEvent(sampleCreation()));
      const other = new EventCodec(sampleCipher(8));
      expect(() => other.decode('s', encoded)).toThrow(
        'the ledger key does not belong to this log',
      );
    });
  });

  describe('with upcasters', () => {
    const registry: UpcasterRegistry = {
      QuotaConsumed: [
        { from: 1, up: ({ units, ...data }) => ({ ...data, cost: units }) },
        { from: 2, up: (data) => ({ ...data, operation: data.operation ?? 'unknown' }) },
      ],
    };
    const current = new EventCodec(sampleCipher(), new EventSchemas(registry));
    const { cost, operation, ...rest } = JSON.parse(
      codec.encode('s', sampleEvent(sampleCharge(1))).data,
    ) as Record<string, unknown>;
    const written = codec.encode('s', sampleEvent(sampleCharge(1)));

    it('writes the version after the last upcaster', () => {
      expect(current.encode('s', sampleEvent(sampleCharge(1))).schemaVersion).toBe(3);
    });

    it.each([
      [1, { ...rest, units: cost }, 'unknown'],
      [2, { ...rest, cost }, 'unknown'],
      [3, { ...rest, cost, operation }, 'packages:list'],
    ])('reads version %d', (schemaVersion, data, expected) => {
      const stored = { ...written, schemaVersion, data: JSON.stringify(data) };
      const { payload } = current.decode('s', stored);
      expect(payload).toEqual({ ...sampleCharge(1), operation: expected });
    });

    it('refuses what a newer version wrote, and what no version can have written', () => {
      const newer = { ...written, schemaVersion: 4 };
      expect(() => current.decode('s', newer)).toThrow('written by a newer version');
      expect(() => current.decode('s', { ...written, schemaVersion: 0 })).toThrow('version 0');
    });

    it.each(['Unheard', 'constructor'])(
      'never passes over an event of unknown type: %s',
      (type) => {
        expect(() => codec.decode('s', { ...written, type })).toThrow(`no event type ${type}`);
      },
    );

    it('refuses a registry that skips a version', () => {
      const gap = { QuotaConsumed: [{ from: 2, up: (data: object) => ({ ...data }) }] };
      expect(() => new EventSchemas(gap)).toThrow('no upcaster from version 1');
    });
  });
});
