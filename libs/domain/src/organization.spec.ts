import type { Authority } from './authority.js';
import {
  decideOrganization,
  evolveOrganization,
  type Organization,
  type OrganizationCommand,
  type OrganizationEvent,
  type OrganizationState,
} from './organization.js';
import { InvariantViolation } from './primitives.js';
import type { Rejection } from './rejection.js';
import {
  admin,
  adminId,
  at,
  dead,
  member,
  memberAdded,
  memberId,
  operator,
  organizationCreated,
  orgId,
  otherUserId,
  stranger,
  system,
  tokenAuthority,
} from './testing/index.js';

type Of<Type> = Extract<OrganizationCommand, { type: Type }>;

const create: Of<'CreateOrganization'> = {
  type: 'CreateOrganization',
  orgId,
  slug: 'acme',
  name: 'Acme',
  plan: 'free',
  firstAdmin: adminId,
  now: at(0),
};
const setMember = (
  userId = memberId,
  role: 'admin' | 'member' = 'member',
): OrganizationCommand => ({
  type: 'SetMember',
  orgId,
  userId,
  role,
  now: at(2),
});
const removeMember = (userId = memberId): OrganizationCommand => ({
  type: 'RemoveMember',
  orgId,
  userId,
  now: at(2),
});
const update = (changes: { name?: string | null; plan?: string }): OrganizationCommand => ({
  type: 'UpdateOrganization',
  orgId,
  now: at(2),
  ...changes,
});

function fold(...history: readonly OrganizationEvent[]): OrganizationState {
  return history.reduce<OrganizationState>(evolveOrganization, undefined);
}

function given(...history: readonly OrganizationEvent[]) {
  const as = (authority: Authority) => ({
    when(command: OrganizationCommand) {
      const decision = decideOrganization(fold(...history), command, authority);
      return {
        then: (...events: readonly OrganizationEvent[]) =>
          expect(decision).toStrictEqual({ outcome: 'accepted', events }),
        thenRejected: (rejection: Rejection) =>
          expect(decision).toStrictEqual({ outcome: 'rejected', rejection }),
      };
    },
  });
  return { as, ...as(admin) };
}

const fact = { orgId, occurredAt: at(2) };
const changes: [string, OrganizationCommand][] = [
  ['UpdateOrganization', update({ name: 'Acme Inc' })],
  ['SetMember', setMember()],
  ['RemoveMember', removeMember(adminId)],
];

describe('CreateOrganization', () => {
  it.each([
    ['the operator', operator],
    ['the ledger itself', system],
  ])('makes %s an organization together with its first admin', (_who, authority) =>
    given()
      .as(authority)
      .when(create)
      .then(...organizationCreated),
  );

  it.each([
    ['an admin of another organization', admin],
    ['a member of another organization', member],
    ['a user', stranger],
    ['a token that holds everything', tokenAuthority({ scopes: ['*', 'ledger'], maxQuota: null })],
  ])('is refused to %s', (_who, authority) =>
    given().as(authority).when(create).thenRejected({ code: 'FORBIDDEN' }),
  );

  it('is refused where there is one, and tells so only to who may create', () => {
    given(...organizationCreated)
      .as(operator)
      .when(create)
      .thenRejected({ code: 'SLUG_TAKEN' });
    given(...organizationCreated)
      .as(stranger)
      .when(create)
      .thenRejected({ code: 'FORBIDDEN' });
    given(...organizationCreated)
      .as(dead)
      .when(create)
      .thenRejected({ code: 'ACTOR_NOT_LIVE' });
  });
});

describe.each(changes)('%s', (_type, command) => {
  it.each([
    ['a member', member],
    ['a user outside', stranger],
    ['the operator, who is no member', operator],
    ['a token that holds everything', tokenAuthority({ scopes: ['*', 'ledger'], maxQuota: null })],
  ])('is refused to %s', (_who, authority) =>
    given(...organizationCreated)
      .as(authority)
      .when(command)
      .thenRejected({ code: 'FORBIDDEN' }),
  );

  it('is not open to a credential that has died', () =>
    given(...organizationCreated)
      .as(dead)
      .when(command)
      .thenRejected({ code: 'ACTOR_NOT_LIVE' }));

  it('finds no organization that was never created, whoever asks', () => {
    for (const authority of [admin, stranger, system]) {
      given().as(authority).when(command).thenRejected({ code: 'ORGANIZATION_NOT_FOUND' });
    }
  });
});

