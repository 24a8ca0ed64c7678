import { atOnce, bearer, CREATES_AT_ONCE } from '../support/plain-calls.js';
import { ADMIN_KEYS, type CreatedKey } from '../support/socmate-client.js';
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

let named = 0;
/** A request under a key of its own. */
function keyed(): { readonly headers: Readonly<Record<string, string>>; readonly repeats: true } {
  named += 1;
  return { headers: { 'idempotency-key': `request-${named}` }, repeats: true };
}

function keyedPost(path: string, body: object) {
  const headers = { ...bearer(world.service.admin), 'content-type': 'application/json' };
  return {
    ...{ method: 'POST', path, body: JSON.stringify(body) },
    headers: { ...headers, ...keyed().headers },
  };
}

describe('a repeat with the same Idempotency-Key', () => {
  it('of a create gives the first answer again, key included', async () => {
    const request = keyed();
    const types = await world.recordedTypes(async () => {
      const first = await world.admin.create({ name: 'once', expires_in_days: 3 }, request);
      world.service.clock.advance(3_600_000);
      expect(await world.admin.create({ name: 'once', expires_in_days: 3 }, request)).toEqual(
        first,
      );
    });
    expect(types).toEqual(['TokenCreated']);
  });

  it('of a rotation gives the first answer again, also when the grace is over by then', async () => {
    const request = keyed();
    const body = { grace_period_days: 1, expires_in_days: 30 };
    world.service.clock.advance(1000);
    const first = await world.admin.rotate(key.key_id, body, request);
    world.service.clock.advance(DAY_MS - 1);
    expect(await world.admin.rotate(key.key_id, body, request)).toEqual(first);
    const other = keyed();
    const none = await world.admin.rotate(key.key_id, { grace_period_days: 0 }, other);
    expect(await world.admin.rotate(key.key_id, { grace_period_days: 0 }, other)).toEqual(none);
  });

  it('of a rotation is answered after a later rotation too, and changes nothing', async () => {
    const request = keyed();
    const first = await world.admin.rotate(key.key_id, {}, request);
    const later = await world.admin.rotate(key.key_id, { grace_period_days: 0 });
    expect(await world.admin.rotate(key.key_id, {}, request)).toEqual(first);
    expect([await world.isAlive(first.api_key), await world.isAlive(later.api_key)]).toEqual([
      false,
      true,
    ]);
  });

  it(`of a create is one for ${CREATES_AT_ONCE} that come at once (I1)`, async () => {
    const request = keyedPost(ADMIN_KEYS, { name: 'once', scopes: ['incidents:read'] });
    const types = await world.recordedTypes(async () => {
      const answers = await atOnce(CREATES_AT_ONCE, world.service.url, request);
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
      expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    });
    expect(types).toEqual(['TokenCreated']);
  });

  it('of a rotation is one for 100 that come at once (I1)', async () => {
    const request = keyedPost(`${ADMIN_KEYS}/${key.key_id}/rotate`, {});
    const types = await world.recordedTypes(async () => {
      const answers = await atOnce(100, world.service.url, request);
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
      expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
      expect(await world.isAlive(answers[0]!.body.api_key)).toBe(true);
    });
    expect(types).toEqual(['TokenRotated']);
  });

  it('is refused with another body', async () => {
    const request = keyed();
    await world.admin.create({ name: 'once' }, request);
    const body = { name: 'twice', scopes: ['incidents:read'] };
    const { status, body: told } = await world.admin.send('POST', ADMIN_KEYS, { ...request, body });
    expect([status, typeof told.detail]).toEqual([409, 'string']);
  });

  it('is another request for another caller, and for another key', async () => {
    const request = keyed();
    const mine = await world.admin.create({}, request);
    const globex = await world.organization('globex');
    const theirs = await globex.create({}, request);
    expect(theirs.key_id).not.toBe(mine.key_id);
    const rotated = await world.admin.rotate(mine.key_id, {}, request);
    expect(rotated.api_key).not.toBe((await world.admin.rotate(key.key_id, {}, request)).api_key);
  });

  it.each(['', 'ä', 'a b', 'a\tb', 'x'.repeat(256)])(
    'must have a key that is one: "%s"',
    async (name) => {
      const headers = { 'idempotency-key': name };
      const body = { name: 'n', scopes: ['incidents:read'] };
      const { status, body: told } = await world.admin.send('POST', ADMIN_KEYS, { headers, body });
      expect([status, told.detail]).toEqual([
        422,
        [{ loc: ['header', 'Idempotency-Key'], msg: expect.any(String), type: 'value_error' }],
      ]);
    },
  );
});

it('without a key, two creates make two keys', async () => {
  const [first, second] = [await world.admin.create(), await world.admin.create()];
  expect(first.key_id).not.toBe(second.key_id);
});
