import { ATTRIBUTE_EVENTS, type LedgerEvent, type Timestamp } from '@ledger/domain';
import type { StoredEvent } from '@ledger/event-store';
import { sampleInstant, sampleMetadata, samplePayloads } from '@ledger/event-store/testing';
import type { LedgerMessage } from './ledger-message.js';
import { toMessage } from './to-message.js';

const NOW = sampleInstant(11);

function message(payload: LedgerEvent, now: Timestamp = NOW): LedgerMessage | undefined {
  const stored: StoredEvent = {
    eventId: '5f0d1f1e-9c1b-4a53-8d4d-0a1f6f1f0005',
    payload,
    metadata: sampleMetadata(),
    streamId: 'token-1',
    revision: 3,
    position: 12_345_678_901_234_567_890n,
    occurredAt: payload.occurredAt,
  };
  return toMessage(stored, now);
}

const PAYLOADS = Object.values(samplePayloads);
const ABOUT = {
  tokenId: samplePayloads.TokenRevoked.tokenId,
  orgId: samplePayloads.TokenRevoked.orgId,
  revision: 3,
  position: '12345678901234567890',
  occurredAt: sampleInstant(1),
};

describe('what leaves the ledger', () => {
  it('is chosen by the type of the event: each has its message, or none', () => {
    const chosen = PAYLOADS.map((payload) => [payload.type, message(payload)?.type] as const);
    expect(Object.fromEntries(chosen.filter(([, type]) => type))).toEqual({
      TokenRevoked: 'token-revoked',
      TokenRotated: 'token-rotated',
      TokenGraceClosed: 'token-rotated',
      EventSkipped: 'token-updated',
      TokenRenamed: 'token-updated',
      TokenScopesChanged: 'token-updated',
      TokenResourcesChanged: 'token-updated',
      TokenMaxQuotaChanged: 'token-updated',
      TokenOwnerChanged: 'token-updated',
      TokenMetadataChanged: 'token-updated',
      TokenExpiryChanged: 'token-updated',
    });
  });

  it('says of a revoked token which revocation it was, and why', () => {
    const data = { ...ABOUT, revocationId: 'revocation-1', reason: 'compromised' };
    const id = '5f0d1f1e-9c1b-4a53-8d4d-0a1f6f1f0005';
    expect(message(samplePayloads.TokenRevoked)).toEqual({ id, type: 'token-revoked', data });
  });

  it('says of a rotated secret when it ends, absolutely and as what remains (X5)', () => {
    expect(message(samplePayloads.TokenRotated)?.data).toEqual({
      ...ABOUT,
      secretId: 'secret-1',
      newSecretId: 'secret-2',
      graceEndsAt: sampleInstant(60),
      graceRemainingMs: 49_000,
    });
    expect(message(samplePayloads.TokenRotated, sampleInstant(61))?.data).toMatchObject({
      graceEndsAt: sampleInstant(60),
      graceRemainingMs: 0,
    });
    const atOnce = { ...samplePayloads.TokenRotated, previousValidUntil: null };
    expect(message(atOnce)?.data).toMatchObject({
      graceEndsAt: sampleInstant(1),
      graceRemainingMs: 0,
    });
  });

  it('says of a closed grace that the secret has ended, and none took its place', () => {
    expect(message(samplePayloads.TokenGraceClosed)?.data).toEqual({
      ...ABOUT,
      secretId: 'secret-1',
      newSecretId: null,
      graceEndsAt: sampleInstant(1),
      graceRemainingMs: 0,
    });
  });

  it('lets go of the token whose event was skipped, and of nothing where it is not known whose', () => {
    const { EventSkipped } = samplePayloads;
    const { occurredAt, revision } = EventSkipped;
    const data = { ...ABOUT, occurredAt, revision, attribute: 'status' };
    expect(message(EventSkipped)).toMatchObject({ type: 'token-updated', data });
    expect(message({ ...EventSkipped, streamId: 'org-1' })).toBeUndefined();
    expect(message({ ...EventSkipped, orgId: null })).toBeUndefined();
  });

  it('names the attribute that changed, never its value', () => {
    const { attribute } = { ...message(samplePayloads.TokenRenamed)?.data } as Record<
      string,
      unknown
    >;
    expect(attribute).toBe('name');
    for (const payload of PAYLOADS) {
      const sent = message(payload);
      if (sent?.type !== 'token-updated' || payload.type === 'EventSkipped') continue;
      expect(sent.data).toEqual({ ...ABOUT, attribute: sent.data.attribute });
      expect(Object.keys(ATTRIBUTE_EVENTS)).toContain(sent.data.attribute);
    }
  });

  it('never holds a digest, a preview, or what may be about a person (K3)', () => {
    for (const payload of PAYLOADS) {
      const text = JSON.stringify(message(payload) ?? {});
      expect(text).not.toMatch(/sha512|AAAA|\*\*\*\*|digest|preview|Ada|Grace|ada@|employee|paste/);
    }
  });
});
