import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Deployment } from './deployment.js';

/** How long after a revocation a gateway that hears from Kafka may still accept its token, in milliseconds (V2). */
export const BOUND_MS = 1_000;

/** Callers that use tokens through nginx all the while. */
const CALLERS = 16;
const TRIES_MAX = 30;
const PROBE_EVERY_MS = 20;
/** How long to wait until the ledger shows what the gateway has told it. */
const SHOWN_MS_MAX = 60_000;

/** What became of one token. */
export interface TokenStory {
  readonly tokenId: string;
  /** Which node was told to revoke it. */
  readonly node: number;
  /** When a call was last let in, after the answer of the revoke call, in milliseconds; 0 when none was. */
  readonly acceptedForMs: number;
  /** Calls after the answer that were refused. */
  readonly refusals: number;
}

export interface TourReport {
  readonly stories: readonly TokenStory[];
  readonly calls: number;
  /** Calls let in although their token had been revoked for longer than the bound. */
  readonly acceptedAfterBound: number;
  /** The longest that any process took meanwhile for an answer that waits for nothing: what the machine itself takes. */
  readonly machineMs: number;
  /** Revocations that the ledger shows as in effect on the gateway, of those asked about. */
  readonly shownAsEffective: { readonly of: number; readonly effective: number };
}

interface UsedToken {
  readonly id: string;
  readonly secret: string;
  revokedAt: number;
  node: number;
  acceptedForMs: number;
  refusals: number;
}

/** Uses tokens through nginx, revokes them at random on both nodes meanwhile, and tells how long each was accepted. */
export class Tour {
  readonly #tokens: UsedToken[] = [];
  #calls = 0;
  #acceptedAfterBound = 0;
  #isOver = false;
  #machineMs = 0;
  #failure: Error | undefined;
  /** The newest position that the ledger has answered with. */
  #position = 0n;

  constructor(private readonly deployment: Deployment) {}

  async run(count: number): Promise<TourReport> {
    await this.#issue(count);
    // A token is known where it was made, and at the other node somewhat later.
    for (const node of [0, 1]) await this.#ledger(node, 'GET', '/v1/orgs/demo/tokens?limit=1');
    // Each is in the gateway's memory before anything is revoked.
    await inTurns(this.#tokens, CALLERS, (token) => this.#use(token, true));
    const failed = (error: unknown): void => void (this.#failure ??= error as Error);
    const callers = Array.from({ length: CALLERS }, () => this.#keepUsing().catch(failed));
    const watch = this.#watchMachine().catch(failed);
    const revocations: string[] = [];
    for (const token of shuffled(this.#tokens)) {
      const [node] = shuffled([0, 1]);
      revocations.push(await this.#revoke(token, node!));
      await this.#use(token);
    }
    const afterwards = performance.now() + BOUND_MS * 1.5;
    while (performance.now() < afterwards) await new Promise((done) => setTimeout(done, 50));
    // Not only by luck: each is tried once more, when it must be refused.
    await inTurns(this.#tokens, CALLERS, (token) => this.#use(token));
    this.#isOver = true;
    await Promise.all([...callers, watch]);
    if (this.#failure !== undefined) throw this.#failure;
    const stories = this.#tokens.map(({ id, node, acceptedForMs, refusals }) => {
      return { tokenId: id, node, acceptedForMs, refusals };
    });
    return {
      stories,
      calls: this.#calls,
      acceptedAfterBound: this.#acceptedAfterBound,
      machineMs: this.#machineMs,
      shownAsEffective: await this.#propagation(shuffled(revocations).slice(0, 20)),
    };
  }

  async #issue(count: number): Promise<void> {
    const indexes = Array.from({ length: count }, (_, index) => index);
    await inTurns(indexes, 8, async (index) => {
      const made = await this.#ledger(index % 2, 'POST', '/v1/orgs/demo/tokens', {
        name: `job ${index}`,
        scopes: ['jobs'],
      });
      const { token, secret } = made as { token: { id: string }; secret: string };
      const untouched = { revokedAt: Infinity, node: -1, acceptedForMs: 0, refusals: 0 };
      this.#tokens.push({ id: token.id, secret, ...untouched });
    });
  }

  async #keepUsing(): Promise<void> {
    while (!this.#isOver) {
      await this.#use(this.#tokens[Math.floor(Math.random() * this.#tokens.length)]!);
    }
  }

  async #use(token: UsedToken, mustPass = false): Promise<void> {
    const { sentAt, response } = await this.#call(token);
    if (response.status !== 200 && response.status !== 401) {
      throw new Error(`nginx answered ${response.status}`);
    }
    if (mustPass && response.status !== 200) throw new Error('a living token was refused');
    const sinceMs = sentAt - token.revokedAt;
    if (sinceMs < 0) return;
    if (response.status === 401) token.refusals += 1;
    else {
      token.acceptedForMs = Math.max(token.acceptedForMs, sinceMs);
      if (sinceMs > BOUND_MS) this.#acceptedAfterBound += 1;
    }
  }

