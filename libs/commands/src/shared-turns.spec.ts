import { jest } from '@jest/globals';
import { MemoryEventStore } from '@ledger/event-store';
import type { TokenId } from '@ledger/domain';
import { Contention } from './ports.js';
import { SharedTurns } from './shared-turns.js';
import {
  existingToken,
  FaultyStore,
  openCommandNode,
  request,
  type CommandNode,
} from './testing/index.js';

/** From each node to the log, or back: one of them is nearer. */
const WAYS_MS = [1, 4];
const CALLERS = 8;
const CALLS = 30;

// Who is nearer is a matter of milliseconds, which a busy machine would make alike: time passes here by itself.
beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

const delay = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Lets time pass until something is done. */
async function passing<T>(work: Promise<T>): Promise<T> {
  let isDone = false;
  void work.finally(() => (isDone = true)).catch(() => undefined);
  while (!isDone) await jest.advanceTimersByTimeAsync(1);
  return work;
}

/** Two nodes on one log that lies elsewhere. */
async function nodesOnOneLog(withTurns: boolean): Promise<{
  readonly nodes: readonly CommandNode[];
  readonly tokenId: TokenId;
}> {
  const log = new MemoryEventStore();
  const { tokenId } = await existingToken(openCommandNode({ store: log }), { maxQuota: null });
  const nodes = WAYS_MS.map((wayMs) => {
    const store = new FaultyStore(log);
    store.onRead = () => delay(2 * wayMs);
    store.onAppend = async (append) => {
      await delay(wayMs);
      const result = await append();
      await delay(wayMs);
      return result;
    };
    return openCommandNode({ store, ...(withTurns && { turns: new SharedTurns() }) });
  });
  return { nodes, tokenId };
}

/** What part of the calls to the node further away is charged while the nearer one never pauses. */
async function shareOfFarNode(withTurns: boolean): Promise<number> {
  const { nodes, tokenId } = await nodesOnOneLog(withTurns);
  const [near, far] = nodes as [CommandNode, CommandNode];
  const subject = { kind: 'token', tokenId, secretId: null } as const;
  const isCharged = async ({ queue }: CommandNode): Promise<boolean> => {
    try {
      await queue.consume({ subject, orgId: null, cost: 1, operation: 'GET /' }, request());
      return true;
    } catch (error) {
      expect(error).toBeInstanceOf(Contention);
      return false;
    }
  };
  let isOver = false;
  const hammering = Array.from({ length: CALLERS }, async (_, n) => {
    await delay(n);
    while (!isOver) await isCharged(near);
  });
  let charged = 0;
  for (let n = 0; n < CALLS; n += 1) if (await isCharged(far)) charged += 1;
  isOver = true;
  await Promise.all(hammering);
  return charged / CALLS;
}

describe('of two nodes that charge one subject, the one further from the log', () => {
  it('is starved without turns', async () => {
    expect(await passing(shareOfFarNode(false))).toBeLessThan(0.5);
  });

  it('is served with turns', async () => {
    expect(await passing(shareOfFarNode(true))).toBeGreaterThan(0.7);
  });
});
