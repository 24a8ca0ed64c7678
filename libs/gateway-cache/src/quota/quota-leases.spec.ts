import { requirement } from '../gateway-decisions.js';
import {
  GatewayWorld,
  revoked,
  updated,
  ManualTime,
  ModelLedger,
  MemoryFeed,
  LineLog,
} from '../testing/index.js';
import { Gateway } from '../gateway.js';

const SECRET = 'tl_secret_of_the_test';
const LEASED = requirement({ scopes: ['jobs'] }, { quota: 'leased' });
const EXACT = requirement({ scopes: ['jobs'] }, { quota: 'exact', cost: 3 });
const BLOCK = 20;

describe('quota at a gateway', () => {
  let world: GatewayWorld;
  beforeEach(() => {
    world = new GatewayWorld({ leaseBlock: BLOCK });
  });
  afterEach(() => world.close());

  const spend = async (times: number): Promise<readonly string[]> => {
    const outcomes: string[] = [];
    for (let index = 0; index < times; index += 1) {
      outcomes.push(await world.outcome(SECRET, LEASED));
    }
    return outcomes;
  };
  const allows = (outcomes: readonly string[]): number => {
    return outcomes.filter((outcome) => outcome === 'allow').length;
  };

  it('in exact mode is charged at the ledger, call by call', async () => {
    const token = world.ledger.add(SECRET, { limit: 10 });
    const seen = [];
    for (let call = 0; call < 4; call += 1) seen.push(await world.decide(SECRET, EXACT));
    expect(seen.map(({ outcome }) => outcome)).toEqual([
      ...['allow', 'allow', 'allow', 'quota-exceeded'],
    ]);
    expect(seen[2]).toMatchObject({ quota: { remaining: 1 } });
    expect(token.consumed).toBe(9);
  });

  it('in exact mode asks once about a made-up secret', async () => {
    for (let call = 0; call < 5; call += 1) {
      expect(await world.outcome('tl_made_up', EXACT)).toBe('unauthenticated');
    }
    expect(world.ledger.verifications).toBe(1);
  });

  it('in exact mode is refused when a message has overtaken the charge', async () => {
    const { tokenId } = world.ledger.add(SECRET, { limit: 10 });
    world.ledger.onJudged = () => {
      world.ledger.onJudged = () => undefined;
      const position = world.ledger.revoke(SECRET);
      world.feed.publish(revoked(tokenId, position), position);
    };
    expect(await world.outcome(SECRET, EXACT)).toBe('unauthenticated');
  });

  it('in leased mode is spent here, and never overdrawn', async () => {
    const token = world.ledger.add(SECRET, { limit: 100 });
    const outcomes = await spend(120);
    expect(allows(outcomes)).toBe(100);
    expect(outcomes.slice(100)).toEqual(Array(20).fill('quota-exceeded'));
    expect(token.consumed).toBe(100);
    expect(world.ledger.leases.size).toBeLessThan(20);
  });

  it('is never overdrawn by calls at the same time, either', async () => {
    const token = world.ledger.add(SECRET, { limit: 50 });
    const all = Array.from({ length: 200 }, () => world.outcome(SECRET, LEASED));
    const atOnce = allows(await Promise.all(all));
    world.time.advance(1_000);
    const afterwards = allows(await spend(60));
    expect(atOnce + afterwards).toBe(50);
    expect(token.consumed).toBe(50);
  });

  it('holds no more than a block of a token, whatever is under way', async () => {
    world.ledger.add(SECRET, { limit: 1_000 });
    for (let call = 0; call < 200; call += 1) {
      await world.outcome(SECRET, LEASED);
      expect(world.gateway.leases.held).toBeLessThanOrEqual(BLOCK);
    }
  });

  it('spends a cost above the block', async () => {
    const token = world.ledger.add(SECRET, { limit: 100 });
    const dear = requirement({ scopes: ['jobs'] }, { quota: 'leased', cost: 45 });
    expect(await world.outcome(SECRET, dear)).toBe('allow');
    expect(await world.outcome(SECRET, dear)).toBe('allow');
    expect(await world.outcome(SECRET, dear)).toBe('quota-exceeded');
    await world.gateway.leases.close();
    expect(token.consumed).toBe(90);
  });

  it('goes back when nobody calls, and at the end', async () => {
    const token = world.ledger.add(SECRET, { limit: 1_000 });
    await spend(3);
    expect(token.consumed).toBeGreaterThan(3);
    world.time.advance(10_000);
    await world.gateway.leases.sweep();
    expect(token.consumed).toBe(3);
    await spend(4);
    await world.close();
    expect(token.consumed).toBe(7);
    expect(world.gateway.leases.counts.lost).toBe(0);
  });

  it('is let go with a revoked token', async () => {
    const { tokenId } = world.ledger.add(SECRET, { limit: 1_000 });
    await spend(1);
    const position = world.ledger.revoke(SECRET);
    world.feed.publish(revoked(tokenId, position), position);
    expect(world.gateway.leases.held).toBe(0);
    expect(await spend(1)).toEqual(['unauthenticated']);
  });

  it('is not spent by a call that waited for units while its token was revoked', async () => {
    const { tokenId } = world.ledger.add(SECRET, { limit: 1_000 });
    world.ledger.onJudged = (call) => {
      if (call !== 'lease') return;
      const position = world.ledger.revoke(SECRET);
      world.feed.publish(revoked(tokenId, position), position);
    };
    expect(await spend(1)).toEqual(['unauthenticated']);
  });

  it('is not spent by a call that waited for units while its scopes were taken away', async () => {
    const token = world.ledger.add(SECRET, { limit: 1_000 });
    world.ledger.onJudged = (call) => {
      if (call !== 'lease') return;
      token.code = 'INSUFFICIENT_SCOPE';
      const position = (world.ledger.position += 1n);
      world.feed.publish(updated(token.tokenId, position), position);
    };
    expect(await spend(1)).toEqual(['forbidden']);
  });

  it('is asked for again once the limit was raised', async () => {
    const token = world.ledger.add(SECRET, { limit: 2 });
    expect(await spend(3)).toEqual(['allow', 'allow', 'quota-exceeded']);
    token.limit = 10;
    const position = (world.ledger.position += 1n);
    world.feed.publish(updated(token.tokenId, position), position);
    expect(await spend(1)).toEqual(['allow']);
  });

  it('ends with its window', async () => {
    world.ledger.add(SECRET, { limit: 1_000 });
    await spend(1);
    world.time.advance(3_600_000);
    expect(world.gateway.leases.held).toBe(0);
  });

  it('is spent on through an outage, as far as it goes', async () => {
    world.ledger.add(SECRET, { limit: 1_000 });
    await spend(1);
    const { held } = world.gateway.leases;
    world.ledger.isDown = true;
    const outcomes = await spend(held + 2);
    expect(allows(outcomes)).toBe(held);
    expect(outcomes.at(-1)).toBe('unavailable');
  });
});

