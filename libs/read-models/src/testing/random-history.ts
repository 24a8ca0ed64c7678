import {
  ChangeOrganizationCommand,
  CreateOrganizationCommand,
  CreateTokenCommand,
  IssuePersonalTokenCommand,
  RegisterUserCommand,
  ReportPositionCommand,
  RetireGatewayCommand,
  RevokePersonalTokenCommand,
  RevokeTokenCommand,
  RotateTokenCommand,
  UpdateTokenCommand,
  usageStream,
  type CommandContext,
} from '@ledger/commands';
import {
  ManualClock,
  openCommandNode,
  repeatable,
  sampleAttributes,
  type CommandNode,
} from '@ledger/commands/testing';
import type { OrgId, SecretId, TokenAttributes, TokenId, UserId } from '@ledger/domain';
import { EventStore, type EventMetadata } from '@ledger/event-store';

interface Person {
  readonly userId: UserId;
  readonly tokenIds: TokenId[];
}

/** Lets real commands make a log that nobody thought up. The same seed makes the same events again. */
export class RandomHistory {
  readonly clock = new ManualClock('2026-01-30T12:00:00.000Z');
  readonly node: CommandNode;
  readonly tokens: { readonly tokenId: TokenId; readonly orgId: OrgId }[] = [];
  readonly orgIds: OrgId[] = [];
  readonly people: Person[] = [];
  #requests = 0;
  #state: number;

  constructor(
    store: EventStore,
    private readonly seed: number,
  ) {
    this.node = openCommandNode({ store, clock: this.clock });
    this.#state = Math.imul(seed, 0x9e3779b1);
  }

