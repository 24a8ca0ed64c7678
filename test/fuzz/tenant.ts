import { randomUUID } from 'node:crypto';
import { digestOf } from '@ledger/commands';
import { LEDGER_SCOPES } from '../../apps/ledger-api/src/dialects/native/ledger-scopes.js';
import { ALL_SCOPES } from '../support/socmate-world.js';
import { bearer, call, type Call, type Headers, type Items } from '../support/plain-calls.js';
import type { TenantOperation } from './tenant-operations.js';

/** Kinds of names by which a request can reach for something. */
export type Kind =
  | ('org' | 'slug' | 'user' | 'personalToken' | 'token' | 'secretId' | 'secret' | 'digest')
  | ('socketToken' | 'socketSecretId' | 'key' | 'gateway' | 'revocation' | 'lease' | 'cursor')
  | ('idempotencyKey' | 'auditEvent' | 'stream' | 'position' | 'word')
  /** Somebody who is named where callers may write what they like: it is told again from then on. */
  | 'lent';

/** A caller, and the names of what is theirs alone. */
export interface TestCaller {
  readonly headers: Headers;
  readonly names: Readonly<Partial<Record<Kind, string>>>;
}

/** How callers of each dialect are to be named; who they are is {@link Tenant.caller}'s. */
export const CALLERS = {
  native: ['admin', 'member', 'token', 'gateway'],
  socket: ['admin', 'member', 'token'],
  socmate: ['admin', 'member', 'key'],
} as const;

const JSON_TYPE = { 'content-type': 'application/json' };
const KEPT_MAX = 8;
const QUOTA_MAX = 2 ** 31 - 1;

/** One organization with everything that one can have, made and named through the API. */
export class Tenant {
  /** The newest of each kind first. Those that belong together stand at the same place of their lists. */
  readonly names = new Map<Kind, string[]>();
  /** Of a person who makes and reads everything of the organization, and is no caller of a test. */
  owner: Headers = {};
  /** A Socket token that makes and reads, since people's quota would not last. */
  socket: Headers = {};

  private constructor(
    readonly url: string,
    private readonly operator: Headers,
    readonly slug: string,
  ) {}

  static async open(url: string, operatorSecret: string, slug: string): Promise<Tenant> {
    const tenant = new Tenant(url, bearer(operatorSecret), slug);
    const { userId, headers } = await tenant.#person('owner');
    const organization = { slug, name: `${slug} Limited`, plan: `${slug} plan` };
    const made = await tenant.post('/v1/orgs', tenant.operator, {
      ...organization,
      adminUserId: userId,
    });
    tenant.owner = headers;
    tenant.#add('org', slug, made.id);
    tenant.#add('slug', slug);
    tenant.#add('word', slug, `${slug} ci`, `${slug}:read`);
    const lent = await tenant.#person('lent');
    await tenant.setMember(lent.userId, 'member');
    tenant.#add('lent', lent.userId);
    const wide = await tenant.#socketToken(tenant.owner, ['*'], 'root');
    tenant.socket = bearer(wide.token);
    return tenant;
  }

  /** One of the names of a kind. */
  pick(kind: Kind, choice: number): string {
    const names = this.names.get(kind) ?? [];
    const name = names[choice % names.length];
    if (name === undefined) throw new Error(`${this.slug} has no ${kind}`);
    return name;
  }

  get<Body>(path: string, by = this.owner): Promise<Body> {
    return this.#ok({ method: 'GET', path, headers: by });
  }

  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- Answers of every shape are taken apart.
  post(path: string, by: Headers, body: object): Promise<any> {
    const headers = { ...by, ...JSON_TYPE };
    return this.#ok({ method: 'POST', path, headers, body: JSON.stringify(body) });
  }