it('three gateways that crash in the middle lose at most their blocks, and overdraw nothing (Q3)', async () => {
  const time = new ManualTime();
  const ledger = new ModelLedger(time);
  const token = ledger.add(SECRET, { limit: 500 });
  const start = (index: number): Gateway =>
    new Gateway({
      ...{ time, ledger, feed: new MemoryFeed(ledger.position), log: new LineLog() },
      ...{ gatewayId: `g${index}`, leaseBlock: BLOCK },
    });
  let allowed = 0;
  const call = async (gateway: Gateway): Promise<boolean> => {
    const { outcome } = await gateway.decisions.decide(SECRET, LEASED);
    if (outcome === 'allow') allowed += 1;
    return outcome === 'allow';
  };
  const crashed = [1, 2, 3].map(start);
  for (const [index, gateway] of crashed.entries()) {
    for (let calls = 0; calls < 7 + 5 * index; calls += 1) await call(gateway);
  }
  const held = crashed.reduce((sum, { leases }) => sum + leases.held, 0);
  expect(held).toBeGreaterThan(0);
  // From here on nobody hears of those three again.
  const survivor = start(4);
  while (await call(survivor));
  expect(token.consumed).toBe(500);
  expect(allowed).toBeLessThanOrEqual(500);
  expect(500 - allowed).toBe(held);
  expect(held).toBeLessThanOrEqual(3 * BLOCK);
  await survivor.close();
});