  /** Carries out `steps` commands; a few of them are refused, or change nothing. */
  async run(steps: number): Promise<void> {
    for (let step = 0; step < steps; step += 1) {
      this.clock.advance(this.#below(10) === 0 ? this.#below(3 * 86_400_000) : this.#below(60_000));
      await this.#step();
    }
  }

  async #step(): Promise<void> {
    if (this.orgIds.length === 0 || this.#below(60) === 0) return this.#createOrganization();
    if (this.tokens.length === 0 || this.#below(8) === 0) return this.#createToken();
    const steps = [
      ...Array.from({ length: 6 }, () => () => this.#consume()),
      ...[() => this.#use(), () => this.#use(), () => this.#update(), () => this.#update()],
      ...[() => this.#rotate(), () => this.#rotate(), () => this.#revoke()],
      ...[() => this.#changeOrganization(), () => this.#personalToken()],
      ...[() => this.#lease(), () => this.#gateway(), () => this.#gateway()],
    ];
    await this.#oneOf(steps)();
  }

  async #createOrganization(): Promise<void> {
    const email = `person-${this.#requests}@example.org`;
    const user = { email, name: this.#below(2) === 0 ? null : 'Ada', operator: false };
    const registered = await this.node.registerUser.execute(
      new RegisterUserCommand(user, this.#context()),
    );
    if (registered.outcome === 'rejected') return;
    const { userId } = registered.state!;
    this.people.push({ userId, tokenIds: [] });
    const slug = `org-${this.seed}-${this.#requests}`;
    // Its id is random, as nothing else here is: the slug's reservation is no repeatable request.
    const created = await this.node.createOrganization.execute(
      new CreateOrganizationCommand(
        { slug, name: null, plan: 'free', firstAdmin: userId },
        this.#context(),
      ),
    );
    if (created.outcome === 'accepted') this.orgIds.push(created.state!.orgId);
  }

  async #createToken(): Promise<void> {
    const orgId = this.#oneOf(this.orgIds);
    const attributes = { ...sampleAttributes, ...this.#attributes() };
    const dialect = this.#oneOf(['native', 'socket'] as const);
    const { outcome } = await this.node.createToken.execute(
      new CreateTokenCommand(orgId, dialect, attributes, this.#context()),
    );
    if (outcome.outcome === 'rejected' || outcome.state.status === 'absent') return;
    this.tokens.push({ tokenId: outcome.state.tokenId, orgId });
  }

  async #consume(): Promise<void> {
    const { tokenId, orgId } = this.#oneOf(this.tokens);
    const person = this.#oneOf(this.people);
    const subject =
      this.#below(5) === 0
        ? ({ kind: 'user', userId: person.userId } as const)
        : ({ kind: 'token', tokenId, secretId: 'secret' as SecretId } as const);
    const charge = { subject, orgId, cost: 1 + this.#below(9), operation: 'GET /' };
    await Promise.all(
      Array.from({ length: 1 + this.#below(3) }, () =>
        this.node.queue.consume(charge, this.#context()),
      ),
    );
  }

  /** Leases units, and mostly gives some of them back. */
  async #lease(): Promise<void> {
    const { tokenId, orgId } = this.#oneOf(this.tokens);
    const subject = { kind: 'token', tokenId, secretId: null } as const;
    const charge = { subject, orgId, cost: 5, operation: 'lease', isLease: true } as const;
    const leased = await this.node.queue.consume(charge, this.#context());
    if (leased.outcome === 'rejected' || this.#below(4) === 0) return;
    const leaseReturn = { subject, orgId, leaseId: leased.leaseId!, unusedUnits: this.#below(7) };
    await this.node.queue.giveBack(leaseReturn, this.#context());
  }

  async #gateway(): Promise<void> {
    const orgId = this.#below(3) === 0 ? null : this.#oneOf(this.orgIds);
    const target = { orgId, gatewayId: `edge-${this.#below(3)}` };
    if (this.#below(4) === 0) {
      const command = new RetireGatewayCommand(target, this.#context());
      await this.node.retireGateway.execute(command);
      return;
    }
    const position = String(await this.node.store.head());
    const command = new ReportPositionCommand(target, position, this.#context());
    await this.node.reportPosition.execute(command);
  }

  /** As the recorder of uses does, which is not waited for. */
  async #use(): Promise<void> {
    const { tokenId, orgId } = this.#oneOf(this.tokens);
    const { streamId } = usageStream(tokenId);
    const secretId = `secret-${this.#below(3)}` as SecretId;
    const occurredAt = this.clock.now();
    const payload = { type: 'TokenUsed', tokenId, orgId, secretId, occurredAt } as const;
    const requestId = `request-${(this.#requests += 1)}`;
    const actor = { kind: 'org_token', id: tokenId } as const;
    const ids = { commandId: requestId, requestId, correlationId: requestId, causationId: null };
    const metadata: EventMetadata = { ...ids, actor, orgId, dialect: 'native' };
    const revision = (await this.node.store.read(streamId)).length;
    await this.node.store.append(streamId, revision, [{ eventId: requestId, payload, metadata }]);
  }

  async #update(): Promise<void> {
    const target = this.#oneOf(this.tokens);
    const command = new UpdateTokenCommand(target, this.#attributes(), this.#context());
    await this.node.updateToken.execute(command);
  }

  async #rotate(): Promise<void> {
    const graceMs = this.#below(2) * this.#below(86_400_000);
    const policy = { graceMs, closePrevious: this.#below(2) === 0 };
    await this.node.rotateToken.execute(
      new RotateTokenCommand(this.#oneOf(this.tokens), policy, this.#context()),
    );
  }

  async #revoke(): Promise<void> {
    if (this.#below(3) > 0) return;
    const cause = { reason: 'compromised', note: this.#below(2) === 0 ? null : 'seen' } as const;
    const command = new RevokeTokenCommand(this.#oneOf(this.tokens), cause, this.#context());
    await this.node.revokeToken.execute(command);
  }

  async #changeOrganization(): Promise<void> {
    const { userId } = this.#oneOf(this.people);
    const change = this.#oneOf([
      { type: 'SetMember', userId, role: this.#oneOf(['admin', 'member'] as const) },
      { type: 'RemoveMember', userId },
      { type: 'UpdateOrganization', name: `name ${this.#below(5)}` },
      { type: 'UpdateOrganization', plan: this.#oneOf(['free', 'team']) },
    ] as const);
    await this.node.changeOrganization.execute(
      new ChangeOrganizationCommand(this.#oneOf(this.orgIds), change, this.#context()),
    );
  }

  async #personalToken(): Promise<void> {
    const { userId, tokenIds } = this.#oneOf(this.people);
    if (tokenIds.length > 0 && this.#below(2) === 0) {
      await this.node.revokePersonalToken.execute(
        new RevokePersonalTokenCommand(userId, this.#oneOf(tokenIds), this.#context()),
      );
      return;
    }
    const { tokenId } = await this.node.issuePersonalToken.execute(
      new IssuePersonalTokenCommand(userId, 'laptop', this.#context()),
    );
    tokenIds.push(tokenId);
  }

  #attributes(): Partial<TokenAttributes> {
    const all: TokenAttributes = {
      ...sampleAttributes,
      name: `name ${this.#below(20)}`,
      description: this.#oneOf(['', 'text']),
      scopes: this.#oneOf([['report'], ['packages:list', 'report']]),
      maxQuota: this.#oneOf([null, 20, 500]),
      visibility: this.#oneOf(['admin', 'organization'] as const),
      ownerId: this.#oneOf([null, 'team-7']),
      metadata: this.#oneOf([{}, { 7: 'x', a: 'y' }] as const),
    };
    return Object.fromEntries(Object.entries(all).filter(() => this.#below(3) === 0));
  }

  /** A key of its own makes ids and secrets follow from the seed. */
  #context(): CommandContext {
    const key = `${this.seed} ${(this.#requests += 1)}`;
    const person = this.people.length > 0 && this.#below(3) === 0 ? this.#oneOf(this.people) : null;
    const context = repeatable(key);
    if (person === null || person.tokenIds.length === 0) return context;
    const { userId, tokenIds } = person;
    const principal = { kind: 'user', userId, personalTokenId: this.#oneOf(tokenIds) } as const;
    return { ...context, principal, ip: '192.0.2.1', userAgent: 'curl' };
  }

  #oneOf<T>(choices: readonly T[]): T {
    return choices[this.#below(choices.length)]!;
  }

  /** A whole number from 0, below `bound`, by mulberry32. */
  #below(bound: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * bound);
  }
}
