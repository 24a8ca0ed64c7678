import { timestamp } from './primitives.js';
import { standing } from './quota.js';
import { at, justBefore, orgId, secretOf, tokenId } from './testing/index.js';
import type { ResourceGrant } from './token-events.js';
import {
  ENDED,
  hasRoom,
  judge,
  secretExpiry,
  VERIFICATION_CODES,
  type RequestedUse,
  type VerifiableSecret,
  type VerifiableToken,
} from './verification.js';

const token: VerifiableToken = {
  tokenId,
  orgId,
  dialect: 'native',
  revoked: false,
  expiresAt: null,
  scopes: [],
  resources: [],
};
const secret: VerifiableSecret = { secretId: secretOf(1).secretId, validUntil: null };
const use: RequestedUse = { scopes: [], resource: null, ownOrganization: 'acme' };

const grant = (organization: string, repository = '', workspace = ''): ResourceGrant => ({
  organization,
  repository,
  workspace,
});

it('gives the first code in order of precedence, as each cause is removed in turn', () => {
  let bad: VerifiableToken = {
    ...token,
    revoked: true,
    expiresAt: at(0),
    resources: [grant('globex')],
  };
  let old: VerifiableSecret = { ...secret, validUntil: at(0) };
  const wanted: RequestedUse = { ...use, scopes: ['invoices:read'], resource: grant('acme') };
  const seen: string[] = [];
  const look = () => seen.push(judge(bad, old, wanted, at(1)));

  look();
  bad = { ...bad, revoked: false };
  look();
  bad = { ...bad, expiresAt: null };
  look();
  old = { ...old, validUntil: null };
  look();
  bad = { ...bad, resources: [grant('acme')] };
  look();
  bad = { ...bad, scopes: ['invoices'] };
  look();

  // What is unknown is never judged, and quota is decided where it is charged.
  const decidedElsewhere = ['NOT_FOUND', 'QUOTA_EXCEEDED'];
  expect(seen).toEqual(VERIFICATION_CODES.filter((code) => !decidedElsewhere.includes(code)));
});

it('tells codes in the published order', () =>
  expect(VERIFICATION_CODES).toEqual([
    'NOT_FOUND',
    'REVOKED',
    'EXPIRED',
    'ROTATED',
    'RESOURCE_NOT_ALLOWED',
    'INSUFFICIENT_SCOPE',
    'QUOTA_EXCEEDED',
    'VALID',
  ]));

describe('a deadline', () => {
  const deadline = at(10);

  it('lets a token be used until it expires, and not at that instant', () => {
    const expiring = { ...token, expiresAt: deadline };
    expect(judge(expiring, secret, use, justBefore(deadline))).toBe('VALID');
    expect(judge(expiring, secret, use, deadline)).toBe('EXPIRED');
  });

  it('lets an old secret be used until its grace ends, and not at that instant', () => {
    const old = { ...secret, validUntil: deadline };
    expect(judge(token, old, use, justBefore(deadline))).toBe('VALID');
    expect(judge(token, old, use, deadline)).toBe('ROTATED');
  });

  it('that is the epoch marks a secret which died when it was rotated', () =>
    expect(judge(token, { ...secret, validUntil: timestamp(0) }, use, at(-1000))).toBe('ROTATED'));

  it('of a grace is cut short by revocation and by expiry', () => {
    const inGrace = { ...secret, validUntil: at(100) };
    expect(judge({ ...token, revoked: true }, inGrace, use, at(1))).toBe('REVOKED');
    expect(judge({ ...token, expiresAt: at(1) }, inGrace, use, at(1))).toBe('EXPIRED');
  });
});

