import fc from 'fast-check';
import { distinctScopes, grants, isNativeScope, missingScopes, scopesNotHeld } from './scope.js';
import { SOCKET_SCOPES } from './socket-scopes.js';

const socket = { closed: SOCKET_SCOPES };
const native = {};

const parents = SOCKET_SCOPES.filter((scope) => scope !== '*' && !scope.includes(':'));
const leaves = SOCKET_SCOPES.filter((scope) => scope.includes(':'));
const childrenOf = (parent: string) => leaves.filter((leaf) => leaf.split(':')[0] === parent);

describe('the Socket catalogue', () => {
  it('holds the 85 scopes of the contract, each once', () => {
    expect(SOCKET_SCOPES).toHaveLength(85);
    expect(new Set(SOCKET_SCOPES).size).toBe(85);
  });

  it('has two levels: every parent has children, every child a parent', () => {
    expect(parents.filter((parent) => childrenOf(parent).length === 0)).toEqual([]);
    expect(leaves.filter((leaf) => leaf.split(':').length !== 2)).toEqual([]);
    expect(leaves.filter((leaf) => !parents.includes(leaf.split(':')[0] as never))).toEqual([]);
  });
});

describe('a held scope grants', () => {
  it.each([
    ['repo', 'repo'],
    ['repo', 'repo:list'],
    ['repo', 'repo:list:own'],
    ['repo:list', 'repo:list'],
    ['repo:list', 'repo:list:own'],
    ['*', '*'],
    ['*', 'repo'],
    ['*', 'repo:list'],
    ['*', 'ledger-like'],
    ['*', 'ledgers:read'],
    ['ledger', 'ledger:tokens:read'],
    ['ledger:tokens', 'ledger:tokens:read'],
    ['ledger:tokens:read', 'ledger:tokens:read'],
  ])('%s grants %s', (held, wanted) => expect(grants([held], wanted)).toBe(true));

  it.each([
    ['repo:list', 'repo'],
    ['repo:list', 'repo:lists'],
    ['repo:list', 'repo:create'],
    ['repo', 'Repo'],
    ['repo', 'REPO:list'],
    ['REPO', 'repo:list'],
    ['repo', '*'],
    ['repo', 'rep'],
    ['repo', 'repository'],
    ['repo', 'a:repo'],
    ['*', 'ledger'],
    ['*', 'ledger:tokens:read'],
    ['ledger:tokens:read', 'ledger:tokens:create'],
    ['ledger:tokens:read', 'ledger:tokens'],
  ])('%s does not grant %s', (held, wanted) => expect(grants([held], wanted)).toBe(false));

  // The names that a comparison without the colon would mix up.
  const lookalikes = parents.flatMap((short) =>
    parents.filter((long) => long !== short && long.startsWith(short)).map((long) => [short, long]),
  ) as [string, string][];

  it('has resource names that begin with another one to be tested on', () =>
    expect(lookalikes).toEqual([
      ['repo', 'report'],
      ['repo', 'repo-label'],
    ]));

  it.each([...lookalikes, ['alerts', 'alert-resolution'] as [string, string]])(
    'nothing across %s and %s, in either direction',
    (one, other) => {
      for (const [held, resource] of [
        [one, other],
        [other, one],
      ] as const) {
        for (const scope of [held, ...childrenOf(held)]) {
          expect(missingScopes([scope], childrenOf(resource))).toEqual(childrenOf(resource));
          expect(grants([scope], resource)).toBe(false);
        }
        expect(missingScopes([held], childrenOf(held))).toEqual([]);
      }
    },
  );

  it('nothing, when there is none', () => {
    expect(grants([], '*')).toBe(false);
    expect(missingScopes([], ['repo:list', 'repo'])).toEqual(['repo:list', 'repo']);
  });

  it('together no more than each by itself, and reports what is missing in the order asked', () =>
    expect(missingScopes(['b', 'a:x'], ['c', 'a:x', 'a', 'b:y', 'c'])).toEqual(['c', 'a', 'c']));
});

/** An independent reading of requirement A5: a scope is the set of all that it will ever allow. */
function expand(scope: string): readonly string[] {
  if (scope === '*') return [...leaves, 'whatever the catalogue will name tomorrow'];
  return scope.includes(':') ? [scope] : childrenOf(scope);
}

function beyond(held: readonly string[], requested: readonly string[]): readonly string[] {
  const allowed = new Set(held.flatMap(expand));
  return requested.filter((scope) => !expand(scope).every((leaf) => allowed.has(leaf)));
}

