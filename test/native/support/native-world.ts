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
import type { ManualClock } from '@ledger/commands/testing';
import { startTestService, type TestService } from '../../support/test-service.js';
import { IssuedSecrets, NativeClient } from './native-client.js';

export const UNKNOWN_ID = '00000000-0000-4000-8000-000000000000';
export const TOKENS = '/v1/orgs/demo/tokens';

/** A person, with the client that calls as them. */
export interface TestUser {
  readonly userId: UserId;
  readonly personalToken: string;
  readonly client: NativeClient;
}

/** A token as it was created, with the client that calls with it. */
export interface TestToken {
  readonly id: string;
  readonly secret: string;
  /** Its path below the organization that it was made in. */
  readonly path: string;
  readonly client: NativeClient;
}

/** The service, the organization `demo` with its admin, and whatever else a test adds. */
export class NativeWorld {
  readonly #issued = new IssuedSecrets();
  readonly admin: NativeClient;

  private constructor(readonly service: TestService) {
    this.#issued.add(service.admin);
    this.admin = this.as(service.admin);
  }

  static async start(options: Parameters<typeof startTestService>[0] = {}): Promise<NativeWorld> {
    return new NativeWorld(await startTestService(options));
  }

  /** Stops the service, after no secret that was ever issued is found in its log. */
  async close(): Promise<void> {
    const events = await this.service.ledger.store.readAllAfter(0n, 1_000_000);
    const log = JSON.stringify(events, (_key, value: unknown) =>
      typeof value === 'bigint' ? String(value) : value,
    );
    await this.service.close();
    this.#issued.checkAbsent(log, 'the log');
  }

  get clock(): ManualClock {
    return this.service.clock;
  }

  as(secret: string): NativeClient {
    return this.with(`Bearer ${secret}`);
  }

  with(authorization: string | null): NativeClient {
    return new NativeClient(this.service.url, authorization, this.#issued);
  }

  /** Makes a token through the API. */
  async token(attributes: object = {}, by = this.admin, org = 'demo'): Promise<TestToken> {
    const body = { name: 'ci', ...attributes };
    const answer = await by.post(`/v1/orgs/${org}/tokens`, body);
    if (answer.status !== 201) throw new Error(`no token was made: ${answer.text}`);
    const { token, secret } = answer.body;
    const path = `/v1/orgs/${org}/tokens/${token.id}`;
    return { id: token.id, secret, path, client: this.as(secret) };
  }

  /** Makes a Socket token through the API of that dialect. */
  async socketToken(scopes: readonly string[] = ['*'], maxQuota = 1000): Promise<TestToken> {
    const response = await fetch(`${this.service.url}/v0/orgs/demo/api-tokens`, {
      method: 'POST',
      headers: { authorization: `Bearer ${this.service.admin}` },
      body: JSON.stringify({
        ...{ max_quota: maxQuota, scopes, visibility: 'organization', committer: {} },
      }),
    });
    const created = (await response.json()) as { group_uuid: string; token: string };
    const { group_uuid: id, token: secret } = created;
    this.#issued.add(secret);
    return { id, secret, path: `${TOKENS}/${id}`, client: this.as(secret) };
  }

  async user(role: Role, slug = 'demo'): Promise<TestUser> {
    const user = await this.person();
    await this.setMember(user.userId, role, slug);
    return user;
  }

  async setMember(userId: UserId, role: Role, slug = 'demo'): Promise<void> {
    const { commands, clock, directory } = this.service.ledger;
    const { orgId } = directory.organization(slug)!;
    const change = { type: 'SetMember', userId, role } as const;
    const { outcome } = await new ChangeOrganizationHandler(commands, clock).execute(
      new ChangeOrganizationCommand(orgId, change, newContext()),
    );
    if (outcome !== 'accepted') throw new Error('the system may set members');
  }

  /** A person who belongs to no organization. */
  async person({ operator = false } = {}): Promise<TestUser> {
    const { commands, clock } = this.service.ledger;
    const email = `${randomUUID()}@people.invalid`;
    const registered = await new RegisterUserHandler(commands, clock).execute(
      new RegisterUserCommand({ email, name: 'Person', operator }, newContext()),
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

  /** Another organization, whose first admin is a new person. */
  async organization(slug: string): Promise<{ readonly orgId: OrgId; readonly admin: TestUser }> {
    const { commands, clock } = this.service.ledger;
    const admin = await this.person();
    const organization = { slug, name: null, plan: 'free', firstAdmin: admin.userId };
    const created = await new CreateOrganizationHandler(commands, clock).execute(
      new CreateOrganizationCommand(organization, newContext()),
    );
    if (created.outcome === 'rejected') throw new Error(`${slug} is taken`);
    return { orgId: created.state!.orgId, admin };
  }

  /** The facts that a piece of work leaves in the log, in order. Uses of the callers are left out. */
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

const newContext = () => systemContext(randomUUID());
