import { InvariantViolation } from './primitives.js';
import {
  at,
  attributeChanged,
  attributeNames,
  attributes,
  justBefore,
  knownToken,
  orgId,
  otherAttributes,
  secretOf,
  tokenCreated,
  tokenId,
  tokenRevoked,
  tokenRotated,
} from './testing/index.js';
import { ATTRIBUTE_EVENTS, changedAttribute, isAttributeChange } from './token-events.js';
import { evolve, noToken, statusAt } from './token.js';

describe('the fold of a history', () => {
  it('counts events as the revision', () => {
    expect(knownToken(tokenCreated()).revision).toBe(1);
    expect(
      knownToken(
        tokenCreated(),
        attributeChanged('name', 'ci', 'x'),
        tokenRotated(),
        tokenRevoked(),
      ).revision,
    ).toBe(4);
  });

  it.each(attributeNames)('shows the latest %s', (attribute) => {
    const event = attributeChanged(attribute, attributes[attribute], otherAttributes[attribute]);
    const { revision: _one, lastAt: _at, ...before } = knownToken(tokenCreated());
    expect(knownToken(tokenCreated(), event)).toStrictEqual({
      ...before,
      [attribute]: otherAttributes[attribute],
      revision: 2,
      lastAt: at(1),
    });
  });

  it('is not moved by a use, which lives in a stream of its own', () => {
    const used = { type: 'TokenUsed', tokenId, orgId, secretId: secretOf(1).secretId } as const;
    const token = knownToken(tokenCreated());
    expect(evolve(token, { ...used, occurredAt: at(9) })).toBe(token);
  });

  it('is a bug without a beginning', () =>
    expect(() => evolve(noToken, tokenRevoked())).toThrow(InvariantViolation));

  it('is a bug with an event that is no fact about a token', () =>
    expect(() =>
      evolve(knownToken(tokenCreated()), { ...tokenRevoked(), type: 'Unheard' as 'TokenRevoked' }),
    ).toThrow(InvariantViolation));
});

describe('the status of a token', () => {
  it.each([
    ['active', 'active', null, at(1)],
    ['active', 'active', at(1), justBefore(at(1))],
    ['expired', 'active', at(1), at(1)],
    ['revoked', 'revoked', at(1), at(1)],
    ['revoked', 'revoked', null, at(1)],
  ] as const)('is %s when %s, expiring at %s, seen at %s', (expected, status, expiresAt, now) =>
    expect(statusAt({ status, expiresAt }, now)).toBe(expected),
  );
});

it('knows the attribute behind each event of change, and none behind any other event', () => {
  for (const attribute of attributeNames) {
    expect(changedAttribute(ATTRIBUTE_EVENTS[attribute])).toBe(attribute);
  }
  expect(changedAttribute('TokenRotated')).toBeUndefined();
  expect(isAttributeChange(attributeChanged('name', 'a', 'b'))).toBe(true);
  expect(isAttributeChange(tokenRotated())).toBe(false);
});
