import type { Authority } from './authority.js';
import {
  admin,
  adminId,
  at,
  dead,
  fold,
  given,
  member,
  memberId,
  operator,
  otherOrgId,
  revokeToken,
  rotateToken,
  secretOf,
  tokenAuthority,
  tokenCreated,
  tokenRotated,
  updateToken,
} from './testing/index.js';
import type { TokenCommand, UpdateToken } from './token-commands.js';
import type { TokenEvent } from './token-events.js';
import { decide } from './token.js';

type Over = Partial<Pick<UpdateToken, 'identity' | 'expectedRevision' | 'now'>>;

const targeted: [string, (over: Over) => TokenCommand][] = [
  ['UpdateToken', (over) => updateToken({ name: 'deploy' }, over)],
  ['RotateToken', (over) => rotateToken({ secret: secretOf(3), ...over })],
  ['RevokeToken', (over) => revokeToken(over)],
];

describe.each(targeted)('%s finds its token', (_type, command) => {
  const rotated = [tokenCreated(), tokenRotated()];
  const current = secretOf(2);
  const old = secretOf(1);

  it.each([
    ['no further name', {}],
    ['the current digest', { digest: current.digest }],
    ['the id of the current secret', { secretId: current.secretId }],
    ['both', { digest: current.digest, secretId: current.secretId }],
  ])('by %s', (_names, identity) => {
    expectAccepted(rotated, command({ identity }), admin);
  });

  it.each([
    ['the digest from before the rotation', { digest: old.digest }],
    ['the secret id from before the rotation', { secretId: old.secretId }],
    ['a right digest and a wrong secret id', { digest: current.digest, secretId: old.secretId }],
    ['a wrong digest and a right secret id', { digest: old.digest, secretId: current.secretId }],
  ])('and does not, by %s', (_names, identity) =>
    given(...rotated)
      .when(command({ identity }))
      .thenRejected({ code: 'TOKEN_NOT_FOUND' }),
  );

  it('does not find one that was never created', () =>
    given().when(command({})).thenRejected({ code: 'TOKEN_NOT_FOUND' }));

  it('answers for a token of another organization as for one that does not exist', () =>
    given(tokenCreated({ orgId: otherOrgId }))
      .when(command({}))
      .thenRejected({ code: 'TOKEN_NOT_FOUND' }));

  it('is not open to a token of another organization', () =>
    given(tokenCreated())
      .as(tokenAuthority({ orgId: otherOrgId, scopes: ['*'], maxQuota: null }))
      .when(command({}))
      .thenRejected({ code: 'ORGANIZATION_NOT_FOUND' }));

  it('is refused at any revision but the one that the caller saw', () => {
    expectAccepted(rotated, command({ expectedRevision: 2 }), admin);
    for (const expectedRevision of [0, 1, 3]) {
      given(...rotated)
        .when(command({ expectedRevision }))
        .thenRejected({ code: 'REVISION_MISMATCH', revision: 2 });
    }
  });

  it('lets a member manage what the member created, with all the power it already has', () => {
    const own = tokenCreated({ createdByUserId: memberId, scopes: ['*'], maxQuota: null });
    expectAccepted([own, tokenRotated()], command({}), member);
  });

  it.each<[string, Authority]>([['a member who did not create it', member]])(
    'is refused to %s',
    (_who, authority) =>
      given(...rotated)
        .as(authority)
        .when(command({}))
        .thenRejected({ code: 'FORBIDDEN' }),
  );

  it.each<[string, Authority]>([
    [
      'its creator, who has left the organization',
      { kind: 'user', userId: adminId, role: null, operator: false },
    ],
    ['the operator, who is no member', operator],
  ])('tells %s nothing of it', (_who, authority) =>
    given(...rotated)
      .as(authority)
      .when(command({}))
      .thenRejected({ code: 'ORGANIZATION_NOT_FOUND' }),
  );

  it('is not open to a credential that has died', () =>
    given(...rotated)
      .as(dead)
      .when(command({}))
      .thenRejected({ code: 'ACTOR_NOT_LIVE' }));

  it('records no time before that of the last event, though the clock went back', () => {
    const events = expectAccepted(rotated, command({ now: at(-100) }), admin);
    expect(events.map(({ occurredAt }) => occurredAt)).toEqual([at(1)]);
  });
});

/** Accepted with exactly one event, which is handed back. */
function expectAccepted(
  history: readonly TokenEvent[],
  command: TokenCommand,
  authority: Authority,
) {
  const decision = decide(fold(...history), command, authority);
  expect(decision).toMatchObject({ outcome: 'accepted', events: [expect.anything()] });
  return decision.outcome === 'accepted' ? decision.events : [];
}
