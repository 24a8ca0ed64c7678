import { timestamp, type SecretId } from './primitives.js';
import { openGrace, rotateRing, type SecretRing } from './secret-ring.js';
import {
  at,
  given,
  justBefore,
  knownToken,
  member,
  orgId,
  otherOrgId,
  rotateToken,
  secretOf,
  stranger,
  tokenCreated,
  tokenId,
  tokenRevoked,
  tokenRotated,
} from './testing/index.js';
import type { CloseGrace } from './token-commands.js';
import type { TokenGraceClosed } from './token-events.js';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const { secretId: firstId } = secretOf(1);
const { secretId: secondId } = secretOf(2);

const closeGrace = (over: Partial<CloseGrace> = {}): CloseGrace => ({
  ...{ type: 'CloseGrace', tokenId, orgId, secretId: firstId, now: at(2) },
  ...over,
});
const graceClosed = (over: Partial<TokenGraceClosed> = {}): TokenGraceClosed => ({
  ...{ type: 'TokenGraceClosed', tokenId, orgId, secretId: firstId, occurredAt: at(2) },
  ...over,
});

describe('a ring of secrets', () => {
  const first = { ...secretOf(1), issuedAt: at(0) };
  const second = { ...secretOf(2), issuedAt: at(1) };
  const third = { ...secretOf(3), issuedAt: at(2) };
  const alone: SecretRing = { current: first, previous: null };

  it('keeps one old secret at most, and none where no end is given', () => {
    const pair = rotateRing(alone, second, at(10));
    expect(pair).toStrictEqual({ current: second, previous: { ...first, validUntil: at(10) } });
    expect(rotateRing(pair, third, at(11)).previous).toStrictEqual({
      ...second,
      validUntil: at(11),
    });
    expect(rotateRing(pair, third, null)).toStrictEqual({ current: third, previous: null });
  });

  it('has an open grace until its end, and not at it', () => {
    const pair = rotateRing(alone, second, at(10));
    expect(openGrace(alone, at(0))).toBeNull();
    expect(openGrace(pair, justBefore(at(10)))).toBe(at(10));
    expect(openGrace(pair, at(10))).toBeNull();
    expect(openGrace(pair, timestamp(Date.parse(at(10)) + 400 * DAY_MS))).toBeNull();
  });
});

describe('closing a grace', () => {
  const inGrace = tokenRotated({ previousValidUntil: at(11) });

  it('is recorded, and ends the old secret at that instant', () => {
    given(tokenCreated(), inGrace).when(closeGrace()).then(graceClosed());
    const { secrets } = knownToken(tokenCreated(), inGrace, graceClosed());
    expect(secrets.previous?.validUntil).toBe(at(2));
    expect(openGrace(secrets, at(2))).toBeNull();
  });

  it('is recorded once: what is over already is left as it is', () => {
    given(tokenCreated(), inGrace, graceClosed())
      .when(closeGrace({ now: at(3) }))
      .thenNothing();
    given(tokenCreated(), inGrace)
      .when(closeGrace({ now: at(11) }))
      .thenNothing();
    given(tokenCreated(), inGrace)
      .when(closeGrace({ now: justBefore(at(11)) }))
      .then(graceClosed({ occurredAt: justBefore(at(11)) }));
  });

  it('never happens before what was recorded last', () =>
    given(tokenCreated(), inGrace)
      .when(closeGrace({ now: at(0) }))
      .then(graceClosed({ occurredAt: at(1) })));

  it('is refused for the current secret, for one that never was, and for one that died long ago', () => {
    given(tokenCreated(), inGrace)
      .when(closeGrace({ secretId: secondId }))
      .thenRejected({ code: 'SECRET_IS_CURRENT' });
    given(tokenCreated(), inGrace)
      .when(closeGrace({ secretId: 'none' as SecretId }))
      .thenRejected({ code: 'SECRET_NOT_FOUND' });
    given(tokenCreated(), tokenRotated()).when(closeGrace()).thenRejected({
      code: 'SECRET_NOT_FOUND',
    });
  });

  it('is refused for a revoked token, a stranger, a member, and in another organization', () => {
    given(tokenCreated(), inGrace, tokenRevoked())
      .when(closeGrace())
      .thenRejected({ code: 'TOKEN_REVOKED', revokedAt: at(1) });
    given(tokenCreated(), inGrace)
      .as(stranger)
      .when(closeGrace())
      .thenRejected({ code: 'ORGANIZATION_NOT_FOUND' });
    given(tokenCreated(), inGrace)
      .as(member)
      .when(closeGrace())
      .thenRejected({ code: 'FORBIDDEN' });
    given(tokenCreated(), inGrace)
      .when(closeGrace({ orgId: otherOrgId }))
      .thenRejected({ code: 'TOKEN_NOT_FOUND' });
  });

  it('lets the token rotate again without being asked to close anything', () =>
    given(tokenCreated(), inGrace, graceClosed())
      .when(rotateToken({ secret: secretOf(3), now: at(3) }))
      .then(tokenRotated({ fromSecretId: secondId, secret: secretOf(3), occurredAt: at(3) })));
});

describe('a SoCMate key', () => {
  const key = (over: Parameters<typeof tokenCreated>[0] = {}) =>
    tokenCreated({ dialect: 'socmate', publicId: { keyId: 'k_1', objectId: '0' }, ...over });

  it('keeps its key id over rotations', () => {
    expect(knownToken(key(), tokenRotated()).publicId).toEqual({ keyId: 'k_1', objectId: '0' });
  });

  it('tells when it was rotated last, and nothing before that', () => {
    expect(knownToken(key()).rotatedAt).toBeNull();
    expect(knownToken(key(), tokenRotated()).rotatedAt).toBe(at(1));
  });

  it('rotates with a grace, which its old expiry bounds', () =>
    given(key({ expiresAt: at(12) }))
      .when(rotateToken({ graceMs: 60 * MINUTE_MS, closePrevious: true, expiresAt: at(90) }))
      .then(tokenRotated({ previousValidUntil: at(12), expiresAt: at(90), occurredAt: at(2) })));
});
