import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { decide, type SecretId, type Token, type TokenEvent } from '@ledger/domain';
import type { CommandContext } from './command-context.js';
import { DecideAndAppend, type Outcome } from './decide-and-append.js';
import { Clock } from './ports.js';
import { tokenStream } from './streams.js';
import type { TokenTarget } from './update-token.handler.js';

/** Envelope: ends the grace of a rotated secret before its time. Safe to repeat. */
export class CloseGraceCommand extends Command<Outcome<Token, TokenEvent>> {
  constructor(
    readonly target: TokenTarget,
    readonly secretId: SecretId,
    readonly context: CommandContext,
  ) {
    super();
  }
}

@CommandHandler(CloseGraceCommand)
export class CloseGraceHandler implements ICommandHandler<CloseGraceCommand> {
  constructor(
    private readonly ledger: DecideAndAppend,
    private readonly clock: Clock,
  ) {}

  async execute({
    target,
    secretId,
    context,
  }: CloseGraceCommand): Promise<Outcome<Token, TokenEvent>> {
    const { outcome } = await this.ledger.execute<Token, TokenEvent>({
      context,
      outlivesCaller: true,
      orgId: target.orgId,
      stream: () => tokenStream(target.tokenId),
      decide: (token, authority) => {
        const now = this.clock.now();
        return decide(token, { type: 'CloseGrace', ...target, secretId, now }, authority);
      },
    });
    return outcome;
  }
}
