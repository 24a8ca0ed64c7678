import { randomUUID } from 'node:crypto';
import {
  ChangeOrganizationCommand,
  ChangeOrganizationHandler,
  IssuePersonalTokenCommand,
  IssuePersonalTokenHandler,
  RegisterUserCommand,
  RegisterUserHandler,
  systemContext,
} from '@ledger/commands';
import type { UserId } from '@ledger/domain';
import { startTestService, type TestService } from '../../support/test-service.js';
import { runCli, type Run, type RunOptions } from './run-cli.js';

/** The service with some people in it, and the program pointed at it as the admin of `demo`. */
export interface CliWorld {
  readonly service: TestService;
  readonly env: NodeJS.ProcessEnv;
  /** A person who belongs to no organization, and one of their personal tokens. */
  readonly userId: UserId;
  readonly personalTokenId: string;
  /** A member of `demo`. */
  readonly memberId: UserId;
  run(args: readonly string[], options?: RunOptions): Promise<Run>;
}

export async function withWorld(work: (world: CliWorld) => Promise<void>): Promise<void> {
  const service = await startTestService();
  try {
    const env = { LEDGER_URL: service.url, LEDGER_TOKEN: service.admin };
    const userId = await register(service, 'kim@x.invalid');
    const memberId = await register(service, 'lee@x.invalid');
    const { commands, clock, directory } = service.ledger;
    const { orgId } = directory.organization('demo')!;
    const context = (): ReturnType<typeof systemContext> => systemContext(randomUUID());
    const change = { type: 'SetMember', userId: memberId, role: 'member' } as const;
    await new ChangeOrganizationHandler(commands, clock).execute(
      new ChangeOrganizationCommand(orgId, change, context()),
    );
    const { tokenId } = await new IssuePersonalTokenHandler(commands, clock).execute(
      new IssuePersonalTokenCommand(userId, 'laptop', context()),
    );
    const run = (args: readonly string[], options: RunOptions = {}): Promise<Run> =>
      runCli(args, { ...options, env: { ...env, ...options.env } });
    await work({ service, env, userId, memberId, personalTokenId: tokenId, run });
  } finally {
    await service.close();
  }
}

async function register({ ledger }: TestService, email: string): Promise<UserId> {
  const command = new RegisterUserCommand(
    { email, name: null, operator: false },
    systemContext(randomUUID()),
  );
  const outcome = await new RegisterUserHandler(ledger.commands, ledger.clock).execute(command);
  if (outcome.outcome !== 'accepted') throw new Error('the system may register users');
  return outcome.state!.userId;
}
