import type { Authority } from './authority.js';
import { InvariantViolation, type Timestamp } from './primitives.js';
import type { Rejection } from './rejection.js';
import {
  adminId,
  at,
  attributeChanged,
  attributeNames,
  attributes,
  callerTokenId,
  createToken,
  dead,
  given,
  justBefore,
  knownToken,
  member,
  operator,
  otherAttributes,
  otherOrgId,
  otherUserId,
  revocationId,
  revokeToken,
  rotateToken,
  secretOf,
  stranger,
  system,
  tokenAuthority,
  tokenCreated,
  tokenRevoked,
  tokenRotated,
  updateToken,
} from './testing/index.js';
import type { ResourceGrant, TokenEvent } from './token-events.js';

const MINUTE_MS = 60_000;

describe('CreateToken', () => {
  it('records what was asked for, and the user who asked', () =>
    given()
      .when(createToken(otherAttributes, { now: at(3) }))
      .then(
        tokenCreated({
          ...otherAttributes,
          createdBy: { kind: 'user', id: adminId },
          createdByUserId: adminId,
          occurredAt: at(3),
        }),
      ));

  it('names the user who stands at the start of a chain of creating tokens', () =>
    given()
      .as(tokenAuthority({ createdByUserId: otherUserId }))
      .when(createToken())
      .then(
        tokenCreated({
          createdBy: { kind: 'org_token', id: callerTokenId },
          createdByUserId: otherUserId,
        }),
      ));

  it('names no user when the ledger itself creates', () =>
    given()
      .as(system)
      .when(createToken({ scopes: ['*'], maxQuota: null }))
      .then(
        tokenCreated({
          scopes: ['*'],
          maxQuota: null,
          createdBy: { kind: 'system', id: 'system' },
          createdByUserId: null,
        }),
      ));

  it('takes the dialect from the command', () =>
    given()
      .when(createToken({}, { dialect: 'socket' }))
      .then(tokenCreated({ dialect: 'socket' })));

  it.each([['a member', member]])(
    'is refused to %s, even for a token without any power',
    (_who, authority) =>
      given()
        .as(authority)
        .when(createToken({ scopes: [], maxQuota: 0 }))
        .thenRejected({ code: 'FORBIDDEN' }),
  );

  it.each([
    ['a user outside the organization', stranger],
    ['the operator, who is no member', operator],
  ])('tells %s nothing of the organization', (_who, authority) =>
    given()
      .as(authority)
      .when(createToken({ scopes: [], maxQuota: 0 }))
      .thenRejected({ code: 'ORGANIZATION_NOT_FOUND' }),
  );

  it('is a bug under an id that is taken', () => {
    expect(() => given(tokenCreated()).when(createToken())).toThrow(InvariantViolation);
    expect(() => given(tokenCreated(), tokenRevoked()).when(createToken())).toThrow(
      InvariantViolation,
    );
  });
});

describe('UpdateToken', () => {
  it.each(attributeNames)('records a change of %s as one event', (attribute) =>
    given(tokenCreated())
      .when(updateToken({ [attribute]: otherAttributes[attribute] }))
      .then(attributeChanged(attribute, attributes[attribute], otherAttributes[attribute], at(2))),
  );

  it('records one event for each attribute that changed, in one decision', () =>
    given(tokenCreated())
      .when(updateToken(otherAttributes))
      .then(
        ...attributeNames.map((attribute) =>
          attributeChanged(attribute, attributes[attribute], otherAttributes[attribute], at(2)),
        ),
      ));

  it.each(attributeNames)('records nothing when %s is what it was', (attribute) =>
    given(tokenCreated(otherAttributes))
      .when(updateToken({ [attribute]: structuredClone(otherAttributes[attribute]) }))
      .thenNothing(),
  );

  it('records nothing when nothing was asked', () =>
    given(tokenCreated()).when(updateToken({})).thenNothing());

  it('does not take another order of metadata for a change, nor a change for another order', () => {
    const token = tokenCreated({ metadata: { env: 'prod', team: 'a' } });
    given(token)
      .when(updateToken({ metadata: { team: 'a', env: 'prod' } }))
      .thenNothing();
    given(token)
      .when(updateToken({ metadata: { env: 'a', team: 'prod' } }))
      .then(
        attributeChanged('metadata', { env: 'prod', team: 'a' }, { env: 'a', team: 'prod' }, at(2)),
      );
  });

  it('records the change from the latest value, not from the first', () =>
    given(tokenCreated({ name: 'one' }), attributeChanged('name', 'one', 'two'))
      .when(updateToken({ name: 'three' }))
      .then(attributeChanged('name', 'two', 'three', at(2))));

  it('is refused once the token is revoked', () =>
    given(tokenCreated(), tokenRevoked())
      .when(updateToken({ name: 'deploy' }))
      .thenRejected({ code: 'TOKEN_REVOKED', revokedAt: at(1) }));

  it('may give an expired token more time', () =>
    given(tokenCreated({ expiresAt: at(1) }))
      .when(updateToken({ expiresAt: at(9) }))
      .then(attributeChanged('expiresAt', at(1), at(9), at(2))));
});

