import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import {
  decideUser,
  type TokenId,
  type UserEvent,
  type UserId,
  type UserState,
} from '@ledger/domain';
import type { CommandContext } from './command-context.js';
import { DecideAndAppend, type Outcome } from './decide-and-append.js';
import { Clock } from './ports.js';
import { uuidFromSeed } from './request-identity.js';
import { mintPersonalToken, type Secret } from './secret.js';
import { userStream } from './streams.js';

type UserOutcome = Outcome<UserState, UserEvent>;

/** Envelope: registers a person. Operators only. */
export class RegisterUserCommand extends Command<UserOutcome> {
  constructor(
    readonly user: {
      readonly email: string;
      readonly name: string | null;
      readonly operator: boolean;
    },
    readonly context: CommandContext,
  ) {
    super();
  }
}

@CommandHandler(RegisterUserCommand)
export class RegisterUserHandler implements ICommandHandler<RegisterUserCommand> {
  constructor(
    private readonly ledger: DecideAndAppend,
    private readonly clock: Clock,
  ) {}

  async execute({ user, context }: RegisterUserCommand): Promise<UserOutcome> {
    // The id that a repeated request arrives at again serves for whatever the request makes.
    const { outcome } = await this.ledger.execute<UserState, UserEvent>({
      context,
      orgId: null,
      stream: ({ tokenId }) => userStream(tokenId as string as UserId),
      decide: (state, authority, { tokenId }) => {
        const userId = tokenId as string as UserId;
        const command = { type: 'RegisterUser', userId, ...user, now: this.clock.now() } as const;
        return decideUser(state, command, authority);
      },
    });
    return outcome;
  }
}

export interface PersonalTokenIssued {
  readonly outcome: UserOutcome;
  readonly tokenId: TokenId;
  /** Meaningless when the outcome is a refusal. */
  readonly secret: Secret;
}

/** Envelope: gives a person a personal token. Their own doing, or an operator's. */
export class IssuePersonalTokenCommand extends Command<PersonalTokenIssued> {
  constructor(
    readonly userId: UserId,
    readonly label: string,
    readonly context: CommandContext,
    /** The value to issue, a UUID v4; only the first start chooses one (LEDGER_BOOTSTRAP_TOKEN). */
    readonly chosen?: string,
  ) {
    super();
  }
}

@CommandHandler(IssuePersonalTokenCommand)
export class IssuePersonalTokenHandler implements ICommandHandler<IssuePersonalTokenCommand> {
  constructor(
    private readonly ledger: DecideAndAppend,
    private readonly clock: Clock,
  ) {}

  async execute(command: IssuePersonalTokenCommand): Promise<PersonalTokenIssued> {
    const { userId, label, context, chosen } = command;
    const fresh = mintPersonalToken(chosen);
    const mint = (seed: Buffer | undefined): Secret =>
      seed && chosen === undefined ? mintPersonalToken(uuidFromSeed(seed)) : fresh;
    const { outcome, identity } = await this.ledger.execute<UserState, UserEvent>({
      context,
      orgId: null,
      stream: () => userStream(userId),
      decide: (state, authority, { tokenId, seed }) => {
        const { digest, preview } = mint(seed);
        const now = this.clock.now();
        return decideUser(
          state,
          { type: 'IssuePersonalToken', userId, tokenId, digest, preview, label, now },
          authority,
        );
      },
    });
    return { outcome, tokenId: identity.tokenId, secret: mint(identity.seed) };
  }
}

/** Envelope: ends a personal token. Safe to repeat. */
export class RevokePersonalTokenCommand extends Command<UserOutcome> {
  constructor(
    readonly userId: UserId,
    readonly tokenId: TokenId,
    readonly context: CommandContext,
  ) {
    super();
  }
}

@CommandHandler(RevokePersonalTokenCommand)
export class RevokePersonalTokenHandler implements ICommandHandler<RevokePersonalTokenCommand> {
  constructor(
    private readonly ledger: DecideAndAppend,
    private readonly clock: Clock,
  ) {}

  async execute({ userId, tokenId, context }: RevokePersonalTokenCommand): Promise<UserOutcome> {
    const { outcome } = await this.ledger.execute<UserState, UserEvent>({
      context,
      outlivesCaller: true,
      orgId: null,
      stream: () => userStream(userId),
      decide: (state, authority) => {
        const now = this.clock.now();
        return decideUser(state, { type: 'RevokePersonalToken', userId, tokenId, now }, authority);
      },
    });
    return outcome;
  }
}
