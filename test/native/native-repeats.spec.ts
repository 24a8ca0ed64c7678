import { jest } from '@jest/globals';
import { atOnce, bearer, CREATES_AT_ONCE } from '../support/plain-calls.js';
import { NativeWorld, TOKENS, type TestToken } from './support/native-world.js';

let world: NativeWorld;

beforeEach(async () => {
  world = await NativeWorld.start();
});
afterEach(() => world.close());

const keyed = (key: string, repeats = true) => ({ headers: { 'idempotency-key': key }, repeats });

const keyedPost = (path: string, body: object) => ({
  ...{ method: 'POST', path, body: JSON.stringify(body) },
  headers: {
    ...{ ...bearer(world.service.admin), 'idempotency-key': 'many' },
    'content-type': 'application/json',
  },
});

describe('a repeat with its Idempotency-Key', () => {
  it('of a create answers the same token and secret, and makes one token', async () => {
    const types = await world.recordedTypes(async () => {
      const first = await world.admin.post(TOKENS, { name: 'ci' }, keyed('create-1', false));
      world.clock.advance(1000);
      const again = await world.admin.post(TOKENS, { name: 'ci' }, keyed('create-1'));
      expect([again.status, again.body]).toEqual([201, first.body]);
      expect(again.headers.get('ledger-position')).toBe(first.headers.get('ledger-position'));
    });
    expect(types).toEqual(['TokenCreated']);
  });

  it(`makes one token of ${CREATES_AT_ONCE} parallel creates, all answered alike (I1)`, async () => {
    const types = await world.recordedTypes(async () => {
      const answers = await atOnce(
        CREATES_AT_ONCE,
        world.service.url,
        keyedPost(TOKENS, { name: 'ci' }),
      );
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
      expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    });
    expect(types).toEqual(['TokenCreated']);
  });

  it('makes one secret of 100 parallel rotations, which is the one that works (I1)', async () => {
    const { path } = await world.token();
    const types = await world.recordedTypes(async () => {
      const rotation = keyedPost(`${path}/rotate`, { graceSeconds: 60 });
      const answers = await atOnce(100, world.service.url, rotation);
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
      expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
      expect((await world.as(answers[0]!.body.secret).get('/v1/self')).status).toBe(200);
    });
    expect(types).toEqual(['TokenRotated']);
  });

  it('with another body is refused', async () => {
    await world.admin.post(TOKENS, { name: 'ci' }, keyed('create-2'));
    const other = await world.admin.post(TOKENS, { name: 'cd' }, keyed('create-2'));
    expect([other.status, other.body.code]).toEqual([409, 'IDEMPOTENCY_KEY_REUSED']);
  });

  it('by another caller, or on another route, is another request', async () => {
    const admin = await world.user('admin');
    const first = await world.admin.post(TOKENS, { name: 'ci' }, keyed('shared'));
    const second = await admin.client.post(TOKENS, { name: 'ci' }, keyed('shared', false));
    expect(second.body.token.id).not.toBe(first.body.token.id);
    const path = `${TOKENS}/${first.body.token.id}`;
    const rotated = await world.admin.post(`${path}/rotate`, {}, keyed('shared', false));
    expect(rotated.status).toBe(200);
  });

  it('of a rotation answers the same secret, which is the one that works', async () => {
    const token = await world.token();
    const rotate = (repeats: boolean) =>
      world.admin.post(`${token.path}/rotate`, { graceSeconds: 60 }, keyed('rotate-1', repeats));
    const types = await world.recordedTypes(async () => {
      const [first, again] = [await rotate(false), await rotate(true)];
      expect(again.body).toEqual(first.body);
      expect((await world.as(again.body.secret).get('/v1/self')).status).toBe(200);
    });
    expect(types).toEqual(['TokenRotated']);
  });

  it('of an update, and of a revoke, answers as it did before', async () => {
    const { path } = await world.token();
    const etag = { 'if-match': '"1"', 'idempotency-key': 'update-1' };
    const update = () => world.admin.patch(path, { name: 'new' }, { headers: etag });
    const [first, again] = [await update(), await update()];
    expect([again.status, again.body]).toEqual([200, first.body]);
    const revoke = () => world.admin.post(`${path}/revoke`, {}, keyed('revoke-1'));
    expect((await revoke()).body).toEqual((await revoke()).body);
  });

  it('comes too late after a day', async () => {
    await world.admin.post(TOKENS, { name: 'ci' }, keyed('create-3'));
    world.clock.advance(24 * 3_600_000);
    const late = await world.admin.post(TOKENS, { name: 'ci' }, keyed('create-3'));
    expect([late.status, late.body.code]).toEqual([409, 'IDEMPOTENCY_KEY_REUSED']);
  });

  it.each(['', ' ', 'a b', 'ü', 'x'.repeat(256)])('with the key %p is refused', async (key) => {
    const sent = key === 'ü' ? Buffer.from(key).toString('latin1') : key;
    const answer = await world.admin.post(TOKENS, { name: 'ci' }, keyed(sent));
    expect([answer.status, answer.body.code]).toEqual([400, 'INVALID_REQUEST']);
    expect(answer.body.errors).toEqual([
      { header: 'Idempotency-Key', message: expect.any(String) },
    ]);
  });
});

