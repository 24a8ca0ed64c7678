import type { Authority } from '../authority.js';
import type { Rejection } from '../rejection.js';
import { decide, evolve, noToken, type KnownToken, type Token } from '../token.js';
import type { TokenCommand } from '../token-commands.js';
import type { TokenEvent } from '../token-events.js';
import { admin } from './samples.js';

/** What a decision on a token must have come to. Compared strictly: no field more, none less. */
export interface Expectation {
  then(...events: readonly TokenEvent[]): void;
  thenRejected(rejection: Rejection): void;
  /** Accepted, and nothing to record. */
  thenNothing(): void;
}

/** The history of one token, oldest first; an admin acts unless `as` names somebody else. */
export function given(...history: readonly TokenEvent[]) {
  const as = (authority: Authority) => ({
    when: (command: TokenCommand): Expectation => {
      const decision = decide(fold(...history), command, authority);
      return {
        then: (...events) => expect(decision).toStrictEqual({ outcome: 'accepted', events }),
        thenRejected: (rejection) =>
          expect(decision).toStrictEqual({ outcome: 'rejected', rejection }),
        thenNothing: () => expect(decision).toStrictEqual({ outcome: 'accepted', events: [] }),
      };
    },
  });
  return { as, ...as(admin) };
}

/** The token that a history leaves behind. */
export function fold(...history: readonly TokenEvent[]): Token {
  return history.reduce(evolve, noToken);
}

/** The same, for a history that begins with the token's creation. */
export function knownToken(...history: readonly TokenEvent[]): KnownToken {
  const token = fold(...history);
  if (token.status === 'absent') throw new Error('the history of a token begins with TokenCreated');
  return token;
}
