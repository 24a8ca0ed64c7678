import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { Charge, ChargeOutcome } from './charge.js';
import type { CommandContext } from './command-context.js';
import { QuotaQueue } from './quota-queue.js';

/** Envelope: spends units of a token's or user's quota, exactly once. */
export class ConsumeQuotaCommand extends Command<ChargeOutcome> {
  constructor(
    readonly charge: Charge,
    readonly context: CommandContext,
  ) {
    super();
  }
}

@CommandHandler(ConsumeQuotaCommand)
export class ConsumeQuotaHandler implements ICommandHandler<ConsumeQuotaCommand> {
  constructor(private readonly queue: QuotaQueue) {}

  execute({ charge, context }: ConsumeQuotaCommand): Promise<ChargeOutcome> {
    return this.queue.consume(charge, context);
  }
}
