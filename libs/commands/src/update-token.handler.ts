import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import {
  decide,
  type OrgId,
  type Token,
  type TokenAttributes,
  type TokenEvent,
  type TokenId,
  type TokenIdentity,
} from '@ledger/domain';
import type { CommandContext } from './command-context.js';
import { DecideAndAppend, type Outcome } from './decide-and-append.js';
import { Clock } from './ports.js';
import { tokenStream } from './streams.js';

/** Which token a command is about, and what the caller believes of it. */
export interface TokenTarget {
  readonly orgId: OrgId;
  readonly tokenId: TokenId;
  readonly identity?: TokenIdentity;
  /** Revision that the caller saw (If-Match). */
  readonly expectedRevision?: number;
}

/** Envelope: changes attributes of a token, one event for each that differs. */
export class UpdateTokenCommand extends Command<Outcome<Token, TokenEvent>> {
  constructor(
    readonly target: TokenTarget,
    readonly changes: Partial<TokenAttributes>,
    readonly context: CommandContext,
  ) {
    super();
  }
}

@CommandHandler(UpdateTokenCommand)
export class UpdateTokenHandler implements ICommandHandler<UpdateTokenCommand> {
  constructor(
    private readonly ledger: DecideAndAppend,
    private readonly clock: Clock,
  ) {}

  async execute({
    target,
    changes,
    context,
  }: UpdateTokenCommand): Promise<Outcome<Token, TokenEvent>> {
    const { outcome } = await this.ledger.execute<Token, TokenEvent>({
      context,
      orgId: target.orgId,
      stream: () => tokenStream(target.tokenId),
      decide: (token, authority) => {
        const now = this.clock.now();
        return decide(token, { type: 'UpdateToken', ...target, changes, now }, authority);
      },
    });
    return outcome;
  }
}