describe('scopes', () => {
  it.each([
    [[], [], 'VALID'],
    [['invoices'], [], 'VALID'],
    [['invoices'], ['invoices:read'], 'VALID'],
    [['invoices', 'users:read'], ['users:read', 'invoices'], 'VALID'],
    [['invoices:read'], ['invoices:read', 'invoices:write'], 'INSUFFICIENT_SCOPE'],
    [['invoices:read'], ['invoices'], 'INSUFFICIENT_SCOPE'],
    [['*'], ['anything:at:all'], 'VALID'],
    [['*'], ['ledger:tokens:read'], 'INSUFFICIENT_SCOPE'],
    [[], ['invoices'], 'INSUFFICIENT_SCOPE'],
  ])('%j used for %j are %s', (scopes, wanted, code) =>
    expect(judge({ ...token, scopes }, secret, { ...use, scopes: wanted }, at(1))).toBe(code),
  );
});

describe('resources', () => {
  it.each<[string, ResourceGrant[], ResourceGrant | null, boolean]>([
    ['no limit is good for no resource in particular', [], null, true],
    ['no limit is good for the own organization', [], grant('acme'), true],
    ['no limit is good within the own organization', [], grant('acme', 'api', 'team'), true],
    ['no limit is not good for another organization', [], grant('globex'), false],
    ['a limit is not good for a call that names nothing', [grant('acme')], null, false],
    ['an organization is good for itself', [grant('acme')], grant('acme'), true],
    ['an organization is good for its repositories', [grant('acme')], grant('acme', 'api'), true],
    ['an organization is not good for another', [grant('acme')], grant('globex', 'api'), false],
    ['a repository is good for itself', [grant('acme', 'api')], grant('acme', 'api'), true],
    [
      'a repository is good for its workspaces',
      [grant('acme', 'api')],
      grant('acme', 'api', 'w'),
      true,
    ],
    ['a repository is not good for another', [grant('acme', 'api')], grant('acme', 'web'), false],
    [
      'a repository is not good for its namesake',
      [grant('acme', 'api')],
      grant('globex', 'api'),
      false,
    ],
    ['a repository is not good for all of them', [grant('acme', 'api')], grant('acme'), false],
    ['a workspace is good for itself', [grant('acme', '', 'w')], grant('acme', '', 'w'), true],
    [
      'a workspace is good for its repositories',
      [grant('acme', '', 'w')],
      grant('acme', 'api', 'w'),
      true,
    ],
    [
      'a workspace is not good for another',
      [grant('acme', '', 'w')],
      grant('acme', 'api', 'v'),
      false,
    ],
    [
      'a workspace is not good for all of them',
      [grant('acme', '', 'w')],
      grant('acme', 'api'),
      false,
    ],
    [
      'one of several limits is enough',
      [grant('acme', 'web'), grant('acme', 'api')],
      grant('acme', 'api'),
      true,
    ],
    [
      'parts of several limits do not add up',
      [grant('acme', 'web', 'w'), grant('acme', 'api', 'v')],
      grant('acme', 'web', 'v'),
      false,
    ],
  ])('%s', (_rule, resources, resource, allowed) =>
    expect(judge({ ...token, resources }, secret, { ...use, resource }, at(1))).toBe(
      allowed ? 'VALID' : 'RESOURCE_NOT_ALLOWED',
    ),
  );
});

describe('room for a cost', () => {
  it.each([
    [10, 7, 3, true],
    [10, 7, 4, false],
    [10, 10, 0, true],
    [10, 12, 0, true],
    [10, 12, 1, false],
    [null, 1_000_000, 1_000_000, true],
  ])('with a limit of %p, %p spent and a cost of %p is %p', (limit, consumed, cost, room) =>
    expect(hasRoom(standing(limit, consumed, at(60)), cost)).toBe(room),
  );
});

describe('the expiry of a secret', () => {
  it.each([
    ['of its token, while it is current', at(5), null, at(5)],
    ['of its token, where that ends before its grace', at(5), at(9), at(5)],
    ['of its grace, where that ends before its token', at(9), at(5), at(5)],
    ['of its grace, where its token never ends', null, at(5), at(5)],
    ['of its token, where it never had a grace', at(5), ENDED, at(5)],
    ['none, where neither ends', null, null, null],
  ])('is that %s', (_whose, expiresAt, validUntil, expiry) =>
    expect(secretExpiry({ expiresAt }, { validUntil })).toBe(expiry),
  );
});
