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
import { mintSecret, publicIdOf, type Secret } from './secret.js';
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
    let secret = mintSecret(dialect);
    const { outcome, identity } = await this.ledger.execute<Token, TokenEvent>({
      context,
      orgId,
      guessesRepeats: true,
      stream: ({ tokenId }) => tokenStream(tokenId),
      decide: (token, authority, { tokenId, secretId, seed }) => {
        const publicId = publicIdOf(dialect, tokenId);
        secret = mintSecret(dialect, { seed, publicId });
        const { digest, preview } = secret;
        return decide(
          token,
          {
            type: 'CreateToken',
            ...{ tokenId, orgId, dialect, attributes },
            ...(publicId ? { publicId } : {}),
            secret: { secretId, digest, preview },
            now: this.clock.now(),
          },
          authority,
        );
      },
    });
    if (outcome.outcome === 'rejected' || !outcome.repeated) return { outcome, secret };
    const publicId = publicIdOf(dialect, identity.tokenId);
    return { outcome, secret: mintSecret(dialect, { seed: identity.seed, publicId }) };
  }
}
