import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { ChargeOutcome, LeaseReturn } from './charge.js';
import type { CommandContext } from './command-context.js';
import { QuotaQueue } from './quota-queue.js';

/** Envelope: gives back what was not used of a lease. Safe to repeat. */
export class ReturnLeaseCommand extends Command<ChargeOutcome> {
  constructor(
    readonly leaseReturn: LeaseReturn,
    readonly context: CommandContext,
  ) {
    super();
  }
}

@CommandHandler(ReturnLeaseCommand)
export class ReturnLeaseHandler implements ICommandHandler<ReturnLeaseCommand> {
  constructor(private readonly queue: QuotaQueue) {}

  execute({ leaseReturn, context }: ReturnLeaseCommand): Promise<ChargeOutcome> {
    return this.queue.giveBack(leaseReturn, context);
  }
}
