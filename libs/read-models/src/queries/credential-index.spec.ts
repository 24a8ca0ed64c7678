import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  IssuePersonalTokenCommand,
  RevokePersonalTokenCommand,
  RevokeTokenCommand,
  RotateTokenCommand,
  UpdateTokenCommand,
} from '@ledger/commands';
import {
  existingOrganization,
  existingToken,
  ManualClock,
  openCommandNode,
  request,
} from '@ledger/commands/testing';
import { judge, type RequestedUse, type SecretDigest, type Timestamp } from '@ledger/domain';
import { MemoryEventStore } from '@ledger/event-store';
import { openReadModels } from '../testing/index.js';

const USE: RequestedUse = { scopes: [], resource: null, ownOrganization: 'acme' };
const HOUR_MS = 3_600_000;

async function opened() {
  const store = new MemoryEventStore();
  const clock = new ManualClock();
  const node = openCommandNode({ store, clock });
  const readModels = await openReadModels(store);
  const { index, projector } = readModels;
  const verdict = async (digest: SecretDigest, now: Timestamp = clock.now()) => {
    await projector.caughtUp();
    const found = index.find({ digest });
    return found?.kind === 'token' ? judge(found.token, found.secret, USE, now) : found;
  };
  const rotate = async (target: ConstructorParameters<typeof RotateTokenCommand>[0], graceMs = 0) =>
    (
      await node.rotateToken.execute(
        new RotateTokenCommand(target, { graceMs, closePrevious: true }, request()),
      )
    ).secret.digest;
  return { ...readModels, store, clock, node, verdict, rotate };
}

