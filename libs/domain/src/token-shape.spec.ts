import { setFlagsFromString } from 'node:v8';
import { runInThisContext } from 'node:vm';
import { at, secretOf, tokenCreated, tokenRotated } from './testing/index.js';
import { evolve, noToken, type Token } from './token.js';

/** Often enough for V8 to make up its mind about the code. */
const TOKENS = 1_000;

/** Whether V8 describes both by the same hidden class, which is what makes their keys cheap to hold and to find. */
function sharesShape(one: object, other: object): boolean {
  setFlagsFromString('--allow-natives-syntax');
  try {
    const haveSameMap = runInThisContext('(one, other) => %HaveSameMap(one, other)') as (
      one: object,
      other: object,
    ) => boolean;
    return haveSameMap(one, other);
  } finally {
    setFlagsFromString('--no-allow-natives-syntax');
  }
}

describe('tokens in memory', () => {
  it.each<[string, (token: Token) => Token]>([
    ['created', (token) => token],
    ['rotated', (token) => evolve(token, tokenRotated({ previousValidUntil: at(9) }))],
  ])('share one shape, and their secrets another, once they are %s', (_how, then) => {
    const tokens = Array.from({ length: TOKENS }, (_, n) =>
      then(evolve(noToken, tokenCreated({ secret: secretOf(n) }))),
    );
    const [one, other] = tokens.slice(-2) as [Token, Token];
    if (one.status === 'absent' || other.status === 'absent') throw new Error('it was created');
    expect(sharesShape(one, other)).toBe(true);
    expect(sharesShape(one.secrets.current, other.secrets.current)).toBe(true);
    expect(sharesShape(one.secrets.previous ?? one, other.secrets.previous ?? other)).toBe(true);
  });
});
