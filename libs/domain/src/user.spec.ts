import type { Authority } from './authority.js';
import { InvariantViolation } from './primitives.js';
import type { Rejection } from './rejection.js';
import {
  admin,
  at,
  dead,
  member,
  memberId,
  operator,
  personalTokenId,
  personalTokenIssued,
  secretOf,
  stranger,
  system,
  tokenAuthority,
  tokenId,
  userRegistered,
} from './testing/index.js';
import {
  decideUser,
  evolveUser,
  type UserCommand,
  type UserEvent,
  type UserState,
} from './user.js';

const { digest, preview } = secretOf(9);

const register: UserCommand = {
  type: 'RegisterUser',
  userId: memberId,
  email: 'member@example.com',
  name: 'Member',
  operator: false,
  now: at(0),
};
const issue: UserCommand = {
  type: 'IssuePersonalToken',
  userId: memberId,
  tokenId: personalTokenId,
  digest,
  preview,
  label: 'laptop',
  now: at(1),
};
const revoke: UserCommand = {
  type: 'RevokePersonalToken',
  userId: memberId,
  tokenId: personalTokenId,
  now: at(2),
};
const revoked: UserEvent = {
  type: 'PersonalTokenRevoked',
  userId: memberId,
  tokenId: personalTokenId,
  occurredAt: at(2),
};

function fold(...history: readonly UserEvent[]): UserState {
  return history.reduce<UserState>(evolveUser, undefined);
}

/** The user acts, unless `as` names somebody else. */
function given(...history: readonly UserEvent[]) {
  const as = (authority: Authority) => ({
    when(command: UserCommand) {
      const decision = decideUser(fold(...history), command, authority);
      return {
        then: (...events: readonly UserEvent[]) =>
          expect(decision).toStrictEqual({ outcome: 'accepted', events }),
        thenRejected: (rejection: Rejection) =>
          expect(decision).toStrictEqual({ outcome: 'rejected', rejection }),
      };
    },
  });
  return { as, ...as(member) };
}

const nobody: [string, Authority][] = [
  ['an admin of the organization', admin],
  ['another user', stranger],
  ['a token that the user created', tokenAuthority({ createdByUserId: memberId, scopes: ['*'] })],
];

describe('RegisterUser', () => {
  it.each([
    ['the operator', operator],
    ['the ledger itself', system],
  ])('is open to %s', (_who, authority) => {
    given().as(authority).when(register).then(userRegistered);
    given()
      .as(authority)
      .when({ ...register, name: null, operator: true })
      .then({ ...userRegistered, name: null, operator: true } as UserEvent);
  });

  it.each([...nobody, ['the person to be registered', member] as [string, Authority]])(
    'is refused to %s',
    (_who, authority) => given().as(authority).when(register).thenRejected({ code: 'FORBIDDEN' }),
  );

  it('is not open to a credential that has died', () =>
    given().as(dead).when(register).thenRejected({ code: 'ACTOR_NOT_LIVE' }));

  it('is a bug under an id that is taken', () =>
    expect(() => given(userRegistered).as(operator).when(register)).toThrow(InvariantViolation));
});

describe.each<[string, UserCommand, UserEvent]>([
  ['IssuePersonalToken', issue, personalTokenIssued],
  ['RevokePersonalToken', revoke, revoked],
])('%s', (type, command, event) => {
  const history =
    type === 'IssuePersonalToken' ? [userRegistered] : [userRegistered, personalTokenIssued];

  it.each([
    ['the user', member],
    ['the operator', operator],
    ['the ledger itself', system],
  ])('is open to %s', (_who, authority) =>
    given(...history)
      .as(authority)
      .when(command)
      .then(event),
  );

  it.each(nobody)('is refused to %s, whether or not the user exists', (_who, authority) => {
    given(...history)
      .as(authority)
      .when(command)
      .thenRejected({ code: 'FORBIDDEN' });
    given().as(authority).when(command).thenRejected({ code: 'FORBIDDEN' });
  });

  it('is not open to a credential that has died', () =>
    given(...history)
      .as(dead)
      .when(command)
      .thenRejected({ code: 'ACTOR_NOT_LIVE' }));

  it('tells the operator that there is no such user', () =>
    given().as(operator).when(command).thenRejected({ code: 'USER_NOT_FOUND' }));

  it('records no time before that of the last event, though the clock went back', () =>
    given(...history)
      .when({ ...command, now: at(-9) })
      .then({ ...event, occurredAt: history.at(-1)!.occurredAt }));
});

describe('RevokePersonalToken', () => {
  it('does not find a token that was never issued to this user', () =>
    given(userRegistered, personalTokenIssued)
      .when({ ...revoke, tokenId })
      .thenRejected({ code: 'TOKEN_NOT_FOUND' }));

  it('changes nothing when repeated', () =>
    given(userRegistered, personalTokenIssued, revoked).when(revoke).then());
});

describe('the fold of a user', () => {
  const second: UserEvent = { ...personalTokenIssued, tokenId, label: 'ci' } as UserEvent;
  const issued = {
    tokenId: personalTokenId,
    digest,
    preview,
    label: 'laptop',
    issuedAt: at(1),
    revokedAt: null,
  };

  it('keeps every personal token, and revokes the named one alone', () =>
    expect(fold(userRegistered, personalTokenIssued, second, revoked)).toStrictEqual({
      userId: memberId,
      email: 'member@example.com',
      name: 'Member',
      operator: false,
      personalTokens: [
        { ...issued, revokedAt: at(2) },
        { ...issued, tokenId, label: 'ci' },
      ],
      lastAt: at(2),
    }));

  it('remembers who operates the ledger', () =>
    expect(fold({ ...userRegistered, operator: true } as UserEvent)?.operator).toBe(true));

  it('is a bug without a beginning', () =>
    expect(() => fold(personalTokenIssued)).toThrow(InvariantViolation));
});
