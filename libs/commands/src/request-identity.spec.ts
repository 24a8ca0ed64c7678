import type { OrgId, SecretId, Timestamp, TokenId } from '@ledger/domain';
import type { CommandContext } from './command-context.js';
import { RequestIdentities, uuidFromSeed } from './request-identity.js';
import { isPersonalToken } from './secret.js';
import { repeatable, request } from './testing/index.js';

const NOW = '2026-03-27T10:00:00.000Z' as Timestamp;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

const identities = (fill = 1, retryWindowMs = 0) =>
  new RequestIdentities({ masterKey: Buffer.alloc(32, fill), retryWindowMs });
const of = (context: CommandContext, fill = 1) => identities(fill).of(context, NOW, true)[0]!;

const caller = (tokenId: string) =>
  ({
    kind: 'org_token',
    tokenId: tokenId as TokenId,
    orgId: 'org-1' as OrgId,
    secretId: 'secret-1' as SecretId,
  }) as const;

describe('the identity of a request with a key', () => {
  it('is the same each time, on every node with the same master key', () => {
    const [one, other] = [of(repeatable('k')), of(repeatable('k'))];
    expect(other).toEqual(one);
    for (const id of [one.commandId, one.tokenId, one.secretId, one.revocationId]) {
      expect(id).toMatch(UUID);
    }
    expect(one.seed).toHaveLength(32);
  });

  it('differs by caller, key, route, dialect and master key, and not by body', () => {
    const base = repeatable('k', 'a', caller('t-1'));
    const repeat = base.repeat!;
    const variants = [
      of(base),
      of({ ...base, principal: caller('t-2') }),
      of({ ...base, repeat: { ...repeat, key: 'l' } }),
      of({ ...base, repeat: { ...repeat, route: 'POST /other' } }),
      of({ ...base, dialect: 'socket' }),
      of(base, 2),
    ];
    for (const name of ['commandId', 'tokenId', 'secretId', 'revocationId', 'seed'] as const) {
      expect(new Set(variants.map((each) => String(each[name]))).size).toBe(variants.length);
    }
    const otherBody = of({ ...base, repeat: { ...repeat, body: 'b' } });
    expect(otherBody.commandId).toBe(of(base).commandId);
    expect(otherBody.fingerprint).not.toBe(of(base).fingerprint);
  });

  it('cannot be moved between key and route', () => {
    const context = (route: string, key: string): CommandContext => {
      return { ...request(), repeat: { key, route, body: '' } };
    };
    expect(of(context('POST /a', 'b"c')).commandId).not.toBe(
      of(context('POST /a","key:b', 'c')).commandId,
    );
  });

  it('stays the same when the caller rotates its secret meanwhile', () => {
    const before = repeatable('k', '', caller('t-1'));
    const after = { ...before, principal: { ...caller('t-1'), secretId: 's-2' as SecretId } };
    expect(of(after)).toEqual(of(before));
  });
});

describe('the identity of a request without a key', () => {
  it('is new each time, and has nothing that could be repeated', () => {
    const [one, other] = [of(repeatable(null)), of(repeatable(null))];
    expect(one.commandId).not.toBe(other.commandId);
    expect([one.seed, one.fingerprint]).toEqual([undefined, undefined]);
    expect(of(request()).fingerprint).toBeUndefined();
  });

  it('follows from its body within the retry window, where repeats are guessed', () => {
    const windowed = identities(1, 60_000);
    const at = (ms: number, guess = true) =>
      windowed.of(
        repeatable(null),
        new Date(Date.parse(NOW) + ms).toISOString() as Timestamp,
        guess,
      );
    const ids = (ms: number) => at(ms).map(({ commandId }) => commandId);
    expect(ids(59_999)).toEqual(ids(0));
    expect(ids(60_000)[0]).toBe(ids(0)[1]);
    expect(ids(120_000)).not.toContain(ids(0)[1]);
    expect(at(0, false)).toHaveLength(1);
    expect(at(0, false)[0]!.seed).toBeUndefined();
  });
});

it('a personal token from a seed is a UUID of version 4', () => {
  const token = uuidFromSeed(Buffer.alloc(32, 1));
  expect(isPersonalToken(token)).toBe(true);
  expect(uuidFromSeed(Buffer.alloc(32, 1))).toBe(token);
  expect(uuidFromSeed(Buffer.alloc(32, 2))).not.toBe(token);
});
