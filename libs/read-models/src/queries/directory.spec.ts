import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ChangeOrganizationCommand, type OrganizationChange } from '@ledger/commands';
import {
  existingOrganization,
  ManualClock,
  openCommandNode,
  request,
} from '@ledger/commands/testing';
import type { OrgId, UserId } from '@ledger/domain';
import { MemoryEventStore } from '@ledger/event-store';
import { openReadModels } from '../testing/index.js';

async function opened(file = ':memory:') {
  const store = new MemoryEventStore();
  const clock = new ManualClock();
  const node = openCommandNode({ store, clock });
  const { directory, projector } = await openReadModels(store, { file });
  const change = async (orgId: OrgId, wanted: OrganizationChange) => {
    clock.advance(1000);
    await node.changeOrganization.execute(new ChangeOrganizationCommand(orgId, wanted, request()));
    await projector.caughtUp();
  };
  const organize = async (slug: string) => {
    clock.advance(1000);
    const organization = await existingOrganization(node, slug);
    await projector.caughtUp();
    return organization;
  };
  return { store, directory, projector, change, organize };
}

describe('the directory', () => {
  it('finds an organization by id and by slug, with its people and their roles', async () => {
    const { directory, organize, change } = await opened();
    const { orgId, userId } = await organize('acme');
    await change(orgId, { type: 'SetMember', userId: 'user-2' as UserId, role: 'member' });
    const found = directory.organization('acme')!;
    expect(directory.organization(orgId)).toBe(found);
    expect(found).toMatchObject({ slug: 'acme', plan: 'free', revision: 3 });
    expect(directory.roleIn(found, userId)).toBe('admin');
    expect(directory.roleIn(found, 'user-2' as UserId)).toBe('member');
    expect(directory.roleIn(found, 'user-3' as UserId)).toBeNull();
    expect(directory.organization('other')).toBeUndefined();
    expect(directory.organization(userId)).toBeUndefined();
  });

  it('shows each change at once', async () => {
    const { directory, organize, change } = await opened();
    const { orgId, userId } = await organize('acme');
    await change(orgId, { type: 'UpdateOrganization', name: 'Acme', plan: 'team' });
    await change(orgId, { type: 'SetMember', userId: 'user-2' as UserId, role: 'admin' });
    await change(orgId, { type: 'SetMember', userId, role: 'member' });
    const organization = directory.organization(orgId)!;
    expect(organization).toMatchObject({ name: 'Acme', plan: 'team' });
    expect(organization.members).toMatchObject([
      { userId, role: 'member', joinedAt: organization.createdAt },
      { userId: 'user-2', role: 'admin' },
    ]);
    await change(orgId, { type: 'RemoveMember', userId });
    expect(directory.organizationsOf(userId)).toEqual([]);
    expect(directory.roleIn(directory.organization(orgId)!, userId)).toBeNull();
  });

  it('knows people with their personal tokens, and no secret of theirs', async () => {
    const { directory, organize } = await opened();
    const { userId, personalTokenId } = await organize('acme');
    expect(directory.user(userId)).toMatchObject({
      user: { email: 'ada@example.org', personalTokens: [{ tokenId: personalTokenId }] },
      revision: 2,
    });
    expect(directory.user('nobody')).toBeUndefined();
  });

  it('lists all in the order of creation, those of a person as they joined, also after a restart', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'read-models-'));
    const file = join(folder, 'read-models.sqlite');
    const { store, directory, projector, organize, change } = await opened(file);
    const slugs = Array.from({ length: 12 }, (_, n) => `org-${n}`);
    const member = 'user-x' as UserId;
    const orgIds: OrgId[] = [];
    for (const slug of slugs) orgIds.push((await organize(slug)).orgId);
    for (const orgId of [...orgIds].reverse()) {
      await change(orgId, { type: 'SetMember', userId: member, role: 'member' });
    }
    const listed = { all: directory.organizations(), own: directory.organizationsOf(member) };
    await projector.close();
    const again = await openReadModels(store, { file });
    expect(again.projector.rebuiltAtStart).toEqual([]);
    for (const rows of [listed.all, again.directory.organizations()]) {
      expect(rows.map(({ slug }) => slug)).toEqual(slugs);
    }
    expect(listed.own.map(({ slug }) => slug)).toEqual([...slugs].reverse());
    expect(again.directory.organizationsOf(member)).toEqual(listed.own);
    await again.projector.close();
    rmSync(folder, { recursive: true });
  });
});