describe('the credential index', () => {
  it('knows no digest that was never issued', async () => {
    const { verdict } = await opened();
    expect(await verdict('sha512-nothing' as SecretDigest)).toBeUndefined();
  });

  it('finds every secret that a token ever had, and tells how good it is', async () => {
    const { node, verdict, rotate, clock } = await opened();
    const { target, secret } = await existingToken(node);
    expect(await verdict(secret.digest)).toBe('VALID');
    const second = await rotate(target, HOUR_MS);
    expect([await verdict(secret.digest), await verdict(second)]).toEqual(['VALID', 'VALID']);
    clock.advance(HOUR_MS - 1);
    expect(await verdict(secret.digest)).toBe('VALID');
    clock.advance(1);
    expect([await verdict(secret.digest), await verdict(second)]).toEqual(['ROTATED', 'VALID']);
    const third = await rotate(target);
    expect([await verdict(second), await verdict(third)]).toEqual(['ROTATED', 'VALID']);
  });

  it('lets at most one older secret live, also when rotations follow within a grace', async () => {
    const { node, verdict, rotate } = await opened();
    const { target, secret } = await existingToken(node);
    const digests = [secret.digest];
    for (let n = 0; n < 3; n += 1) digests.push(await rotate(target, HOUR_MS));
    const verdicts = await Promise.all(digests.map((digest) => verdict(digest)));
    expect(verdicts).toEqual(['ROTATED', 'ROTATED', 'VALID', 'VALID']);
  });

  it('brings no ended secret back on a clock that runs behind', async () => {
    const { node, verdict, rotate, clock } = await opened();
    const { target, secret } = await existingToken(node);
    const inGrace = await rotate(target);
    const long = await rotate(target, HOUR_MS);
    await rotate(target);
    const earlier = '2026-02-15T00:00:00.000Z' as Timestamp;
    for (const digest of [secret.digest, inGrace, long]) {
      expect(await verdict(digest, earlier)).toBe('ROTATED');
    }
    clock.advance(1);
    const cause = { reason: 'compromised', note: null } as const;
    await node.revokeToken.execute(new RevokeTokenCommand(target, cause, request()));
    expect(await verdict(secret.digest, earlier)).toBe('REVOKED');
  });

  it('ends all secrets of a token with one revocation', async () => {
    const { node, verdict, rotate, index } = await opened();
    const { target, secret, tokenId } = await existingToken(node);
    const current = await rotate(target, HOUR_MS);
    const cause = { reason: 'requested', note: null } as const;
    await node.revokeToken.execute(new RevokeTokenCommand(target, cause, request()));
    expect(await verdict(secret.digest)).toBe('REVOKED');
    expect(await verdict(current)).toBe('REVOKED');
    expect(index.token(tokenId)).toMatchObject({ revoked: true });
  });

  it('shows each change of a token, and finds it by id and by secret id', async () => {
    const { node, index, projector } = await opened();
    const { target, tokenId, secretId } = await existingToken(node);
    const changes = {
      ...{ name: 'new', scopes: ['report'], maxQuota: 5, visibility: 'admin' },
      ...{ ownerId: 'team-7', metadata: { a: 'b' }, expiresAt: '2027-01-01T00:00:00.000Z' },
      resources: [{ organization: 'acme', repository: '', workspace: '' }],
    } as never;
    await node.updateToken.execute(new UpdateTokenCommand(target, changes, request()));
    await projector.caughtUp();
    expect(index.token(tokenId)).toMatchObject(changes);
    expect(index.tokenOfSecret(secretId)).toBe(index.token(tokenId));
    expect(index.tokenOfSecret('nobody')).toBeUndefined();
  });

  it('finds people by their personal tokens, the revoked ones as such', async () => {
    const { node, index, projector } = await opened();
    const { userId, personalTokenId } = await existingOrganization(node);
    const { secret, tokenId } = await node.issuePersonalToken.execute(
      new IssuePersonalTokenCommand(userId, 'second', request()),
    );
    await node.revokePersonalToken.execute(
      new RevokePersonalTokenCommand(userId, personalTokenId, request()),
    );
    await projector.caughtUp();
    const found = { kind: 'user', userId, personalTokenId: tokenId, revoked: false };
    expect(index.find({ digest: secret.digest })).toEqual(found);
    const [first] = await node.store.read(`user-${userId}`, 1);
    const { digest } = first!.payload as { digest: SecretDigest } & object;
    expect(index.find({ digest })).toMatchObject({ personalTokenId, revoked: true });
    expect(index.token(userId)).toBeUndefined();
  });

  it('finds each of more tokens than stay in memory, also those of before the start', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'credentials-'));
    const file = join(folder, 'read-models.sqlite');
    const store = new MemoryEventStore();
    const node = openCommandNode({ store });
    const made = [];
    for (let n = 0; n < 20; n += 1) made.push(await existingToken(node));
    for (const start of ['first', 'second']) {
      const { index, projector } = await openReadModels(store, { file });
      for (const { tokenId, secretId, secret } of [...made, ...made]) {
        const token = index.token(tokenId);
        expect([start, token?.tokenId]).toEqual([start, tokenId]);
        expect(index.find({ digest: secret.digest })).toMatchObject({ kind: 'token', token });
        expect(index.tokenOfSecret(secretId)).toEqual(token);
      }
      await projector.close();
    }
    rmSync(folder, { recursive: true });
  });

  it('takes no text for another kind than it is', async () => {
    const { node, index, projector } = await opened();
    const { secret, secretId } = await existingToken(node);
    await projector.caughtUp();
    expect(index.tokenOfKeyId(secretId)).toBeUndefined();
    expect(index.tokenOfSecret(secret.digest)).toBeUndefined();
    expect(index.find({ digest: secretId as never })).toBeUndefined();
  });

  it('is the same when it was loaded from the file as when it saw it all', async () => {
    const { node, store, rotate, index, projector } = await opened();
    const { target, secret } = await existingToken(node);
    const second = await rotate(target);
    await projector.caughtUp();
    await projector.rebuild();
    const other = await openReadModels(store);
    for (const digest of [secret.digest, second]) {
      expect(index.find({ digest })).toEqual(other.index.find({ digest }));
      expect(index.find({ digest })).toBeDefined();
    }
  });
});