describe('UpdateOrganization', () => {
  const founded = given(...organizationCreated);

  it('records one event for each attribute that changed', () => {
    founded
      .when(update({ name: 'Acme Inc', plan: 'team' }))
      .then(
        { type: 'OrganizationRenamed', ...fact, from: 'Acme', to: 'Acme Inc' },
        { type: 'OrganizationPlanChanged', ...fact, from: 'free', to: 'team' },
      );
    founded
      .when(update({ name: null }))
      .then({ type: 'OrganizationRenamed', ...fact, from: 'Acme', to: null });
  });

  it('records nothing when nothing changed', () => {
    founded.when(update({})).then();
    founded.when(update({ name: 'Acme', plan: 'free' })).then();
  });

  it('is open to the ledger itself', () =>
    founded
      .as(system)
      .when(update({ plan: 'team' }))
      .then({ type: 'OrganizationPlanChanged', ...fact, from: 'free', to: 'team' }));
});

describe('SetMember', () => {
  const staffed = [...organizationCreated, memberAdded(memberId, 'member')];

  it('adds who is not in, and changes the role of who is', () => {
    given(...organizationCreated)
      .when(setMember(memberId, 'admin'))
      .then({ type: 'MemberAdded', ...fact, userId: memberId, role: 'admin' });
    given(...staffed)
      .when(setMember(memberId, 'admin'))
      .then({ type: 'MemberRoleChanged', ...fact, userId: memberId, from: 'member', to: 'admin' });
  });

  it('records nothing when the role is what it was', () => {
    given(...staffed)
      .when(setMember(memberId, 'member'))
      .then();
    given(...staffed)
      .when(setMember(adminId, 'admin'))
      .then();
  });

  it('demotes the last admin but one, and never the last', () => {
    given(...organizationCreated, memberAdded(memberId, 'admin'))
      .when(setMember(adminId, 'member'))
      .then({ type: 'MemberRoleChanged', ...fact, userId: adminId, from: 'admin', to: 'member' });
    given(...staffed)
      .when(setMember(adminId, 'member'))
      .thenRejected({ code: 'LAST_ADMIN' });
  });

  it('does not mistake a member for the last admin', () =>
    given(...staffed)
      .when(setMember(otherUserId, 'member'))
      .then({ type: 'MemberAdded', ...fact, userId: otherUserId, role: 'member' }));
});

describe('RemoveMember', () => {
  it('removes members, and admins while another one stays', () => {
    given(...organizationCreated, memberAdded(memberId, 'member'))
      .when(removeMember(memberId))
      .then({ type: 'MemberRemoved', ...fact, userId: memberId });
    given(...organizationCreated, memberAdded(memberId, 'admin'))
      .when(removeMember(adminId))
      .then({ type: 'MemberRemoved', ...fact, userId: adminId });
  });

  it('never removes the last admin, not even by the ledger itself', () => {
    const staffed = given(...organizationCreated, memberAdded(memberId, 'member'));
    staffed.when(removeMember(adminId)).thenRejected({ code: 'LAST_ADMIN' });
    staffed.as(system).when(removeMember(adminId)).thenRejected({ code: 'LAST_ADMIN' });
  });

  it('changes nothing for who is not in, so that a retry is harmless', () =>
    given(...organizationCreated)
      .when(removeMember(memberId))
      .then());
});

describe('the fold of an organization', () => {
  const history: readonly OrganizationEvent[] = [
    ...organizationCreated,
    memberAdded(memberId, 'member'),
    { type: 'MemberRoleChanged', ...fact, userId: memberId, from: 'member', to: 'admin' },
    { type: 'MemberRemoved', ...fact, userId: adminId },
    { type: 'OrganizationRenamed', ...fact, from: 'Acme', to: null },
    { type: 'OrganizationPlanChanged', orgId, occurredAt: at(3), from: 'free', to: 'team' },
  ];

  it('shows who is in, and the latest of everything', () =>
    expect(fold(...history)).toStrictEqual({
      orgId,
      slug: 'acme',
      name: null,
      image: null,
      plan: 'team',
      members: new Map([[memberId, 'admin']]),
      lastAt: at(3),
    }));

  it('leaves earlier states as they were', () => {
    const before = fold(...organizationCreated) as Organization;
    for (const event of history.slice(2)) evolveOrganization(before, event);
    expect(before).toStrictEqual(fold(...organizationCreated));
  });

  it('is a bug without a beginning', () =>
    expect(() => fold(memberAdded(memberId, 'member'))).toThrow(InvariantViolation));

  it('never runs backwards in time', () => {
    given(...history)
      .as(system)
      .when({ ...setMember(otherUserId), now: at(-9) })
      .then({
        type: 'MemberAdded',
        orgId,
        userId: otherUserId,
        role: 'member',
        occurredAt: at(3),
      });
    expect(fold(...history, memberAdded(otherUserId, 'member', at(1)))?.lastAt).toBe(at(3));
  });
});