describe('RotateToken', () => {
  it('ends the old secret at once when no grace was asked for', () =>
    given(tokenCreated())
      .when(rotateToken())
      .then(tokenRotated({ occurredAt: at(2) })));

  it('keeps the old secret until the grace ends', () =>
    given(tokenCreated())
      .when(rotateToken({ graceMs: 10 * MINUTE_MS }))
      .then(tokenRotated({ previousValidUntil: at(12), occurredAt: at(2) })));

  it('keeps everything about the token but its secret', () => {
    const before = knownToken(tokenCreated(otherAttributes));
    const after = knownToken(
      tokenCreated(otherAttributes),
      tokenRotated({ expiresAt: otherAttributes.expiresAt }),
    );
    expect(after).toStrictEqual({
      ...before,
      secrets: { current: { ...secretOf(2), issuedAt: at(1) }, previous: null },
      rotatedAt: at(1),
      revision: 2,
      lastAt: at(1),
    });
  });

  it('bounds the grace by the expiry that the old secret was given', () => {
    const rotated = (old: Timestamp, graceMs: number, expiresAt?: Timestamp | null) =>
      given(tokenCreated({ expiresAt: old })).when(
        rotateToken({ graceMs, ...(expiresAt === undefined ? {} : { expiresAt }) }),
      );
    rotated(at(12), 10 * MINUTE_MS).then(
      tokenRotated({ previousValidUntil: at(12), expiresAt: at(12), occurredAt: at(2) }),
    );
    rotated(at(12), 10 * MINUTE_MS + 1).then(
      tokenRotated({ previousValidUntil: at(12), expiresAt: at(12), occurredAt: at(2) }),
    );
    rotated(at(12), 10 * MINUTE_MS - 1).then(
      tokenRotated({
        previousValidUntil: justBefore(at(12)),
        expiresAt: at(12),
        occurredAt: at(2),
      }),
    );
    rotated(at(5), 10 * MINUTE_MS, null).then(
      tokenRotated({ previousValidUntil: at(5), expiresAt: null, occurredAt: at(2) }),
    );
  });

  it('gives no grace to a secret that has expired', () =>
    given(tokenCreated({ expiresAt: at(2) }))
      .when(rotateToken({ graceMs: MINUTE_MS, expiresAt: at(60) }))
      .then(tokenRotated({ previousValidUntil: null, expiresAt: at(60), occurredAt: at(2) })));

  const inGrace = tokenRotated({ previousValidUntil: at(11) });

  it('is refused until the open grace has ended, and accepted at that instant', () => {
    given(tokenCreated(), inGrace)
      .when(rotateToken({ secret: secretOf(3), now: justBefore(at(11)) }))
      .thenRejected({ code: 'GRACE_OPEN', validUntil: at(11) });
    given(tokenCreated(), inGrace)
      .when(rotateToken({ secret: secretOf(3), now: at(11) }))
      .then(
        tokenRotated({
          fromSecretId: secretOf(2).secretId,
          secret: secretOf(3),
          occurredAt: at(11),
        }),
      );
  });

  it('ends an open grace when asked to, so that only the newest secret and one more live', () => {
    const again = tokenRotated({
      fromSecretId: secretOf(2).secretId,
      secret: secretOf(3),
      previousValidUntil: at(5),
      occurredAt: at(2),
    });
    given(tokenCreated(), inGrace)
      .when(rotateToken({ secret: secretOf(3), graceMs: 3 * MINUTE_MS, closePrevious: true }))
      .then(again);
    expect(knownToken(tokenCreated(), inGrace, again).secrets).toStrictEqual({
      current: { ...secretOf(3), issuedAt: at(2) },
      previous: { ...secretOf(2), issuedAt: at(1), validUntil: at(5) },
    });
  });

  it('has no grace in the Socket dialect', () => {
    given(tokenCreated({ dialect: 'socket' }))
      .when(rotateToken({ graceMs: 1 }))
      .thenRejected({ code: 'GRACE_NOT_OFFERED' });
    given(tokenCreated({ dialect: 'socket' }))
      .when(rotateToken())
      .then(tokenRotated({ occurredAt: at(2) }));
  });

  it('is accepted until the token expires, and refused from that instant', () => {
    const expiring = tokenCreated({ expiresAt: at(30) });
    given(expiring)
      .when(rotateToken({ now: justBefore(at(30)) }))
      .then(tokenRotated({ expiresAt: at(30), occurredAt: justBefore(at(30)) }));
    given(expiring)
      .when(rotateToken({ now: at(30) }))
      .thenRejected({ code: 'TOKEN_EXPIRED', expiresAt: at(30) });
  });

  it('revives an expired token only with an expiry that is still to come', () => {
    const expired = tokenCreated({ expiresAt: at(1) });
    const rotate = (expiresAt: Timestamp | null) =>
      given(expired).when(rotateToken({ expiresAt, now: at(2) }));
    rotate(at(3)).then(tokenRotated({ expiresAt: at(3), occurredAt: at(2) }));
    rotate(null).then(tokenRotated({ expiresAt: null, occurredAt: at(2) }));
    rotate(at(2)).thenRejected({ code: 'TOKEN_EXPIRED', expiresAt: at(2) });
  });

  it('is refused once the token is revoked', () =>
    given(tokenCreated(), tokenRevoked())
      .when(rotateToken())
      .thenRejected({ code: 'TOKEN_REVOKED', revokedAt: at(1) }));
});