describe('handing on Socket scopes', () => {
  it('agrees with set inclusion for each of the 85 x 85 pairs', () => {
    const disagreements = SOCKET_SCOPES.flatMap((held) =>
      SOCKET_SCOPES.filter(
        (asked) => scopesNotHeld([held], [asked], socket).length !== beyond([held], [asked]).length,
      ).map((asked) => `${held} -> ${asked}`),
    );
    expect(disagreements).toEqual([]);
  });

  it('agrees with set inclusion for 20 000 random sets', () => {
    // Few families at a time, so that a holder often has all the children of a parent. The bits of a
    // number choose among them: quicker to draw than an array.
    const draw = fc.tuple(
      fc.nat(parents.length - 1),
      fc.nat(parents.length - 1),
      fc.nat(2 ** 20),
      fc.nat(2 ** 20),
      fc.nat(30),
      fc.nat(30),
    );
    const choose = (from: readonly string[], bits: number) =>
      from.filter((_scope, index) => (bits >> index) % 2 === 1);
    const family = (index: number) => [parents[index]!, ...childrenOf(parents[index]!)];
    const seen = { refused: 0, allowed: 0, parentByChildren: 0 };

    fc.assert(
      fc.property(draw, ([one, other, heldBits, askedBits, heldStar, askedStar]) => {
        const families = [...family(one), ...family(other)];
        const held = [...choose(families, heldBits), ...(heldStar === 0 ? ['*'] : [])];
        const requested = [...choose(families, askedBits), ...(askedStar === 0 ? ['*'] : [])];
        const expected = beyond(held, requested);
        const actual = scopesNotHeld(held, requested, socket);
        if (actual.join() !== expected.join()) expect(actual).toEqual(expected);

        seen[expected.length > 0 ? 'refused' : 'allowed'] += 1;
        const byChildren = requested.some(
          (scope) => !grants(held, scope) && !expected.includes(scope),
        );
        if (byChildren) seen.parentByChildren += 1;
      }),
      { seed: 20_260_115, numRuns: 20_000 },
    );
    expect(Math.min(...Object.values(seen))).toBeGreaterThan(200);
  });

  it('asks for every child: none of them can be left out', () => {
    for (const parent of parents) {
      const children = childrenOf(parent);
      expect(scopesNotHeld(children, [parent], socket)).toEqual([]);
      for (const absent of children) {
        const held = children.filter((child) => child !== absent);
        expect(scopesNotHeld(held, [parent], socket)).toEqual([parent]);
      }
    }
  });

  it('leaves `*` to holders of `*`', () => {
    expect(scopesNotHeld(['*'], ['*'], socket)).toEqual([]);
    expect(scopesNotHeld([...parents, ...leaves], ['*'], socket)).toEqual(['*']);
  });
});

describe('handing on native scopes', () => {
  it.each([
    [['a'], ['a', 'a:b', 'a:b:c'], []],
    [['a:b'], ['a', 'a-b', 'a:b'], ['a', 'a-b']],
    [['*'], ['*', 'a', 'ledger', 'ledger:tokens:read'], ['ledger', 'ledger:tokens:read']],
    [['*', 'ledger:tokens'], ['ledger:tokens:read', 'ledger:audit:read'], ['ledger:audit:read']],
    [['a', 'b'], ['*'], ['*']],
    [[], [], []],
    [[], ['a'], ['a']],
  ])('from %j of %j leaves %j', (held, requested, missing) =>
    expect(scopesNotHeld(held, requested, native)).toEqual(missing),
  );
});

describe('a native scope', () => {
  it.each(['*', 'a', '7', 'a:b', 'a-b_c.d:e', 'ledger:tokens:read', 'a'.repeat(64)])(
    'may be %s',
    (text) => expect(isNativeScope(text)).toBe(true),
  );

  it.each([
    ...['', ' ', 'A', 'a:', ':a', 'a::b', 'a:*', '**', '*:a', '-a', '.a', 'a:-b', 'a b', 'a\n'],
    ...['\na', 'é', 'a/b', 'a'.repeat(65)],
  ])('is never %j', (text) => expect(isNativeScope(text)).toBe(false));

  it('is judged in time that does not explode with its length', () => {
    // What it works, not what passes: the machine may be busy with others.
    const started = process.cpuUsage();
    isNativeScope('a'.repeat(1_000_000));
    isNativeScope(`${'a:'.repeat(31)}!`);
    const { user, system } = process.cpuUsage(started);
    expect((user + system) / 1000).toBeLessThan(1000);
  });
});

it('keeps scopes once each, in the order of first appearance', () =>
  expect(distinctScopes(['b', 'a', 'b', 'c', 'a'])).toEqual(['b', 'a', 'c']));
