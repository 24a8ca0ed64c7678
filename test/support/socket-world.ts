import { randomUUID } from 'node:crypto';
import {
  ChangeOrganizationCommand,
  ChangeOrganizationHandler,
  CreateOrganizationCommand,
  CreateOrganizationHandler,
  IssuePersonalTokenCommand,
  IssuePersonalTokenHandler,
  RegisterUserCommand,
  RegisterUserHandler,
  systemContext,
} from '@ledger/commands';
import type { LedgerEvent, OrgId, Role, UserId } from '@ledger/domain';
import type { StoredEvent } from '@ledger/event-store';
import { IssuedSecrets, SocketClient, type Created, type Credential } from './socket-client.js';
import { startTestService, type TestService } from './test-service.js';

export const QUOTA_MAX = 2 ** 31 - 1;
export const UNKNOWN_UUID = '00000000-0000-4000-8000-000000000000';

/** A person in an organization, with the client that calls as them. */
export interface TestUser {
  readonly userId: UserId;
  readonly personalToken: string;
  readonly client: SocketClient;
}

/** A token as it was created, with the client that calls with it. */
export interface TestToken extends Created {
  readonly client: SocketClient;
}

/** The service, the organization `demo` with its admin, and whatever else a test adds. */
export class SocketWorld {
  readonly #issued = new IssuedSecrets();
  readonly admin: SocketClient;
  /** A token of `demo` that holds `*` and whose quota no test exhausts. */
  root!: TestToken;

  private constructor(readonly service: TestService) {
    this.admin = this.as(service.admin);
  }

  static async start(options: Parameters<typeof startTestService>[0] = {}): Promise<SocketWorld> {
    const world = new SocketWorld(await startTestService(options));
    world.#issued.add(world.service.admin);
    world.root = await world.token({ scopes: ['*'], max_quota: QUOTA_MAX });
    return world;
  }

  /** Stops the service, after no secret that was ever issued is found in its log. */
  async close(): Promise<void> {
    const log = JSON.stringify(await this.events(), (_key, value: unknown) =>
      typeof value === 'bigint' ? String(value) : value,
    );
    await this.service.close();
    this.#issued.checkAbsent(log, 'the log');
  }

  as(secret: string, org = 'demo'): SocketClient {
    return this.with({ scheme: 'bearer', secret }, org);
  }

  with(credential: Credential, org = 'demo'): SocketClient {
    return new SocketClient(this.service.url, credential, this.#issued, org);
  }

  /** Makes a token through the API. Attributes that are left out are harmless ones. */
  async token(attributes: object = {}, by?: SocketClient, org = 'demo'): Promise<TestToken> {
    const creator = by ?? (this.root as TestToken | undefined)?.client ?? this.admin;
    const created = await creator.create(tokenBody(attributes), { org });
    return { ...created, client: this.as(created.token, org) };
  }

  async user(role: Role, slug = 'demo'): Promise<TestUser> {
    const user = await this.person();
    await this.setMember(user.userId, role, slug);
    return { ...user, client: this.as(user.personalToken, slug) };
  }

  /** A person who belongs to no organization. */
  async person(): Promise<TestUser> {
    const { commands, clock } = this.service.ledger;
    const email = `${randomUUID()}@people.invalid`;
    const registered = await new RegisterUserHandler(commands, clock).execute(
      new RegisterUserCommand({ email, name: 'Person', operator: false }, newContext()),
    );
    if (registered.outcome === 'rejected') throw new Error('the system may register users');
    const { userId } = registered.state!;
    const { secret } = await new IssuePersonalTokenHandler(commands, clock).execute(
      new IssuePersonalTokenCommand(userId, 'test', newContext()),
    );
    const personalToken = secret.reveal();
    this.#issued.add(personalToken);
    return { userId, personalToken, client: this.as(personalToken) };
  }

  async setMember(userId: UserId, role: Role, slug = 'demo'): Promise<void> {
    const { commands, clock, directory } = this.service.ledger;
    const { orgId } = directory.organization(slug)!;
    const { outcome } = await new ChangeOrganizationHandler(commands, clock).execute(
      new ChangeOrganizationCommand(orgId, { type: 'SetMember', userId, role }, newContext()),
    );
    if (outcome !== 'accepted') throw new Error('the system may set members');
  }

  /** Another organization, whose first admin is a new person. */
  async organization(slug: string): Promise<{ readonly orgId: OrgId; readonly admin: TestUser }> {
    const { commands, clock } = this.service.ledger;
    const person = await this.person();
    const organization = { slug, name: null, plan: 'free', firstAdmin: person.userId };
    const created = await new CreateOrganizationHandler(commands, clock).execute(
      new CreateOrganizationCommand(organization, newContext()),
    );
    if (created.outcome === 'rejected') throw new Error(`${slug} is taken`);
    const client = this.as(person.personalToken, slug);
    return { orgId: created.state!.orgId, admin: { ...person, client } };
  }

  async events(): Promise<readonly StoredEvent[]> {
    return this.service.ledger.store.readAllAfter(0n, 100_000);
  }

  /** The facts that a piece of work leaves in the log, in order. Uses that cost nothing are left out. */
  async recorded(work: () => Promise<unknown>): Promise<readonly LedgerEvent[]> {
    const { store } = this.service.ledger;
    const before = await store.head();
    await work();
    const events = await store.readAllAfter(before, 100_000);
    return events.map(({ payload }) => payload).filter(({ type }) => type !== 'TokenUsed');
  }

  /** The same, by name only. */
  async recordedTypes(work: () => Promise<unknown>): Promise<readonly string[]> {
    return (await this.recorded(work)).map(({ type }) => type);
  }
}

/** A body that create accepts. */
export function tokenBody(attributes: object = {}): Record<string, unknown> {
  return { max_quota: 1000, scopes: [], visibility: 'admin', committer: {}, ...attributes };
}

const newContext = () => systemContext(randomUUID());