describe('RevokeToken', () => {
  it('records who may find it again, why, and when', () =>
    given(tokenCreated())
      .when(revokeToken({ reason: 'compromised', note: 'seen in a log' }))
      .then(tokenRevoked({ reason: 'compromised', note: 'seen in a log', occurredAt: at(2) })));

  it('is final, and keeps the first reason', () => {
    expect(knownToken(tokenCreated(), tokenRevoked())).toMatchObject({
      status: 'revoked',
      revocation: { revocationId, reason: 'requested', revokedAt: at(1) },
    });
    given(tokenCreated(), tokenRevoked())
      .when(revokeToken({ reason: 'other' }))
      .thenNothing();
  });

  it('changes nothing when repeated with the revision that the first call saw', () =>
    given(tokenCreated(), tokenRevoked())
      .when(revokeToken({ expectedRevision: 1 }))
      .thenNothing());

  it('also ends an expired token, so that no later update can bring it back', () =>
    given(tokenCreated({ expiresAt: at(1) }))
      .when(revokeToken())
      .then(tokenRevoked({ occurredAt: at(2) })));
});

describe('a clock that went back', () => {
  it('neither opens a grace again nor moves its start before the last event', () => {
    const history = [
      tokenCreated(),
      tokenRotated({ previousValidUntil: at(10) }),
      attributeChanged('name', 'ci', 'deploy', at(20)),
    ];
    given(...history)
      .when(rotateToken({ secret: secretOf(3), graceMs: MINUTE_MS, now: at(5) }))
      .then(
        tokenRotated({
          fromSecretId: secretOf(2).secretId,
          secret: secretOf(3),
          previousValidUntil: at(21),
          occurredAt: at(20),
        }),
      );
  });

  it('does not revive an expired token', () =>
    given(tokenCreated({ expiresAt: at(10) }), attributeChanged('name', 'ci', 'deploy', at(20)))
      .when(rotateToken({ now: at(5) }))
      .thenRejected({ code: 'TOKEN_EXPIRED', expiresAt: at(10) }));
});

it('gives the first rejection in order of precedence, as each cause is removed in turn', () => {
  const power = { scopes: ['repo'], resources: [] as ResourceGrant[], maxQuota: 100 };
  const weak = { scopes: [] as string[], resources: otherAttributes.resources, maxQuota: 10 };
  let history = [
    tokenCreated({ dialect: 'socket', ...power }),
    tokenRotated({ previousValidUntil: at(50) }),
    tokenRevoked({ occurredAt: at(2) }),
  ] as readonly TokenEvent[];
  let authority: Authority = dead;
  let command = rotateToken({
    identity: { digest: secretOf(1).digest },
    expectedRevision: 1,
    expiresAt: at(-1),
    graceMs: 1,
    secret: secretOf(3),
    now: at(3),
  });
  const rejected = (rejection: Rejection) =>
    given(...history)
      .as(authority)
      .when(command)
      .thenRejected(rejection);

  rejected({ code: 'ACTOR_NOT_LIVE' });
  authority = tokenAuthority({ ...weak, orgId: otherOrgId });
  rejected({ code: 'ORGANIZATION_NOT_FOUND' });
  authority = member;
  rejected({ code: 'TOKEN_NOT_FOUND' });
  command = { ...command, identity: { digest: secretOf(2).digest } };
  rejected({ code: 'FORBIDDEN' });
  authority = tokenAuthority(weak);
  rejected({ code: 'TOKEN_REVOKED', revokedAt: at(2) });
  history = history.slice(0, 2);
  rejected({ code: 'REVISION_MISMATCH', revision: 2 });
  command = { ...command, expectedRevision: 2 };
  rejected({ code: 'TOKEN_EXPIRED', expiresAt: at(-1) });
  command = { ...command, expiresAt: null };
  rejected({ code: 'GRACE_OPEN', validUntil: at(50) });
  command = { ...command, closePrevious: true };
  rejected({ code: 'GRACE_NOT_OFFERED' });
  command = { ...command, graceMs: 0 };
  rejected({ code: 'SCOPES_NOT_HELD', missingScopes: ['repo'] });
  authority = tokenAuthority({ ...weak, scopes: ['repo'] });
  rejected({ code: 'RESOURCES_NOT_HELD' });
  authority = tokenAuthority({ ...power, maxQuota: 10 });
  rejected({ code: 'QUOTA_ABOVE_OWN', ownMaxQuota: 10, requestedMaxQuota: 100 });
  authority = tokenAuthority(power);
  given(...history)
    .as(authority)
    .when(command)
    .then(
      tokenRotated({
        fromSecretId: secretOf(2).secretId,
        secret: secretOf(3),
        occurredAt: at(3),
      }),
    );
});
