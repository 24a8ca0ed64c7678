import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { decide, type RevocationReason, type Token, type TokenEvent } from '@ledger/domain';
import type { CommandContext } from './command-context.js';
import { DecideAndAppend, type Outcome } from './decide-and-append.js';
import { Clock } from './ports.js';
import { tokenStream } from './streams.js';
import type { TokenTarget } from './update-token.handler.js';

/** Envelope: ends a token for good, all its secrets at once. Safe to repeat: the same answer, one event. */
export class RevokeTokenCommand extends Command<Outcome<Token, TokenEvent>> {
  constructor(
    readonly target: TokenTarget,
    readonly cause: { readonly reason: RevocationReason; readonly note: string | null },
    readonly context: CommandContext,
  ) {
    super();
  }
}

@CommandHandler(RevokeTokenCommand)
export class RevokeTokenHandler implements ICommandHandler<RevokeTokenCommand> {
  constructor(
    private readonly ledger: DecideAndAppend,
    private readonly clock: Clock,
  ) {}

  async execute({
    target,
    cause,
    context,
  }: RevokeTokenCommand): Promise<Outcome<Token, TokenEvent>> {
    const { outcome } = await this.ledger.execute<Token, TokenEvent>({
      context,
      outlivesCaller: true,
      orgId: target.orgId,
      stream: () => tokenStream(target.tokenId),
      decide: (token, authority, { revocationId }) => {
        const now = this.clock.now();
        return decide(
          token,
          { type: 'RevokeToken', ...target, ...cause, revocationId, now },
          authority,
        );
      },
    });
    return outcome;
  }
}
