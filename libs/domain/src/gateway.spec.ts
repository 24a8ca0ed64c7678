import type { Authority } from './authority.js';
import {
  decideGateway,
  evolveGateway,
  type GatewayCommand,
  type GatewayEvent,
  type GatewayState,
} from './gateway.js';
import type { Timestamp } from './primitives.js';
import {
  admin,
  at,
  dead,
  member,
  operator,
  orgId,
  otherOrgId,
  stranger,
  system,
  tokenAuthority,
} from './testing/index.js';

const edge = { gatewayId: 'edge-1', orgId };

function reported(position: string, occurredAt: Timestamp = at(1)): GatewayEvent {
  return { type: 'GatewayReported', ...edge, position, occurredAt };
}

const retired: GatewayEvent = { type: 'GatewayRetired', ...edge, occurredAt: at(1) };

function report(position: string): GatewayCommand {
  return { type: 'ReportPosition', ...edge, position, now: at(2) };
}

const retire: GatewayCommand = { type: 'RetireGateway', ...edge, now: at(2) };

function given(...history: readonly GatewayEvent[]) {
  const state = history.reduce<GatewayState>(evolveGateway, undefined);
  return {
    when: (command: GatewayCommand, by: Authority = tokenAuthority()) => {
      const decision = decideGateway(state, command, by);
      return {
        then: (...events: readonly GatewayEvent[]) =>
          expect(decision).toStrictEqual({ outcome: 'accepted', events }),
        thenRejected: (code: string) =>
          expect(decision).toStrictEqual({ outcome: 'rejected', rejection: { code } }),
      };
    },
  };
}

describe('a report', () => {
  it('of a gateway that was never heard of makes it known', () =>
    given()
      .when(report('0'))
      .then(reported('0', at(2))));

  it('of a later position is a fact, also across more digits', () => {
    given(reported('9'))
      .when(report('10'))
      .then(reported('10', at(2)));
    const far = '9007199254740993';
    given(reported('9007199254740992'))
      .when(report(far))
      .then(reported(far, at(2)));
  });

  it.each(['9', '8', '0'])(
    'of %s, no later than the last one, is accepted and says nothing',
    (position) => given(reported('9')).when(report(position)).then(),
  );

  it('of a gateway that had retired makes it one again, never behind where it was', () => {
    given(reported('9'), retired)
      .when(report('12'))
      .then(reported('12', at(2)));
    given(reported('9'), retired)
      .when(report('3'))
      .then(reported('9', at(2)));
    given(reported('9'), retired, reported('9')).when(report('4')).then();
  });

  it('records no time before that of the last one, though the clock went back', () =>
    given(reported('9', at(7)))
      .when(report('10'))
      .then(reported('10', at(7))));
});

describe('retiring', () => {
  it('is a fact once', () => {
    given(reported('9'))
      .when(retire)
      .then({ ...retired, occurredAt: at(2) });
    given(reported('9'), retired).when(retire).then();
  });

  it('of what was never heard of is refused', () =>
    given().when(retire).thenRejected('GATEWAY_NOT_FOUND'));
});

describe('who may speak for a gateway', () => {
  it.each<[string, Authority]>([
    ['a token of the organization', tokenAuthority()],
    ['its admin', admin],
    ['an operator', operator],
    ['the system', system],
  ])('of an organization: %s', (_who, by) => {
    given()
      .when(report('1'), by)
      .then(reported('1', at(2)));
  });

  it.each<[string, string, Authority]>([
    ['a dead credential', 'ACTOR_NOT_LIVE', dead],
    [
      'a token of another organization',
      'ORGANIZATION_NOT_FOUND',
      tokenAuthority({ orgId: otherOrgId }),
    ],
    ['a stranger', 'ORGANIZATION_NOT_FOUND', stranger],
    ['a member', 'FORBIDDEN', member],
  ])('of an organization: not %s', (_who, code, by) => {
    given(reported('1')).when(report('2'), by).thenRejected(code);
    given(reported('1')).when(retire, by).thenRejected(code);
  });

  it.each<[string, string | null, Authority]>([
    ['an operator', null, operator],
    ['the system', null, system],
    ['no token', 'FORBIDDEN', tokenAuthority()],
    ['no admin', 'FORBIDDEN', admin],
    ['no dead credential', 'ACTOR_NOT_LIVE', dead],
  ])('of the operator: %s', (_who, code, by) => {
    const command: GatewayCommand = { ...report('1'), orgId: null } as GatewayCommand;
    const decision = decideGateway(undefined, command, by);
    expect(decision).toMatchObject(
      code === null ? { outcome: 'accepted' } : { rejection: { code } },
    );
  });
});
