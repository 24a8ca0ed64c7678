import { Logger } from '@nestjs/common';
import { existingOrganization, existingToken, openCommandNode } from '@ledger/commands/testing';
import type { TokenId, UserId } from '@ledger/domain';
import { MemoryEventStore, SKIPPED_EVENTS, type StoredEvent } from '@ledger/event-store';
import { sampleEvent, sampleEvents, samplePayloads } from '@ledger/event-store/testing';
import { openReadModels, wireReadModels } from '../testing/index.js';
import type { Projection } from './projection.js';

beforeAll(() => Logger.overrideLogger(false));

/** Refuses events of one stream from a position on, after it has put half of what it wanted to. */
function refusing(streamId: string, from: bigint): Projection<never> {
  const projection: Projection<{ readonly seen: string }> = {
    name: 'refusing',
    version: 1,
    columns: {},
    indexes: [],
    apply(event, rows) {
      rows.put(event.streamId, { seen: String(event.position) });
      if (event.streamId === streamId && event.position >= from) throw new Error('cannot');
    },
  };
  return projection as Projection<never>;
}

function opened() {
  const store = new MemoryEventStore();
  const node = openCommandNode({ store });
  /** What the command line appends. */
  const skip = async ({ position, streamId, revision }: StoredEvent): Promise<void> => {
    const expected = (await store.read(SKIPPED_EVENTS)).length;
    const place = { position: String(position), streamId, revision };
    await store.append(SKIPPED_EVENTS, expected, [
      sampleEvent({ ...samplePayloads.EventSkipped, ...place }),
    ]);
  };
  const newest = async (streamId: string): Promise<StoredEvent> => {
    return (await store.read(streamId)).at(-1)!;
  };
  return { store, node, skip, newest };
}

describe('an event that an operator decided to skip', () => {
  it('is passed by what cannot apply it, whole, and a rebuild gives the same rows', async () => {
    const { store, skip } = opened();
    await store.append('quota-1', 0, sampleEvents(3));
    const replace = [refusing('quota-1', 2n)];
    const stuck = wireReadModels(store, { replace }).projector;
    await expect(stuck.start()).rejects.toThrow('position 2');
    await stuck.close();
    await skip((await store.read('quota-1'))[1]!);
    await store.append('quota-2', 0, sampleEvents(1));
    const { projector, dump } = await openReadModels(store, { replace });
    expect(projector.position).toBe(5n);
    // Nothing of what could not be applied, and all of it where it could be.
    expect(projector.row('refusing', 'quota-1')).toEqual({ seen: '1' });
    expect(projector.row('refusing', 'quota-2')).toEqual({ seen: '5' });
    expect(dump()['quota-usage']!.join()).toContain('\\"consumed\\":3');
    const before = dump();
    await projector.rebuild();
    expect(dump()).toEqual(before);
    await projector.close();
  });

  it('says nothing of another stream, nor of what lies before it', async () => {
    const { store, skip } = opened();
    await store.append('quota-1', 0, sampleEvents(3));
    await skip((await store.read('quota-1'))[2]!);
    await store.append('quota-2', 0, sampleEvents(1));
    for (const [streamId, from] of [
      ['quota-1', 2n],
      ['quota-2', 5n],
    ] as const) {
      const { projector } = wireReadModels(store, { replace: [refusing(streamId, from)] });
      await expect(projector.start()).rejects.toThrow(`position ${from}`);
      await projector.close();
    }
  });

  it('takes every secret of its token with it, those that come later too', async () => {
    const { store, node, skip, newest } = opened();
    const [one, other] = [await existingToken(node), await existingToken(node)];
    const { tokenId } = one.target;
    const streamId = `token-${tokenId}`;
    // About a token that was never created, in the stream of another one: it fits nothing.
    const poison = { ...samplePayloads.TokenRenamed, tokenId: 'nobody' as TokenId };
    await store.append(streamId, 1, [sampleEvent(poison)]);
    await expect(wireReadModels(store).projector.start()).rejects.toThrow('never created');
    await skip(await newest(streamId));
    const rotated = { ...samplePayloads.TokenRotated, tokenId };
    await store.append(streamId, 2, [sampleEvent(rotated)]);
    const { index, projector } = await openReadModels(store);
    for (const { digest } of [one.secret, rotated.secret]) {
      expect(index.find({ digest })).toBeUndefined();
    }
    expect(index.token(tokenId)).toBeUndefined();
    expect(index.find(other.secret)).toMatchObject({ kind: 'token' });
    await projector.close();
  });

  it('is met by a node that could apply it, which then refuses the token all the same', async () => {
    const { store, node, skip, newest } = opened();
    const { target, secret } = await existingToken(node);
    const { index, projector } = await openReadModels(store);
    expect(index.find(secret)).toBeDefined();
    await skip(await newest(`token-${target.tokenId}`));
    await projector.caughtUp();
    expect(index.find(secret)).toBeUndefined();
    await projector.close();
  });

  it('takes the personal tokens of its person, or the members of its organization', async () => {
    const { store, node, skip, newest } = opened();
    const { orgId, userId } = await existingOrganization(node);
    const { index, directory, projector } = await openReadModels(store);
    const [issued] = (await store.read(`user-${userId}`)).flatMap(({ payload }) =>
      payload.type === 'PersonalTokenIssued' ? [payload] : [],
    );
    expect(index.find(issued!)).toMatchObject({ kind: 'user', revoked: false });
    expect(directory.organizationsOf(userId)).toHaveLength(1);
    await skip(await newest(`user-${userId}`));
    await skip(await newest(`org-${orgId}`));
    const added = { ...samplePayloads.MemberAdded, orgId, userId: 'user-2' as UserId };
    const { revision } = await newest(`org-${orgId}`);
    await store.append(`org-${orgId}`, revision, [sampleEvent(added)]);
    await projector.caughtUp();
    expect(index.find(issued!)).toBeUndefined();
    expect(directory.organizationsOf(userId)).toEqual([]);
    // Whoever is added anew is known again.
    expect(directory.roleIn(directory.organization(orgId)!, 'user-2' as UserId)).toBe('admin');
    await projector.close();
  });
});
