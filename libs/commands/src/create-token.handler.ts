import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import {
  decide,
  type Dialect,
  type OrgId,
  type Token,
  type TokenAttributes,
  type TokenEvent,
} from '@ledger/domain';
import type { CommandContext } from './command-context.js';
import { DecideAndAppend, type Outcome } from './decide-and-append.js';
import { Clock } from './ports.js';
import { mintSecret, type Secret } from './secret.js';
import { tokenStream } from './streams.js';

export interface TokenWithSecret {
  readonly outcome: Outcome<Token, TokenEvent>;
  /** The new secret. Meaningless when the outcome is a refusal. */
  readonly secret: Secret;
}

/** Envelope: the bus routes by class. Makes a token, and the secret that only the answer carries. */
export class CreateTokenCommand extends Command<TokenWithSecret> {
  constructor(
    readonly orgId: OrgId,
    readonly dialect: Dialect,
    readonly attributes: TokenAttributes,
    readonly context: CommandContext,
  ) {
    super();
  }
}

@CommandHandler(CreateTokenCommand)
export class CreateTokenHandler implements ICommandHandler<CreateTokenCommand> {
  constructor(
    private readonly ledger: DecideAndAppend,
    private readonly clock: Clock,
  ) {}

  async execute(command: CreateTokenCommand): Promise<TokenWithSecret> {
    const { orgId, dialect, attributes, context } = command;
    const fresh = mintSecret(dialect);
    const { outcome, identity } = await this.ledger.execute<Token, TokenEvent>({
      context,
      orgId,
      guessesRepeats: true,
      stream: ({ tokenId }) => tokenStream(tokenId),
      decide: (token, authority, { tokenId, secretId, seed }) => {
        const { digest, preview } = seed ? mintSecret(dialect, seed) : fresh;
        const secret = { secretId, digest, preview };
        const now = this.clock.now();
        return decide(
          token,
          { type: 'CreateToken', tokenId, orgId, dialect, attributes, secret, now },
          authority,
        );
      },
    });
    return { outcome, secret: identity.seed ? mintSecret(dialect, identity.seed) : fresh };
  }
}
