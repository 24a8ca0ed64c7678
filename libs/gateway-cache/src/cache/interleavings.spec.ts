import fc from 'fast-check';
import { requirement, type Requirement } from '../gateway-decisions.js';
import { explore, GatewayWorld, JOBS, revoked, updated, type Steps } from '../testing/index.js';

const SECRET = 'tl_secret_of_the_test';

/** Everything that was let in although the message had been applied already. */
interface Watch {
  isRevoked: boolean;
  staleAllows: number;
  allows: number;
}

async function read(world: GatewayWorld, watch: Watch, required = JOBS): Promise<void> {
  const { outcome } = await world.decide(SECRET, required);
  if (outcome !== 'allow') return;
  watch.allows += 1;
  if (watch.isRevoked) watch.staleAllows += 1;
}

/** Reads, fills that are held up after they were judged, a revocation, and its message. */
async function scenario(steps: Steps, reads: readonly Requirement[]): Promise<Watch> {
  const world = new GatewayWorld();
  const watch: Watch = { isRevoked: false, staleAllows: 0, allows: 0 };
  const { tokenId } = world.ledger.add(SECRET);
  world.ledger.onJudged = () => steps.wait('fill ends');
  const readers = reads.map(async (required, index) => {
    await steps.wait(`read ${index} starts`);
    await read(world, watch, required);
  });
  const revoke = (async () => {
    await steps.wait('revoke');
    const position = world.ledger.revoke(SECRET);
    await steps.wait('message');
    world.feed.publish(revoked(tokenId, position), position);
    watch.isRevoked = true;
  })();
  await steps.run();
  await Promise.all([...readers, revoke]);
  // A last read must meet no entry that an overtaken fill has left behind.
  const last = read(world, watch);
  await steps.run();
  await last;
  await world.close();
  return watch;
}

describe('fills, revocations and messages in every order (V3)', () => {
  it('let nobody in once the message was applied: one read', async () => {
    const orders = await explore(async (steps) => {
      const { staleAllows } = await scenario(steps, [JOBS]);
      expect({ steps: steps.taken, staleAllows }).toMatchObject({ staleAllows: 0 });
    });
    expect(orders).toBeGreaterThanOrEqual(6);
  });

  it.each([
    ['share a fill', [JOBS, JOBS]],
    ['have a fill each', [JOBS, requirement({ scopes: ['other'] })]],
  ])('let nobody in once the message was applied: two reads that %s', async (_how, reads) => {
    let allows = 0;
    const orders = await explore(async (steps) => {
      const watch = await scenario(steps, reads);
      allows += watch.allows;
      const { staleAllows } = watch;
      expect({ steps: steps.taken, staleAllows }).toMatchObject({ staleAllows: 0 });
    });
    expect(orders).toBeGreaterThan(40);
    // Otherwise nothing would have been tested.
    expect(allows).toBeGreaterThan(20);
  });

  it('hold for longer histories, with messages that come twice and out of order', () =>
    fc.assert(
      fc.asyncProperty(fc.scheduler(), fc.integer({ min: 1, max: 4 }), async (scheduler, reads) => {
        const world = new GatewayWorld();
        const watch: Watch = { isRevoked: false, staleAllows: 0, allows: 0 };
        const { tokenId } = world.ledger.add(SECRET);
        world.ledger.onJudged = () => scheduler.schedule(Promise.resolve(), 'fill ends');
        const step = (label: string): Promise<void> => scheduler.schedule(Promise.resolve(), label);
        const change = (async () => {
          await step('update');
          const updatedAt = (world.ledger.position += 1n);
          const revokedAt = world.ledger.revoke(SECRET);
          const messages = [updated(tokenId, updatedAt), revoked(tokenId, revokedAt)];
          await Promise.all(
            [...messages, ...messages].map(async (message) => {
              await step(message.type);
              world.feed.listener.message(message);
              watch.isRevoked ||= message.type === 'token-revoked';
            }),
          );
        })();
        const readers = Array.from({ length: reads }, async () => {
          await step('read');
          await read(world, watch);
        });
        await scheduler.waitFor(Promise.all([change, ...readers]));
        await scheduler.waitFor(read(world, watch));
        await world.close();
        return watch.staleAllows === 0;
      }),
      { numRuns: 500 },
    ));
});
