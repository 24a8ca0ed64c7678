import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { decideGateway, type GatewayEvent, type GatewayState } from '@ledger/domain';
import type { CommandContext } from './command-context.js';
import { DecideAndAppend, type Outcome } from './decide-and-append.js';
import { Clock } from './ports.js';
import { gatewayStream, type GatewayTarget } from './streams.js';

type GatewayOutcome = Outcome<GatewayState, GatewayEvent>;

/** Envelope: a gateway has applied everything up to a position. Safe to repeat. */
export class ReportPositionCommand extends Command<GatewayOutcome> {
  constructor(
    readonly target: GatewayTarget,
    readonly position: string,
    readonly context: CommandContext,
  ) {
    super();
  }
}

@CommandHandler(ReportPositionCommand)
export class ReportPositionHandler implements ICommandHandler<ReportPositionCommand> {
  constructor(
    private readonly ledger: DecideAndAppend,
    private readonly clock: Clock,
  ) {}

  async execute({ target, position, context }: ReportPositionCommand): Promise<GatewayOutcome> {
    const { outcome } = await this.ledger.execute<GatewayState, GatewayEvent>({
      context,
      orgId: target.orgId,
      stream: () => gatewayStream(target),
      decide: (gateway, authority) => {
        const now = this.clock.now();
        const command = { type: 'ReportPosition', ...target, position, now } as const;
        return decideGateway(gateway, command, authority);
      },
    });
    return outcome;
  }
}

/** Envelope: a gateway stops for good. Safe to repeat. */
export class RetireGatewayCommand extends Command<GatewayOutcome> {
  constructor(
    readonly target: GatewayTarget,
    readonly context: CommandContext,
  ) {
    super();
  }
}

@CommandHandler(RetireGatewayCommand)
export class RetireGatewayHandler implements ICommandHandler<RetireGatewayCommand> {
  constructor(
    private readonly ledger: DecideAndAppend,
    private readonly clock: Clock,
  ) {}

  async execute({ target, context }: RetireGatewayCommand): Promise<GatewayOutcome> {
    const { outcome } = await this.ledger.execute<GatewayState, GatewayEvent>({
      context,
      orgId: target.orgId,
      stream: () => gatewayStream(target),
      decide: (gateway, authority) => {
        const now = this.clock.now();
        return decideGateway(gateway, { type: 'RetireGateway', ...target, now }, authority);
      },
    });
    return outcome;
  }
}
