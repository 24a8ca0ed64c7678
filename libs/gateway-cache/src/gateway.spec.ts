import { jest } from '@jest/globals';
import { NEGATIVE_TTL_MS_MAX, TTL_MS_MAX } from './cache/verification-cache.js';
import { requirement } from './gateway-decisions.js';
import { GatewayWorld, JOBS, revoked, rotated } from './testing/index.js';

const SECRET = 'tl_secret_of_the_test';
/** Charged at the ledger, call by call, for the same question as JOBS. */
const CHARGED = requirement({ scopes: ['jobs'] }, { quota: 'exact' });

describe('a gateway', () => {
  let world: GatewayWorld;
  const open = (options: ConstructorParameters<typeof GatewayWorld>[0] = {}): GatewayWorld => {
    return (world = new GatewayWorld(options));
  };
  afterEach(() => world.close());

  it('answers from memory, for each question by itself', async () => {
    open().ledger.add(SECRET);
    expect(await world.outcome(SECRET)).toBe('allow');
    expect(world.decide(SECRET)).toMatchObject({ outcome: 'allow', identity: { name: 'ci' } });
    expect(world.ledger.verifications).toBe(1);
    await world.outcome(SECRET, requirement({ scopes: ['other'] }));
    expect(world.ledger.verifications).toBe(2);
  });

  it('asks nobody about what cannot be a secret', async () => {
    open();
    for (const text of ['', 'short', 'with a space', 'ünïcode-secret', 'x'.repeat(513)]) {
      expect(await world.outcome(text)).toBe('unauthenticated');
    }
    expect(world.ledger.verifications).toBe(0);
  });

  it.each([
    ['NOT_FOUND', 'unauthenticated'],
    ['REVOKED', 'unauthenticated'],
    ['EXPIRED', 'unauthenticated'],
    ['ROTATED', 'unauthenticated'],
    ['INSUFFICIENT_SCOPE', 'forbidden'],
    ['RESOURCE_NOT_ALLOWED', 'forbidden'],
    ['QUOTA_EXCEEDED', 'quota-exceeded'],
    ['SOMETHING_NEW', 'unauthenticated'],
  ])('says to %s: %s', async (code, outcome) => {
    open().ledger.add(SECRET, { code: code as 'REVOKED' });
    expect(await world.outcome(SECRET)).toBe(outcome);
  });

  it('refuses a revoked token from the message on', async () => {
    const { tokenId } = open().ledger.add(SECRET);
    await world.outcome(SECRET);
    const position = world.ledger.revoke(SECRET);
    expect(await world.outcome(SECRET)).toBe('allow');
    world.feed.publish(revoked(tokenId, position), position);
    expect(await world.outcome(SECRET)).toBe('unauthenticated');
  });

  it('refuses a revoked token without asking, also while the ledger is down, and asks again later', async () => {
    const { tokenId } = open().ledger.add(SECRET);
    await world.outcome(SECRET);
    await world.outcome(SECRET, CHARGED);
    const asked = world.ledger.verifications;
    const position = world.ledger.revoke(SECRET);
    world.feed.publish(revoked(tokenId, position), position);
    world.ledger.isDown = true;
    for (const required of [JOBS, CHARGED]) {
      expect(world.decide(SECRET, required)).toEqual({ outcome: 'unauthenticated' });
    }
    expect(world.ledger.verifications).toBe(asked);
    expect(world.gateway.cache.size.positive).toBe(0);
    world.time.advance(NEGATIVE_TTL_MS_MAX);
    expect(await world.outcome(SECRET)).toBe('unavailable');
  });

  it('asks again, at the position of the message, when a node answers from before it', async () => {
    const { tokenId } = open().ledger.add(SECRET);
    world.ledger.position = 150n;
    world.feed.publish(revoked(tokenId, 160n), 160n);
    world.ledger.onJudged = () => {
      world.ledger.position = 160n;
      world.ledger.tokens.get(SECRET)!.code = 'REVOKED';
    };
    expect(await world.outcome(SECRET)).toBe('unauthenticated');
    expect(world.ledger.minPositions.slice(-2)).toEqual([100n, 160n]);
  });

  describe('after a rotation with grace', () => {
    const GRACE_MS = 10_000;

    function rotate(skewMs = 0): void {
      open({ skewMs });
      const { tokenId, secretId } = world.ledger.add(SECRET);
      const endsAtMs = world.time.trueMs + GRACE_MS;
      world.ledger.onJudged = () => {
        world.ledger.tokens.get(SECRET)!.expiresAtMs = endsAtMs;
        const position = (world.ledger.position += 1n);
        const grace = { secretId, endsAtMs, remainingMs: GRACE_MS };
        world.ledger.onJudged = () => undefined;
        setImmediate(() => world.feed.publish(rotated(tokenId, position, grace), position));
      };
    }

    it('lets the old secret in until its end, from memory, and no longer', async () => {
      rotate();
      await world.outcome(SECRET);
      await new Promise((resolve) => setImmediate(resolve));
      world.time.advance(GRACE_MS - 1);
      expect(await world.outcome(SECRET)).toBe('allow');
      expect(world.ledger.verifications).toBe(1);
      world.time.advance(1);
      expect(await world.outcome(SECRET)).toBe('unauthenticated');
    });

    it.each([-300_000, 300_000])(
      'does so with a clock that is wrong by %p ms, without the ledger (X5)',
      async (skewMs) => {
        rotate(skewMs);
        await world.outcome(SECRET);
        await new Promise((resolve) => setImmediate(resolve));
        world.ledger.isDown = true;
        world.time.advance(GRACE_MS);
        expect(await world.outcome(SECRET)).toBe('unavailable');
      },
    );
  });

  it.each([-300_000, -1_000, 0, 1_000, 300_000])(
    'keeps to an expiry, with a clock that is wrong by %p ms (X5)',
    async (skewMs) => {
      open({ skewMs });
      world.ledger.add(SECRET, { expiresAtMs: world.time.trueMs + 10_000 });
      expect(await world.outcome(SECRET)).toBe('allow');
      world.time.advance(10_000);
      world.ledger.isDown = true;
      expect(await world.outcome(SECRET)).toBe('unavailable');
      world.ledger.isDown = false;
      expect(await world.outcome(SECRET)).toBe('unauthenticated');
    },
  );

  describe('when messages may be missing (V5)', () => {
    let tokenId: string;

    beforeEach(async () => {
      open();
      ({ tokenId } = world.ledger.add(SECRET));
      await world.outcome(SECRET);
      expect(world.gateway.cache.size.positive).toBe(1);
      // Nobody is told of it.
      world.ledger.revoke(SECRET);
    });

    it('forgets everything when the feed begins anew', async () => {
      world.feed.listener.began(world.ledger.position, 'same');
      expect(await world.outcome(SECRET)).toBe('unauthenticated');
      expect(world.ledger.minPositions.at(-1)).toBe(world.ledger.position);
    });

    it('forgets everything when a message cannot be read', async () => {
      world.feed.listener.lost({ cause: 'unreadable', detail: 'by the test' });
      expect(await world.outcome(SECRET)).toBe('unauthenticated');
    });

    it('forgets everything when the log is another one, and takes its smaller positions', async () => {
      world.ledger.position = 3n;
      world.feed.listener.began(3n, 'another');
      expect(await world.outcome(SECRET)).toBe('unauthenticated');
      world.ledger.add('tl_secret_of_the_new_log');
      expect(await world.outcome('tl_secret_of_the_new_log')).toBe('allow');
    });

    it('forgets everything when the feed lags behind the answers for 5 s', async () => {
      await world.outcome('tl_secret_that_nobody_has');
      world.time.advance(5_001);
      world.gateway.follower.check();
      expect(world.gateway.follower.state).toBe('lagging');
      expect(await world.outcome(SECRET)).toBe('unauthenticated');
      world.feed.publish(null, world.ledger.position);
      expect(world.gateway.follower.state).toBe('live');
    });

    it('keeps answers for their time at most while the feed is lost', async () => {
      world.feed.cut();
      world.time.advance(TTL_MS_MAX - 1);
      expect(await world.outcome(SECRET)).toBe('allow');
      world.time.advance(1);
      expect(await world.outcome(SECRET)).toBe('unauthenticated');
    });

    it('has missed nothing when the feed goes on where it broke', async () => {
      world.feed.cut();
      world.feed.publish(revoked(tokenId, world.ledger.position), world.ledger.position);
      expect(await world.outcome(SECRET)).toBe('allow');
      world.feed.mend();
      expect(await world.outcome(SECRET)).toBe('unauthenticated');
    });

    it('does not use an answer about a log that was exchanged meanwhile', async () => {
      world.feed.listener.began(3n, 'another');
      world.ledger.add('tl_secret_of_the_old_log');
      world.ledger.onJudged = () => {
        world.ledger.onJudged = () => undefined;
        world.ledger.tokens.clear();
        world.feed.listener.began(2n, 'another');
      };
      expect(await world.outcome('tl_secret_of_the_old_log')).toBe('unauthenticated');
    });
  });

  it('stays small in a flood of made-up secrets, and lets a new token in (V6)', async () => {
    open().ledger.add(SECRET);
    await world.outcome(SECRET);
    for (let index = 0; index < 20_000; index += 1) await world.outcome(`tl_made_up_${index}`);
    const { size } = world.gateway.cache;
    expect(size).toEqual({ positive: 1, negative: 2_000 });
    expect(world.decide(SECRET)).toMatchObject({ outcome: 'allow' });
    world.ledger.add('tl_secret_that_is_fresh');
    expect(await world.outcome('tl_secret_that_is_fresh')).toBe('allow');
  });

  it('forgets after 5 s that a secret was unknown (V6)', async () => {
    open();
    expect(await world.outcome(SECRET)).toBe('unauthenticated');
    world.ledger.add(SECRET);
    world.time.advance(NEGATIVE_TTL_MS_MAX);
    expect(await world.outcome(SECRET)).toBe('allow');
  });

  it('decides from memory through an outage until the time is over, then lets nobody in (V7)', async () => {
    open().ledger.add(SECRET);
    await world.outcome(SECRET);
    world.ledger.isDown = true;
    const seen: string[] = [];
    for (let second = 1; second <= 300; second += 1) {
      world.time.advance(1_000);
      seen.push(await world.outcome(SECRET));
    }
    expect(seen.indexOf('unavailable')).toBe(TTL_MS_MAX / 1_000 - 1);
    expect(seen.lastIndexOf('allow')).toBeLessThan(TTL_MS_MAX / 1_000);
    expect(seen).not.toContain('unauthenticated');
    world.ledger.isDown = false;
    expect(await world.outcome(SECRET)).toBe('allow');
  });

  it('asks once, however many wait for the answer (V8)', async () => {
    open().ledger.add(SECRET);
    const all = Array.from({ length: 10_000 }, () => world.outcome(SECRET));
    expect(new Set(await Promise.all(all))).toEqual(new Set(['allow']));
    expect(world.ledger.verifications).toBe(1);
  });

  it('tells who asks about too many secrets at once to come back', async () => {
    open();
    const all = Array.from({ length: 1_030 }, (_, index) => world.outcome(`tl_made_up_${index}`));
    const outcomes = await Promise.all(all);
    expect(outcomes.filter((outcome) => outcome === 'unavailable')).toHaveLength(6);
  });

  it('raises the floor for all tokens when it forgets a fence', async () => {
    open({ fencesMax: 100 });
    world.gateway.cache.flush(0n);
    const { tokenId } = world.ledger.add(SECRET);
    for (let index = 0; index < 101; index += 1) {
      const other = `00000000-0000-4000-a000-${String(index).padStart(12, '0')}`;
      const message = index === 0 ? revoked(tokenId, 500n) : revoked(tokenId, 501n + BigInt(index));
      if (index > 0) Object.assign(message.data, { tokenId: other });
      world.gateway.cache.apply(message);
    }
    expect(world.gateway.cache.minPosition('some-other')).toBe(500n);
    expect(world.gateway.cache.minPosition(tokenId)).toBe(500n);
  });

  it('acknowledges where it starts and what it applied, and nothing else', async () => {
    const { tokenId } = open().ledger.add(SECRET);
    const applied = jest.spyOn(world.gateway.acknowledgements, 'applied');
    world.feed.publish(null, 105n);
    expect(applied).not.toHaveBeenCalled();
    world.feed.publish(revoked(tokenId, 106n), 106n);
    world.feed.publish(null, 107n);
    world.feed.publish(revoked(tokenId, 108n), 108n);
    expect(applied.mock.calls).toEqual([[106n], [108n]]);
    while (world.ledger.acknowledged.length < 2) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    // One at a time: what came while the first was under way or its pause lasted is told as one.
    expect(world.ledger.acknowledged).toEqual([100n, 108n]);
  });

  it('tells again what it could not tell', async () => {
    open();
    const { acknowledgements } = world.gateway;
    await new Promise((resolve) => setTimeout(resolve, 150));
    world.ledger.isDown = true;
    acknowledgements.applied(120n);
    while (acknowledgements.counts.failed === 0) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    world.ledger.isDown = false;
    while (!world.ledger.acknowledged.includes(120n)) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(world.log.lines).toContain('acknowledge.failed');
  });

  it('keeps digests, and no secret', async () => {
    open().ledger.add(SECRET);
    const put = jest.spyOn(world.gateway.cache, 'put');
    await world.outcome(SECRET);
    await world.outcome('tl_made_up_secret', JOBS);
    const kept = put.mock.calls.flatMap(([key, answer]) => [key, ...Object.values(answer)]);
    expect(put).toHaveBeenCalledTimes(2);
    expect(kept.filter((part) => JSON.stringify(String(part)).includes('tl_'))).toEqual([]);
  });
});
