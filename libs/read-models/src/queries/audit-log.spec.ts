import {
  ChangeOrganizationCommand,
  RevokeTokenCommand,
  RotateTokenCommand,
  UpdateTokenCommand,
  CreateTokenCommand,
  type CommandContext,
} from '@ledger/commands';
import {
  existingOrganization,
  ManualClock,
  openCommandNode,
  request,
  sampleAttributes,
} from '@ledger/commands/testing';
import type { OrgId, Timestamp, TokenId, UserId } from '@ledger/domain';
import { MemoryEventStore } from '@ledger/event-store';
import { openReadModels } from '../testing/index.js';
import type { AuditPageRequest } from './audit-log.js';

/** An organization in which one of everything has happened to one token. */
async function opened() {
  const store = new MemoryEventStore();
  const clock = new ManualClock();
  const node = openCommandNode({ store, clock });
  const { audit, projector, dump } = await openReadModels(store);
  const { orgId, userId, principal } = await existingOrganization(node);
  const from = { ip: '192.0.2.7', userAgent: 'curl/8' };
  const context = (): CommandContext => ({ ...request(principal), ...from });
  const secrets: string[] = [];

  clock.advance(1000);
  const created = await node.createToken.execute(
    new CreateTokenCommand(orgId, 'native', sampleAttributes, context()),
  );
  secrets.push(created.secret.reveal());
  const { tokenId } = (created.outcome as { state: { tokenId: TokenId } } & object).state;
  const target = { tokenId, orgId };
  clock.advance(1000);
  const changes = { name: 'renamed', maxQuota: 5 };
  await node.updateToken.execute(new UpdateTokenCommand(target, changes, context()));
  clock.advance(1000);
  const policy = { graceMs: 60_000, closePrevious: false };
  const rotated = await node.rotateToken.execute(new RotateTokenCommand(target, policy, context()));
  secrets.push(rotated.secret.reveal());
  const subject = { kind: 'token', tokenId, secretId: null } as const;
  await node.queue.consume({ subject, orgId, cost: 1, operation: 'GET /' }, context());
  clock.advance(1000);
  const cause = { reason: 'compromised', note: 'seen in a paste' } as const;
  await node.revokeToken.execute(new RevokeTokenCommand(target, cause, context()));
  const change = { type: 'SetMember', userId: 'user-2' as UserId, role: 'member' } as const;
  await node.changeOrganization.execute(new ChangeOrganizationCommand(orgId, change, context()));

  await projector.caughtUp();
  const page = (over: Partial<AuditPageRequest> = {}) =>
    audit.page({ orgId, page: 1, perPage: 100, ...over });
  return { page, dump, orgId, userId, tokenId, secrets };
}

describe('the audit log of an organization', () => {
  it('holds what was done to it, newest first, and none of its traffic', async () => {
    const { page } = await opened();
    expect(page().items.map(({ type }) => type)).toEqual([
      'MemberAdded',
      'TokenRevoked',
      'TokenRotated',
      'TokenMaxQuotaChanged',
      'TokenRenamed',
      'TokenCreated',
      'MemberAdded',
      'OrganizationCreated',
    ]);
    const positions = page().items.map(({ position }) => Number(position));
    expect(positions).toEqual([...positions].sort((a, b) => b - a));
  });

  it('tells who did it, from where, when, and what the token was called then', async () => {
    const { page, userId, orgId, tokenId } = await opened();
    const [, revoked, rotated, , renamed, created] = page().items;
    const who = {
      ...{ orgId, dialect: 'native', actor: { kind: 'user', id: userId } },
      ...{ actorEmail: 'ada@example.org', ip: '192.0.2.7', userAgent: 'curl/8' },
    };
    for (const entry of [revoked, rotated, renamed, created]) expect(entry).toMatchObject(who);
    expect(created).toMatchObject({ token: { tokenId, name: 'ci', revision: 1 }, changes: null });
    expect(renamed).toMatchObject({ changes: { name: { from: 'ci', to: 'renamed' } } });
    expect(renamed!.token?.name).toBe('renamed');
    expect(rotated).toMatchObject({
      details: { fromSecretId: created!.token!.secretId },
      occurredAt: '2026-03-27T10:00:03.000Z',
    });
    expect(rotated!.token!.secretId).not.toBe(created!.token!.secretId);
    expect(revoked).toMatchObject({ details: { reason: 'compromised', note: 'seen in a paste' } });
  });

  it('can be narrowed to types and to a time', async () => {
    const { page } = await opened();
    const types = (over: Partial<AuditPageRequest>) => page(over).items.map(({ type }) => type);
    expect(types({ types: ['TokenCreated', 'TokenRevoked'] })).toEqual([
      'TokenRevoked',
      'TokenCreated',
    ]);
    expect(types({ types: [] })).toEqual([]);
    expect(types({ from: '2026-03-27T10:00:04.000Z' as Timestamp })).toEqual([
      'MemberAdded',
      'TokenRevoked',
    ]);
  });

  it('comes in pages that together are the whole', async () => {
    const { page } = await opened();
    const pages = [1, 2, 3].map((number) => page({ page: number, perPage: 3 }));
    expect(pages.flatMap(({ items }) => items)).toEqual(page().items);
    expect(pages.map(({ hasMore }) => hasMore)).toEqual([true, true, false]);
  });

  it('is closed to every other organization', async () => {
    const { page } = await opened();
    expect(page({ orgId: 'other' as OrgId })).toEqual({ items: [], hasMore: false });
  });

  it('holds no secret', async () => {
    const { dump, secrets } = await opened();
    const rows = JSON.stringify(dump());
    for (const secret of secrets) expect(rows).not.toContain(secret);
  });
});
