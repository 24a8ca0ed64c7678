import type { CreatedKey } from '../support/socmate-client.js';
import { ADMIN_KEYS } from '../support/socmate-client.js';
import { DAY_MS, SocmateWorld } from '../support/socmate-world.js';

let world: SocmateWorld;
let key: CreatedKey;

beforeAll(async () => {
  world = await SocmateWorld.start();
});
beforeEach(async () => {
  key = await world.admin.create();
});
afterAll(() => world.close());

const rotate = async (body?: object) => (await world.admin.rotate(key.key_id, body)).api_key;
const alive = (...secrets: readonly string[]) =>
  Promise.all(secrets.map((secret) => world.isAlive(secret)));
const INVALID = { status: 401, body: { detail: 'Invalid API key' } };

describe('the grace of a rotated key', () => {
  it('M3: lasts for one old secret: the one before last dies at the next rotation', async () => {
    const second = await rotate();
    expect(await alive(key.api_key, second)).toEqual([true, true]);
    const third = await rotate();
    expect(await alive(key.api_key, second, third)).toEqual([false, true, true]);
    const fourth = await rotate();
    expect(await alive(key.api_key, second, third, fourth)).toEqual([false, false, true, true]);
    expect(await world.use(key.api_key)).toEqual(INVALID);
  });

  it('M4: of 0 days is none: the old secret is unknown to the very next call', async () => {
    const secret = await rotate({ grace_period_days: 0 });
    expect(await world.use(key.api_key)).toEqual(INVALID);
    expect(await world.isAlive(secret)).toBe(true);
    expect((await world.admin.listed(key.key_id)).previous_key_expires_at).toBeNull();
  });

  it('M4: of 0 days also ends a grace that is still open', async () => {
    const second = await rotate({ grace_period_days: 7 });
    const third = await rotate({ grace_period_days: 0 });
    expect(await alive(key.api_key, second, third)).toEqual([false, false, true]);
  });

  it('M5: ends at its instant, a second before which the old secret still works', async () => {
    const secret = await rotate({ grace_period_days: 3 });
    world.service.clock.advance(3 * DAY_MS - 1000);
    expect(await alive(key.api_key, secret)).toEqual([true, true]);
    expect((await world.admin.listed(key.key_id)).previous_key_expires_at).not.toBeNull();
    world.service.clock.advance(1000);
    expect(await world.use(key.api_key)).toEqual(INVALID);
    expect(await world.isAlive(secret)).toBe(true);
    expect((await world.admin.listed(key.key_id)).previous_key_expires_at).toBeNull();
  });

  it('M9: never outlives the expiry that the old secret was given', async () => {
    key = await world.admin.create({ expires_in_days: 2 });
    const asked = { grace_period_days: 7, expires_in_days: 365 };
    const rotated = await world.admin.rotate(key.key_id, asked);
    expect(rotated.previous_key_expires_at).toBe(key.expires_at);
    world.service.clock.advance(2 * DAY_MS - 1000);
    expect(await alive(key.api_key, rotated.api_key)).toEqual([true, true]);
    world.service.clock.advance(1000);
    expect(await alive(key.api_key, rotated.api_key)).toEqual([false, true]);
  });

  it('ends with the key, when a rotation lets the key expire sooner', async () => {
    await rotate({ grace_period_days: 7, expires_in_days: 1 });
    world.service.clock.advance(DAY_MS);
    expect(await world.use(key.api_key)).toEqual({
      status: 401,
      body: { detail: 'API key has expired' },
    });
  });

  it('lasts 365 days at most, and needs no timer for it', async () => {
    const secret = await rotate({ grace_period_days: 365 });
    expect(await alive(key.api_key, secret)).toEqual([true, true]);
    world.service.clock.advance(365 * DAY_MS - 1000);
    expect(await alive(key.api_key)).toEqual([true]);
    world.service.clock.advance(1000);
    expect(await alive(key.api_key)).toEqual([false]);
  });

  it('M18: parallel rotations follow one another; what the first made is in grace after the last', async () => {
    for (let round = 0; round < 5; round += 1) {
      const made = await Promise.all([rotate(), rotate(), rotate()]);
      const living = (await alive(...made)).filter(Boolean);
      expect([new Set(made).size, living.length, await world.isAlive(key.api_key)]).toEqual([
        ...[3, 2, false],
      ]);
    }
    const pair = await Promise.all([rotate(), rotate()]);
    expect(await alive(...pair)).toEqual([true, true]);
  });
});

describe('the last use of a key', () => {
  const lastUse = async () => {
    await world.settled();
    return (await world.admin.listed(key.key_id)).last_used_at;
  };
  const nowText = () => `${world.service.clock.now().slice(0, 19)}Z`;

  it('is told at once for the first, and later to the minute', async () => {
    expect(await lastUse()).toBeNull();
    await world.use(key.api_key);
    const first = nowText();
    expect(await lastUse()).toBe(first);
    world.service.clock.advance(59_000);
    await world.use(key.api_key);
    expect(await lastUse()).toBe(first);
    world.service.clock.advance(1000);
    await world.use(key.api_key);
    expect(await lastUse()).toBe(nowText());
  });

  it('M16: is one for the key, whichever of its two secrets was used', async () => {
    const secret = await rotate();
    expect(await alive(key.api_key, secret)).toEqual([true, true]);
    expect(await lastUse()).toBe(nowText());
    world.service.clock.advance(120_000);
    await world.use(key.api_key);
    expect(await lastUse()).toBe(nowText());
  });

  it('does not move what was changed last', async () => {
    const { updated_at: updatedAt } = await world.admin.listed(key.key_id);
    world.service.clock.advance(120_000);
    await world.use(key.api_key);
    expect(await lastUse()).toBe(nowText());
    expect((await world.admin.listed(key.key_id)).updated_at).toBe(updatedAt);
  });

  it('is not moved by a call that is refused, nor by verifying the key', async () => {
    const client = world.key(key.api_key);
    expect((await client.send('GET', '/api/v1/graph/x')).status).toBe(403);
    expect((await client.send('GET', '/api/v1/nothing')).status).toBe(404);
    expect((await client.send('GET', ADMIN_KEYS)).status).toBe(403);
    const verified = await world.admin.send('POST', '/v1/verify', { body: { token: key.api_key } });
    expect(verified.body).toMatchObject({ valid: true });
    expect(await lastUse()).toBeNull();
  });
});