describe('If-Match', () => {
  let token: TestToken;
  beforeEach(async () => {
    token = await world.token();
    await world.admin.patch(token.path, { name: 'second' });
  });

  const writes: readonly [string, string, object][] = [
    ['PATCH', '', { name: 'third' }],
    ['POST', '/rotate', {}],
    ['POST', '/revoke', {}],
  ];

  it.each(writes)('%s %s is refused once the token has moved on', async (method, path, body) => {
    const call = (tag: string) =>
      world.admin.call(method, `${token.path}${path}`, { body, headers: { 'if-match': tag } });
    const types = await world.recordedTypes(async () => {
      for (const tag of ['"1"', '"3"', '"x"', 'W/"2"', '""', '"1", "3"', '"02"']) {
        const answer = await call(tag);
        expect([tag, answer.status, answer.body.code]).toEqual([tag, 412, 'PRECONDITION_FAILED']);
        expect(answer.body.revision).toBe(2);
      }
    });
    expect(types).toEqual([]);
    expect((await call('"2"')).status).toBe(200);
  });

  it.each(writes)('%s %s passes with any tag that fits', async (method, path, body) => {
    for (const tag of ['*', '"1", "2"', '"2",W/"9"']) {
      const fresh = await world.token();
      await world.admin.patch(fresh.path, { name: 'second' });
      const headers = { 'if-match': tag };
      const answer = await world.admin.call(method, `${fresh.path}${path}`, { body, headers });
      expect([tag, answer.status]).toEqual([tag, 200]);
    }
  });

  it('that is no list of tags is refused as malformed', async () => {
    for (const tag of ['2', '"2', 'w/"2"', '"2" "3"', '"2",', '*,"2"']) {
      const headers = { 'if-match': tag };
      const answer = await world.admin.patch(token.path, { name: 'x' }, { headers });
      expect([tag, answer.status]).toEqual([tag, 400]);
      expect(answer.body.errors[0].header).toBe('If-Match');
    }
  });

  it('lets one of many win', async () => {
    const headers = { 'if-match': '"2"' };
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        world.admin.patch(token.path, { name: `n${n}` }, { headers }),
      ),
    );
    const statuses = answers.map(({ status }) => status).sort();
    expect(statuses).toEqual([200, ...Array<number>(19).fill(412)]);
  });
});

describe('positions', () => {
  it('of a write are where it was written, and those of later answers are not before', async () => {
    const answer = await world.admin.post(TOKENS, { name: 'ci' });
    const written = BigInt(answer.headers.get('ledger-position')!);
    expect(written).toBe(await world.service.ledger.store.head());
    const read = await world.admin.get(TOKENS);
    expect(BigInt(read.headers.get('ledger-position')!)).toBe(written);
  });

  it('are waited for when they are not far off', async () => {
    const { store, projector } = world.service.ledger;
    const { secret } = await world.token();
    const reached = projector.reached.bind(projector);
    for (const path of [TOKENS, '/v1/verify']) {
      const next = (await store.head()) + 1n;
      const headers = { 'ledger-min-position': String(next) };
      const asked = new Promise<void>((resolve) => {
        // Waits for as long as it takes: how long is told apart below.
        jest.spyOn(projector, 'reached').mockImplementation((position) => {
          if (position === next) resolve();
          return reached(position, 60_000);
        });
      });
      const waiting =
        path === TOKENS
          ? world.admin.get(path, { headers })
          : world.admin.post(path, { token: secret }, { headers });
      await asked;
      await world.token();
      const answer = await waiting;
      expect(answer.status).toBe(200);
      expect(BigInt(answer.headers.get('ledger-position')!) >= next).toBe(true);
    }
    jest.restoreAllMocks();
  });

  it('that stay out of reach are answered 503 after two seconds, and harm nobody else', async () => {
    const headers = { 'ledger-min-position': '999999999' };
    const startedAt = performance.now();
    const [get, verify, other] = await Promise.all([
      world.admin.get('/v1/self', { headers }),
      world.admin.post('/v1/verify', { token: 'x' }, { headers }),
      world.admin.get('/v1/self'),
    ]);
    expect(performance.now() - startedAt).toBeGreaterThan(1900);
    for (const { status, body } of [get, verify]) {
      expect([status, body.code]).toEqual([503, 'BEHIND']);
    }
    expect(other.status).toBe(200);
    expect((await world.admin.get('/v1/self')).status).toBe(200);
  });

  it.each(['-1', '1.0', '0x1', '01', 'x', '99999999999999999999'])(
    'written as %p are refused',
    async (position) => {
      const headers = { 'ledger-min-position': position };
      for (const answer of [
        await world.admin.get('/v1/self', { headers }),
        await world.admin.post('/v1/verify', { token: 'x' }, { headers }),
      ]) {
        expect(answer).toMatchObject({
          status: 400,
          body: { errors: [{ header: 'Ledger-Min-Position' }] },
        });
      }
    },
  );

  it('are not judged at while the node owes itself something (decision 2)', async () => {
    const { progress } = world.service.ledger;
    const { secret } = await world.token();
    const owes = jest.spyOn(progress, 'mustNotJudge', 'get').mockReturnValue(true);
    const verify = world.admin.post('/v1/verify', { token: secret });
    const read = world.admin.get('/v1/self');
    for (const { status, body } of [await verify, await read]) {
      expect([status, body.code]).toEqual([503, 'BEHIND']);
    }
    // It owes nothing any more when it is asked again.
    let asked = 0;
    owes.mockImplementation(() => (asked += 1) <= 3);
    const patient = await world.admin.post('/v1/verify', { token: secret });
    expect(patient.body.valid).toBe(true);
    expect(asked).toBeGreaterThan(3);
    owes.mockRestore();
  });
});