  /** Whom nobody could judge in time comes again: that is neither let in nor refused. */
  async #call({ secret }: UsedToken): Promise<{ sentAt: number; response: Response }> {
    for (let tried = 1; ; tried += 1) {
      const sentAt = performance.now();
      const response = await fetch(`${this.deployment.front}/jobs/1`, {
        headers: { authorization: `Bearer ${secret}` },
      });
      await response.arrayBuffer();
      this.#calls += 1;
      if (response.status !== 503 || tried === TRIES_MAX) return { sentAt, response };
      await sleep(Number(response.headers.get('retry-after') ?? 1) * 1_000);
    }
  }

  async #watchMachine(): Promise<void> {
    while (!this.#isOver) {
      const startedAt = performance.now();
      await this.deployment.probe();
      this.#machineMs = Math.max(this.#machineMs, performance.now() - startedAt);
      await sleep(PROBE_EVERY_MS);
    }
  }

  async #revoke(token: UsedToken, node: number): Promise<string> {
    const path = `/v1/orgs/demo/tokens/${token.id}/revoke`;
    const answer = await this.#ledger(node, 'POST', path, { reason: 'compromised' });
    token.revokedAt = performance.now();
    token.node = node + 1;
    return (answer as { revocationId: string }).revocationId;
  }

  async #propagation(ids: readonly string[]): Promise<TourReport['shownAsEffective']> {
    const inVain = performance.now() + SHOWN_MS_MAX;
    const isShown = async (id: string): Promise<boolean> => {
      const shown = await this.#ledger(0, 'GET', `/v1/revocations/${id}/propagation`);
      const { effective: on, of } = shown as { effective: number; of: number };
      return of > 0 && on === of;
    };
    let effective = 0;
    for (const id of ids) {
      let isInEffect = await isShown(id);
      while (!isInEffect && performance.now() < inVain) {
        await sleep(100);
        isInEffect = await isShown(id);
      }
      if (isInEffect) effective += 1;
    }
    return { of: ids.length, effective };
  }

  /** What is refused for want of time is asked again under the same key, as the ledger says in its answer. */
  async #ledger(node: number, method: string, path: string, body?: object): Promise<unknown> {
    const key = randomUUID();
    for (let tried = 1; ; tried += 1) {
      const response = await fetch(this.deployment.nodes[node]! + path, {
        method,
        headers: {
          authorization: `Bearer ${this.deployment.admin}`,
          ...(body && { 'content-type': 'application/json', 'idempotency-key': key }),
          ...(!body && { 'ledger-min-position': String(this.#position) }),
        },
        ...(body && { body: JSON.stringify(body) }),
      });
      const position = BigInt(response.headers.get('ledger-position') ?? 0);
      if (position > this.#position) this.#position = position;
      if (response.ok) return response.json();
      const text = await response.text();
      if (response.status !== 503 || tried === TRIES_MAX) {
        throw new Error(`${method} ${path}: ${response.status} ${text}`);
      }
      await sleep(Number(response.headers.get('retry-after') ?? 1) * 1_000);
    }
  }
}

/** Works through the items, so many at a time. */
async function inTurns<Item>(
  items: readonly Item[],
  atOnce: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const left = [...items].reverse();
  const hand = async (): Promise<void> => {
    for (let item = left.pop(); item !== undefined; item = left.pop()) await work(item);
  };
  await Promise.all(Array.from({ length: atOnce }, hand));
}

function shuffled<Item>(items: readonly Item[]): readonly Item[] {
  return items
    .map((item) => ({ item, at: Math.random() }))
    .sort((one, other) => one.at - other.at)
    .map(({ item }) => item);
}
