import { randomUUID } from 'node:crypto';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import {
  accept,
  decideOrganization,
  reject,
  type OrganizationEvent,
  type OrganizationState,
  type OrgId,
  type Role,
  type SlugReserved,
  type UserId,
} from '@ledger/domain';
import type { CommandContext } from './command-context.js';
import { DecideAndAppend, type Outcome } from './decide-and-append.js';
import { Clock } from './ports.js';
import type { RequestIdentity } from './request-identity.js';
import { organizationStream, slugStream } from './streams.js';

type OrganizationOutcome = Outcome<OrganizationState, OrganizationEvent>;

/** What an organization's people and settings may be changed to. */
export type OrganizationChange =
  | { readonly type: 'UpdateOrganization'; readonly name?: string | null; readonly plan?: string }
  | { readonly type: 'SetMember'; readonly userId: UserId; readonly role: Role }
  | { readonly type: 'RemoveMember'; readonly userId: UserId };

/** Envelope: makes an organization with its first admin. Operators only. */
export class CreateOrganizationCommand extends Command<OrganizationOutcome> {
  constructor(
    readonly organization: {
      readonly slug: string;
      readonly name: string | null;
      readonly plan: string;
      readonly firstAdmin: UserId;
    },
    readonly context: CommandContext,
  ) {
    super();
  }
}

@CommandHandler(CreateOrganizationCommand)
export class CreateOrganizationHandler implements ICommandHandler<CreateOrganizationCommand> {
  constructor(
    private readonly ledger: DecideAndAppend,
    private readonly clock: Clock,
  ) {}

  /**
   * Reserves the slug, then makes the organization. A crash in between leaves a reservation without an
   * organization, which the next request for that slug takes over.
   */
  async execute({
    organization,
    context,
  }: CreateOrganizationCommand): Promise<OrganizationOutcome> {
    const { slug } = organization;
    const { repeat, ...once } = context;
    let newId = randomUUID() as OrgId;
    if (repeat && repeat.key !== null) {
      const { outcome, identity } = await this.#earlier(context);
      if (outcome.outcome === 'rejected' || outcome.repeated) return outcome;
      newId = organizationOf(identity);
    }
    const { outcome: reserved } = await this.ledger.execute<OrgId | undefined, SlugReserved>({
      context: once,
      orgId: null,
      stream: () => slugStream(slug),
      decide: (orgId, authority) => {
        if (authority.kind === 'dead') return reject({ code: 'ACTOR_NOT_LIVE' });
        const mayCreate =
          authority.kind === 'system' || (authority.kind === 'user' && authority.operator);
        if (!mayCreate) return reject({ code: 'FORBIDDEN' });
        if (orgId !== undefined) return accept();
        const occurredAt = this.clock.now();
        return accept({ type: 'SlugReserved', slug, orgId: newId, occurredAt });
      },
    });
    if (reserved.outcome === 'rejected') return reserved;
    const orgId = reserved.state!;
    const { outcome } = await this.ledger.execute<OrganizationState, OrganizationEvent>({
      context,
      orgId,
      stream: () => organizationStream(orgId),
      decide: (state, authority) => {
        const now = this.clock.now();
        const command = { type: 'CreateOrganization', orgId, ...organization, now } as const;
        return decideOrganization(state, command, authority);
      },
    });
    return outcome;
  }

  /** What became of the same key before, whatever slug it asked for then. Records nothing. */
  #earlier(context: CommandContext) {
    return this.ledger.execute<OrganizationState, OrganizationEvent>({
      context,
      orgId: null,
      stream: (identity) => organizationStream(organizationOf(identity)),
      decide: () => accept(),
    });
  }
}

/** The id of the organization that a repeatable request makes: a repeat arrives at it again. */
function organizationOf({ tokenId }: RequestIdentity): OrgId {
  return tokenId as string as OrgId;
}

/** Envelope: changes an organization's settings or people. */
export class ChangeOrganizationCommand extends Command<OrganizationOutcome> {
  constructor(
    readonly orgId: OrgId,
    readonly change: OrganizationChange,
    readonly context: CommandContext,
  ) {
    super();
  }
}

@CommandHandler(ChangeOrganizationCommand)
export class ChangeOrganizationHandler implements ICommandHandler<ChangeOrganizationCommand> {
  constructor(
    private readonly ledger: DecideAndAppend,
    private readonly clock: Clock,
  ) {}

  async execute({
    orgId,
    change,
    context,
  }: ChangeOrganizationCommand): Promise<OrganizationOutcome> {
    const { outcome } = await this.ledger.execute<OrganizationState, OrganizationEvent>({
      context,
      orgId,
      stream: () => organizationStream(orgId),
      decide: (state, authority) =>
        decideOrganization(state, { ...change, orgId, now: this.clock.now() }, authority),
    });
    return outcome;
  }
}