  /** A new caller who belongs to this organization alone. */
  async caller(dialect: TenantOperation['dialect'], name: string): Promise<TestCaller> {
    if (name === 'admin' || name === 'member') {
      const { userId: user, personalToken, headers } = await this.#person(name);
      await this.setMember(user, name);
      return { headers, names: { user, personalToken } };
    }
    return { headers: await this.#tokenCaller(dialect, name), names: {} };
  }

  async #tokenCaller(dialect: TenantOperation['dialect'], name: string): Promise<Headers> {
    if (name === 'key') {
      const body = { name: 'caller', scopes: ALL_SCOPES };
      return { 'x-api-key': (await this.post('/api/admin/api-keys', this.owner, body)).api_key };
    }
    if (dialect === 'socket') return bearer((await this.#socketToken(this.socket, ['*'])).token);
    const own = ['ledger:tokens:verify', 'ledger:events:read'];
    const scopes = name === 'gateway' ? own : ['*', ...LEDGER_SCOPES];
    const body = { name: 'caller', scopes };
    return bearer((await this.post(`/v1/orgs/${this.slug}/tokens`, this.owner, body)).secret);
  }

  async setMember(userId: string, role: 'admin' | 'member' | null): Promise<void> {
    const path = `/v1/orgs/${this.slug}/members/${userId}`;
    if (role === null) return this.#ok({ method: 'DELETE', path, headers: this.owner });
    const body = JSON.stringify({ role });
    await this.#ok({ method: 'PUT', path, headers: { ...this.owner, ...JSON_TYPE }, body });
  }

  /** Makes one more of everything, in all dialects. */
  async furnish(): Promise<void> {
    const { userId } = await this.#person('guest');
    await this.setMember(userId, 'member');
    const token = await this.#nativeToken(userId);
    await this.#endedToken();
    const { group_uuid: uuid } = await this.#socketToken(this.socket, ['repo', 'alerts']);
    this.#add('socketToken', uuid);
    const listPath = `/v0/orgs/${this.slug}/api-tokens?per_page=100`;
    const { tokens } = await this.get<SocketList>(listPath, this.socket);
    const listed = tokens.find((each) => each.group_uuid === uuid)!;
    this.#add('socketSecretId', listed.id);
    this.#add('digest', listed.hash);
    const key = { name: `${this.slug} key`, description: `${this.slug} text`, scopes: ALL_SCOPES };
    const path = '/api/admin/api-keys';
    const made = await this.post(path, this.#keyed(this.owner), key);
    this.#add('key', made.key_id);
    this.#add('secret', made.api_key);
    const gatewayId = `edge-${randomUUID()}`;
    const headers = { ...bearer(token.secret), ...JSON_TYPE };
    const report = { method: 'PUT', headers, body: '{"position":"1"}' };
    await this.#ok({ ...report, path: `/v1/gateways/${gatewayId}` });
    this.#add('gateway', gatewayId);
    await this.#learnLists(userId, token.id);
  }

  async #person(role: string): Promise<{
    readonly userId: string;
    readonly personalToken: string;
    readonly headers: Headers;
  }> {
    this.#people += 1;
    const email = `${role}-${this.#people}@${this.slug}.example`;
    const body = { email, name: `${this.slug} ${role}` };
    const { id: userId } = await this.post('/v1/users', this.operator, body);
    const path = `/v1/users/${userId}/personal-tokens`;
    const label = { label: `${this.slug} laptop` };
    const { secret } = await this.post(path, this.operator, label);
    const headers = bearer(secret);
    const { token } = await this.post(path, headers, { label: `${this.slug} phone` });
    if (role === 'guest' || role === 'owner') {
      this.#add('user', userId);
      this.#add('personalToken', token.id);
      this.#add('secret', secret);
      this.#add('stream', `user-${userId}`);
    }
    return { userId, personalToken: token.id, headers };
  }
  #people = 0;

  async #nativeToken(ownerId: string): Promise<{ readonly id: string; readonly secret: string }> {
    const path = `/v1/orgs/${this.slug}/tokens`;
    const { slug } = this;
    const made = await this.post(path, this.#keyed(this.owner), {
      ...{ name: `${slug} ci`, description: `${slug} text`, metadata: { team: slug }, ownerId },
      scopes: [`${slug}:read`, 'ledger:tokens:verify', 'ledger:events:read'],
      ...{ maxQuota: 1_000_000, resources: [{ organization: slug, repository: `${slug}-api` }] },
    });
    const { id } = made.token;
    const rotatePath = `${path}/${id}/rotate`;
    const rotation = { graceSeconds: 2_592_000 };
    const rotated = await this.post(rotatePath, this.#keyed(this.owner), rotation);
    const { items } = await this.get<Items<{ id: string }>>(`${path}/${id}/secrets`);
    this.#add('token', id);
    this.#add('stream', `token-${id}`);
    // The old one: the current one is never ended by itself.
    this.#add('secretId', items.at(-1)!.id);
    for (const { secret } of [made, rotated]) {
      this.#add('secret', secret);
      this.#add('digest', digestOf(secret));
    }
    const units = { tokenId: id, units: 5 };
    await this.post('/v1/quota/consume', this.#keyed(this.owner), units);
    const { leaseId } = await this.post('/v1/quota/leases', this.owner, units);
    this.#add('lease', leaseId);
    return { id, secret: rotated.secret };
  }

  async #endedToken(): Promise<void> {
    const path = `/v1/orgs/${this.slug}/tokens`;
    const { token } = await this.post(path, this.owner, { name: `${this.slug} ended` });
    const ended = await this.post(`${path}/${token.id}/revoke`, this.owner, { note: this.slug });
    this.#add('stream', `token-${token.id}`);
    this.#add('revocation', ended.revocationId);
  }

  async #socketToken(by: Headers, scopes: readonly string[], name = 'socket'): Promise<SocketMade> {
    const path = `/v0/orgs/${this.slug}/api-tokens`;
    const body = { name: `${this.slug} ${name}`, scopes, max_quota: QUOTA_MAX };
    const made: SocketMade = await this.post(path, this.#keyed(by), {
      ...{ ...body, visibility: 'organization', committer: { email: `bot@${this.slug}.example` } },
    });
    this.#add('secret', made.token);
    return made;
  }

  async #learnLists(userId: string, tokenId: string): Promise<void> {
    const org = `/v1/orgs/${this.slug}`;
    const lists = [`${org}/tokens`, `${org}/members`, `${org}/audit-events`, '/v1/gateways'];
    for (const path of [...lists, `${org}/tokens/${tokenId}/events`]) {
      const { items, nextCursor } = await this.get<Items<{ id: string }>>(`${path}?limit=1`);
      if (nextCursor !== null) this.#add('cursor', nextCursor);
      if (path.endsWith('audit-events')) this.#add('auditEvent', ...items.map(({ id }) => id));
    }
    const path = `/v1/users/${userId}/personal-tokens?limit=1`;
    const { nextCursor } = await this.get<Items<unknown>>(path, this.operator);
    this.#add('cursor', nextCursor!);
    const { headers } = await call(this.url, { method: 'GET', path: org, headers: this.owner });
    this.#add('position', headers.get('ledger-position')!);
  }

  /** The caller, with an idempotency key that others will try as well. */
  #keyed(by: Headers): Headers {
    this.#keys += 1;
    const key = `key-of-${this.slug}-${this.#keys}`;
    this.#add('idempotencyKey', key);
    return { ...by, 'idempotency-key': key };
  }
  #keys = 0;

  #add(kind: Kind, ...names: readonly string[]): void {
    const known = this.names.get(kind) ?? [];
    this.names.set(kind, [...new Set([...names, ...known])].slice(0, KEPT_MAX));
  }

  async #ok<Body>(asked: Call): Promise<Body> {
    const { status, text, body } = await call(this.url, asked);
    if (status >= 400) throw new Error(`${asked.method} ${asked.path}: ${text}`);
    return body as Body;
  }
}

interface SocketMade {
  readonly group_uuid: string;
  readonly token: string;
}

interface SocketList {
  readonly tokens: readonly {
    readonly group_uuid: string;
    readonly id: string;
    readonly hash: string;
  }[];
}
