import { timestamp } from '@ledger/domain';
import type { Attempt } from './history.js';
import type { Request } from './requests.js';
import type { SimulatedNode } from './simulated-node.js';
import type { KnownToken, World } from './world.js';

const DAY_MS = 86_400_000;
const SENDS_MAX = 4;
/** A client gives its key up long before the ledger forgets it. */
const KEY_HELD_MS = DAY_MS / 2;

const MIX = {
  consume: 30,
  verify: 26,
  rotate: 12,
  create: 8,
  revoke: 5,
  limit: 6,
  rename: 4,
  member: 4,
  use: 4,
  issue: 2,
  retire: 2,
} as const;

/** Who calls: a name that the ledger knows the caller by, and the secret that they present. */
interface Caller {
  readonly name: string;
  readonly credential: string | null;
}

/** One client: thinks, asks, and asks again when the answer does not come. */
export class Client {
  #keys = 0;

  constructor(
    private readonly world: World,
    private readonly name: string,
    private readonly machineMs: () => number,
  ) {}

  async run(operations: number): Promise<void> {
    const { random, scheduler } = this.world;
    for (let done = 0; done < operations; done += 1) {
      await scheduler.sleep(this.name, random.between(0, 60), 'thinks');
      await this.#operate(random.weighted(MIX));
    }
  }

  async #operate(kind: keyof typeof MIX): Promise<void> {
    const { random, nodes } = this.world;
    if (kind === 'verify') return this.#verify(random.pick(nodes));
    if (kind === 'use') return this.#use(random.pick(nodes));
    const request = this.#request(kind);
    if (request) await this.#insist(request);
  }

  #verify(node: SimulatedNode): void {
    const { world } = this;
    if (world.random.chance(0.1)) return world.verifyAll(node);
    world.verify(node, world.random.pick([...world.digests]));
  }

  #use(node: SimulatedNode): void {
    const { world } = this;
    const token = this.#anyToken();
    const found = token && node.ledger?.credentials.token(token.tokenId);
    if (!found) return;
    const { tokenId, orgId, secrets } = found;
    const context = {
      principal: { kind: 'system' },
      requestId: `use-${world.history.attempts.length}`,
      correlationId: this.name,
      dialect: 'native',
    } as const;
    world.scheduler.handOver(node.owner);
    node.ledger?.uses.record({ tokenId, orgId, secretId: secrets.at(-1)!.secretId }, context);
  }

  #request(kind: Exclude<keyof typeof MIX, 'verify' | 'use'>): Request | null {
    const { random, users } = this.world;
    const [admin, member] = users;
    const maxQuota = random.chance(0.3) ? null : random.between(0, 30);
    if (kind === 'create') {
      const expires = random.chance(0.4) ? random.between(1_000, 3 * DAY_MS) : null;
      const expiresAt = expires === null ? null : timestamp(this.machineMs() + expires);
      const scopes = random.chance(0.7) ? ['*'] : ['jobs:run'];
      return { kind, name: `${this.name} ${random.between(0, 99)}`, scopes, maxQuota, expiresAt };
    }
    if (kind === 'member') {
      const role = random.pick([null, 'member', 'admin'] as const);
      return { kind, userId: random.chance(0.9) ? member!.userId : admin!.userId, role };
    }
    if (kind === 'issue') return { kind, userId: random.pick(users).userId };
    if (kind === 'retire') {
      // The admin keeps the first personal token, so that somebody can always go on.
      const user = random.pick(users);
      const spare = user === admin ? user.tokens.slice(1) : user.tokens;
      if (spare.length === 0) return null;
      return { kind, userId: user.userId, tokenId: random.pick(spare).tokenId };
    }
    const tokenId = this.#anyToken()?.tokenId;
    if (!tokenId) return null;
    switch (kind) {
      case 'consume':
        return { kind, tokenId, cost: random.pick([1, 1, 1, 2, 5, 12]) };
      case 'limit':
        return { kind, tokenId, maxQuota };
      case 'rename':
        return { kind, tokenId, name: `renamed ${random.between(0, 9)}` };
      case 'rotate': {
        const graceMs = random.pick([0, 0, 200, 1_000, 60_000, DAY_MS]);
        return { kind, tokenId, graceMs, closePrevious: random.chance(0.7) };
      }
      case 'revoke':
        return { kind, tokenId };
    }
  }

  /** The newest tokens are asked for most, so that clients meet. */
  #anyToken(): KnownToken | undefined {
    const { random, tokens } = this.world;
    return tokens[random.chance(0.7) ? tokens.length - 1 : random.between(0, tokens.length - 1)];
  }

  /** Sends until there is an answer, or patience ends: the same request under the same key. */
  async #insist(request: Request): Promise<void> {
    const { random, nodes, scheduler } = this.world;
    const caller = this.#caller(request);
    this.#keys += 1;
    const key = random.chance(0.6) ? `${this.name}-${this.#keys}` : null;
    const heldUntil = this.machineMs() + KEY_HELD_MS;
    let node = random.pick(nodes);
    for (let sends = 0; sends < SENDS_MAX; sends += 1) {
      const attempt = await this.#send(node, request, caller, key);
      const isDone = attempt.answer !== 'unknown' && !random.chance(0.05);
      if (isDone || (key !== null && Math.abs(this.machineMs() - heldUntil) > KEY_HELD_MS)) return;
      if (key === null && random.chance(0.5)) return;
      await scheduler.sleep(this.name, random.between(10, 300), 'waits');
      node = random.pick(nodes);
    }
  }

  /** Now and then twice at once, or a second time with another body. */
  async #send(
    node: SimulatedNode,
    request: Request,
    { name, credential }: Caller,
    key: string | null,
  ): Promise<Attempt> {
    const { world } = this;
    const { random, nodes } = world;
    const first = world.send(node, request, credential, key, name);
    const others: Promise<Attempt>[] = [];
    if (key !== null && random.chance(0.1)) {
      others.push(world.send(random.pick(nodes), request, credential, key, name));
    }
    if (key !== null && random.chance(0.05)) {
      const other = otherBody(request);
      if (other) others.push(world.send(random.pick(nodes), other, credential, key, name));
    }
    await Promise.all(others);
    return first;
  }

  #caller(request: Request): Caller {
    const { random, users, tokens } = this.world;
    const [admin, member] = users;
    if (request.kind === 'issue' || request.kind === 'retire') {
      return { name: admin!.userId, credential: admin!.tokens[0]!.secret };
    }
    const token = tokens.at(random.between(0, tokens.length - 1));
    if (token && random.chance(0.3) && request.kind !== 'member') {
      return { name: token.tokenId, credential: token.secrets.at(-1)! };
    }
    const own = member!.tokens.at(-1);
    if (own && random.chance(0.15)) return { name: member!.userId, credential: own.secret };
    if (random.chance(0.05)) return { name: 'system', credential: null };
    return { name: admin!.userId, credential: admin!.tokens[0]!.secret };
  }
}

/** The same request as far as its route goes, saying something else. */
function otherBody(request: Request): Request | null {
  if (request.kind === 'consume') return { ...request, cost: request.cost + 1 };
  if (request.kind === 'create') return { ...request, name: `${request.name}, changed` };
  if (request.kind === 'rotate') return { ...request, graceMs: request.graceMs + 1 };
  return null;
}
