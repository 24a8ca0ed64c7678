import { CreateTokenCommand, RevokeTokenCommand, RotateTokenCommand } from '@ledger/commands';
import {
  existingOrganization,
  ManualClock,
  openCommandNode,
  request,
  sampleAttributes,
} from '@ledger/commands/testing';
import type { Dialect, OrgId, TokenAttributes, TokenId } from '@ledger/domain';
import { MemoryEventStore } from '@ledger/event-store';
import { openReadModels } from '../testing/index.js';
import type { PageRequest } from './token-list.js';

async function opened() {
  const store = new MemoryEventStore();
  const clock = new ManualClock();
  const node = openCommandNode({ store, clock });
  const { tokens, projector } = await openReadModels(store);
  const { orgId, userId, principal } = await existingOrganization(node);
  const create = async (
    attributes: Partial<TokenAttributes> = {},
    { by = request(), org = orgId as OrgId, dialect = 'native' as Dialect } = {},
  ): Promise<TokenId> => {
    clock.advance(1000);
    const { outcome } = await node.createToken.execute(
      new CreateTokenCommand(org, dialect, { ...sampleAttributes, ...attributes }, by),
    );
    if (outcome.outcome === 'rejected') throw new Error(outcome.rejection.code);
    return (outcome.state as { tokenId: TokenId } & object).tokenId;
  };
  const list = async (over: Partial<PageRequest> = {}) => {
    await projector.caughtUp();
    const viewer = { seesAll: true, userId: null };
    const all = { orgId, dialect: 'native', direction: 'asc', page: 1, perPage: 100 } as const;
    const { items, hasMore } = tokens.page({ ...all, viewer, ...over });
    return { ids: items.map(({ token }) => token.tokenId), hasMore };
  };
  return { node, clock, tokens, projector, orgId, userId, principal, create, list };
}

describe('a list of tokens', () => {
  it('is in the order of creation, forwards or backwards, and rotation does not move it', async () => {
    const { node, create, list, orgId } = await opened();
    const ids = [await create(), await create(), await create()];
    const target = { tokenId: ids[0]!, orgId };
    const policy = { graceMs: 0, closePrevious: false };
    await node.rotateToken.execute(new RotateTokenCommand(target, policy, request()));
    expect((await list()).ids).toEqual(ids);
    expect((await list({ direction: 'desc' })).ids).toEqual([...ids].reverse());
  });

  it('is told apart by place in the log where the instant of creation is the same', async () => {
    const { create, list, clock } = await opened();
    const ids: TokenId[] = [];
    for (let n = 0; n < 20; n += 1) {
      ids.push(await create());
      clock.advance(-1000);
    }
    expect((await list()).ids).toEqual(ids);
  });

  it('comes in pages that together are the whole, each knowing whether more follows', async () => {
    const { create, list } = await opened();
    const ids: TokenId[] = [];
    for (let n = 0; n < 7; n += 1) ids.push(await create());
    const pages = await Promise.all([1, 2, 3, 4].map((page) => list({ page, perPage: 3 })));
    expect(pages.flatMap((page) => page.ids)).toEqual(ids);
    expect(pages.map(({ hasMore }) => hasMore)).toEqual([true, true, false, false]);
    expect((await list({ perPage: 7 })).hasMore).toBe(false);
  });

  it('holds the living tokens of one organization and one dialect', async () => {
    const { node, create, list, orgId } = await opened();
    const [kept, revoked] = [await create(), await create()];
    const socket = await create({}, { dialect: 'socket' });
    await create({}, { org: 'other' as OrgId });
    const cause = { reason: 'requested', note: null } as const;
    const target = { tokenId: revoked, orgId };
    await node.revokeToken.execute(new RevokeTokenCommand(target, cause, request()));
    expect((await list()).ids).toEqual([kept]);
    expect((await list({ dialect: 'socket' })).ids).toEqual([socket]);
    expect((await list({ orgId: 'none' as OrgId })).ids).toEqual([]);
  });

  it('shows a member what the organization may see, and what they made themselves', async () => {
    const { create, list, userId, principal } = await opened();
    const seen = await create({ visibility: 'organization' });
    const hidden = await create({ visibility: 'admin' });
    const own = await create({ visibility: 'admin' }, { by: request(principal) });
    const viewer = { seesAll: false, userId };
    expect((await list({ viewer })).ids).toEqual([seen, own]);
    expect((await list({ viewer: { seesAll: false, userId: null } })).ids).toEqual([seen]);
    expect((await list()).ids).toEqual([seen, hidden, own]);
  });

  it('shows a token at once, before its row is written', async () => {
    const { create, projector, tokens } = await opened();
    const tokenId = await create({ name: 'fresh' });
    await projector.caughtUp();
    expect(tokens.get(tokenId)?.token).toMatchObject({ name: 'fresh', revision: 1 });
    expect(tokens.get('none' as TokenId)).toBeUndefined();
  });

  it('holds no secret, only digests and previews', async () => {
    const { node, projector, tokens, orgId } = await opened();
    const command = new CreateTokenCommand(orgId, 'native', sampleAttributes, request());
    const { secret, outcome } = await node.createToken.execute(command);
    const { tokenId } = (outcome as { state: { tokenId: TokenId } } & object).state;
    await projector.caughtUp();
    const shown = JSON.stringify(tokens.get(tokenId));
    expect(shown).toContain(secret.preview);
    expect(shown).not.toContain(secret.reveal());
  });
});
