import type { Authority } from './authority.js';
import {
  invariant,
  latest,
  type SecretDigest,
  type Timestamp,
  type TokenId,
  type UserId,
} from './primitives.js';
import { accept, reject, type Decision } from './rejection.js';

interface UserFact {
  readonly userId: UserId;
  readonly occurredAt: Timestamp;
}

/** Facts about one person. Live in `user-<userId>`. */
export type UserEvent = UserFact &
  (
    | {
        readonly type: 'UserRegistered';
        readonly email: string;
        readonly name: string | null;
        readonly operator: boolean;
      }
    | {
        readonly type: 'PersonalTokenIssued';
        readonly tokenId: TokenId;
        readonly digest: SecretDigest;
        readonly preview: string;
        readonly label: string;
      }
    | { readonly type: 'PersonalTokenRevoked'; readonly tokenId: TokenId }
  );

export interface PersonalToken {
  readonly tokenId: TokenId;
  readonly digest: SecretDigest;
  readonly preview: string;
  readonly label: string;
  readonly issuedAt: Timestamp;
  readonly revokedAt: Timestamp | null;
}

export interface User {
  readonly userId: UserId;
  readonly email: string;
  readonly name: string | null;
  readonly operator: boolean;
  readonly personalTokens: readonly PersonalToken[];
  readonly lastAt: Timestamp;
}

/** Undefined until UserRegistered. */
export type UserState = User | undefined;

interface UserCommandBase {
  readonly userId: UserId;
  readonly now: Timestamp;
}

export type UserCommand = UserCommandBase &
  (
    | {
        readonly type: 'RegisterUser';
        readonly email: string;
        readonly name: string | null;
        readonly operator: boolean;
      }
    | {
        readonly type: 'IssuePersonalToken';
        readonly tokenId: TokenId;
        readonly digest: SecretDigest;
        readonly preview: string;
        readonly label: string;
      }
    | { readonly type: 'RevokePersonalToken'; readonly tokenId: TokenId }
  );

export function decideUser(
  user: UserState,
  command: UserCommand,
  authority: Authority,
): Decision<UserEvent> {
  if (authority.kind === 'dead') return reject({ code: 'ACTOR_NOT_LIVE' });
  const isOperator =
    authority.kind === 'system' || (authority.kind === 'user' && authority.operator);
  const isSelf = authority.kind === 'user' && authority.userId === command.userId;
  const { userId } = command;
  if (command.type === 'RegisterUser') {
    if (!isOperator) return reject({ code: 'FORBIDDEN' });
    invariant(user === undefined, 'a new user has an id of their own');
    const { email, name, operator, now: occurredAt } = command;
    return accept({ type: 'UserRegistered', userId, email, name, operator, occurredAt });
  }
  if (!isOperator && !isSelf) return reject({ code: 'FORBIDDEN' });
  if (!user) return reject({ code: 'USER_NOT_FOUND' });
  const occurredAt = latest(command.now, user.lastAt);
  switch (command.type) {
    case 'IssuePersonalToken': {
      const { tokenId, digest, preview, label } = command;
      const type = 'PersonalTokenIssued';
      return accept({ type, userId, tokenId, digest, preview, label, occurredAt });
    }
    case 'RevokePersonalToken': {
      const { tokenId } = command;
      const found = user.personalTokens.find((token) => token.tokenId === tokenId);
      if (!found) return reject({ code: 'TOKEN_NOT_FOUND' });
      if (found.revokedAt !== null) return accept();
      return accept({ type: 'PersonalTokenRevoked', userId, tokenId, occurredAt });
    }
  }
}

export function evolveUser(user: UserState, event: UserEvent): User {
  if (event.type === 'UserRegistered') {
    const { userId, email, name, operator, occurredAt: lastAt } = event;
    return { userId, email, name, operator, personalTokens: [], lastAt };
  }
  invariant(user !== undefined, `${event.type} follows UserRegistered`);
  const lastAt = latest(event.occurredAt, user.lastAt);
  switch (event.type) {
    case 'PersonalTokenIssued': {
      const { tokenId, digest, preview, label, occurredAt: issuedAt } = event;
      const issued = { tokenId, digest, preview, label, issuedAt, revokedAt: null };
      return { ...user, lastAt, personalTokens: [...user.personalTokens, issued] };
    }
    case 'PersonalTokenRevoked':
      return {
        ...user,
        lastAt,
        personalTokens: user.personalTokens.map((token) =>
          token.tokenId === event.tokenId ? { ...token, revokedAt: event.occurredAt } : token,
        ),
      };
  }
}
