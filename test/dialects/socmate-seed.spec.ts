import { runSeedCommand, seedCommands, seedError } from '../support/seed-commands.js';
import { DAY_MS, SocmateWorld } from '../support/socmate-world.js';
import type { CreatedKey, ListedKey, RotatedKey } from '../support/socmate-client.js';

let world: SocmateWorld;
let created: CreatedKey;

beforeAll(async () => {
  world = await SocmateWorld.start();
  created = await run(0, 201);
});
afterAll(() => world.close());

const [CREATE, USE, ROTATE, LIST, DISABLE] = [0, 1, 2, 3, 4] as const;

/** Runs the command of this index, as documented but for host, token and key. */
async function run<Answer>(index: number, status: number, apiKey = ''): Promise<Answer> {
  const { url, admin: adminToken } = world.service;
  const keyId = (created as CreatedKey | undefined)?.key_id ?? '';
  const answer = await runSeedCommand(seedCommands[index]!, { url, adminToken, keyId, apiKey });
  expect([seedCommands[index]!.text, answer.status]).toEqual([seedCommands[index]!.text, status]);
  return (answer.text === '' ? '' : JSON.parse(answer.text)) as Answer;
}

/** The names and types of an answer's members, in order: what the document shows of it. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.slice(0, 1).map(shapeOf);
  if (value === null || typeof value !== 'object') return typeof value;
  return Object.entries(value).map(([name, member]) => [name, shapeOf(member)]);
}

const documented = (index: number) => seedCommands[index]!.answer;

it('the document has five commands, three of them with an answer', () => {
  expect(seedCommands.map(({ text }) => /-X (\w+)/.exec(text)?.[1])).toEqual([
    ...['POST', 'GET', 'POST', 'GET', 'DELETE'],
  ]);
  expect(seedCommands.map(({ answer }) => answer !== undefined)).toEqual([
    ...[true, false, true, true, false],
  ]);
});

describe('the documented command', () => {
  it('creates a key, shown this once', () => {
    expect(shapeOf(created)).toEqual(shapeOf(documented(CREATE)));
    expect(created).toMatchObject({
      name: 'SOAR Integration',
      scopes: ['investigations:read', 'investigations:write', 'incidents:read'],
      expires_at: '2027-03-27T10:00:00Z',
      header_name: 'X-API-Key',
    });
  });

  it('uses a key: searching takes a scope that the created one lacks', async () => {
    const body = await run<object>(USE, 403, created.api_key);
    const expected = JSON.parse(seedError) as { detail: string };
    expect(body).toEqual({
      detail: expected.detail.replace('investigations:write', 'search:read'),
    });
    const searcher = await world.admin.create({ scopes: ['search:read'] });
    expect(await run(USE, 200, searcher.api_key)).toEqual({ items: [], total: 0 });
    const starter = await world.key(searcher.api_key).send('POST', '/api/v1/investigations/start');
    expect([starter.status, starter.body]).toEqual([403, expected]);
  });

  it('rotates the key, and lists it by part of its name', async () => {
    await world.admin.create({ name: 'CI Pipeline' });
    await world.use(created.api_key);
    await world.settled();
    const rotated = await run<RotatedKey>(ROTATE, 200);
    expect(shapeOf(rotated)).toEqual(shapeOf(documented(ROTATE)));
    expect(rotated).toMatchObject({
      key_id: created.key_id,
      expires_at: '2027-03-27T10:00:00Z',
      previous_key_expires_at: '2026-04-03T10:00:00Z',
    });
    expect([await world.isAlive(created.api_key), await world.isAlive(rotated.api_key)]).toEqual([
      true,
      true,
    ]);

    const listed = await run<{ api_keys: ListedKey[]; total: number }>(LIST, 200);
    const shown = documented(LIST) as { api_keys: object[] };
    expect(Object.keys(listed)).toEqual(Object.keys(shown));
    expect(Object.keys(listed.api_keys[0]!)).toEqual(Object.keys(shown.api_keys[0]!));
    expect(listed).toMatchObject({
      api_keys: [
        {
          ...{ id: created.id, key_id: created.key_id, key_prefix: `sk_live_${created.key_id}` },
          ...{ description: 'API key for Palo Alto XSOAR integration', status: 'active' },
          ...{ created_by: 'admin@demo.invalid', last_used_at: '2026-03-27T10:00:00Z' },
        },
      ],
      total: 1,
    });
    expect(JSON.stringify(listed)).not.toMatch(/sk_live_k_[a-z0-9]+_/);
    world.service.clock.advance(7 * DAY_MS);
    expect([await world.isAlive(created.api_key), await world.isAlive(rotated.api_key)]).toEqual([
      false,
      true,
    ]);
  });

  it('disables the key, with the secret in grace, for good', async () => {
    const { api_key: secret } = await world.admin.rotate(created.key_id);
    const { api_key: newest } = await world.admin.rotate(created.key_id);
    expect(await run(DISABLE, 204)).toBe('');
    expect([await world.isAlive(secret), await world.isAlive(newest)]).toEqual([false, false]);
    expect((await world.admin.listed(created.key_id)).status).toBe('disabled');
    await run(ROTATE, 409);
  });
});
