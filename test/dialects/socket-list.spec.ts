import type { ListItem } from '../support/socket-client.js';
import { SocketWorld, type TestToken } from '../support/socket-world.js';

let world: SocketWorld;
let tokens: readonly TestToken[];

/** The whole list, page by page. */
async function pages(query: Record<string, string | number>): Promise<readonly ListItem[][]> {
  const found: ListItem[][] = [];
  for (let page: number | null = 1; page !== null;) {
    const answer = await world.root.client.list({ ...query, page });
    found.push([...answer.tokens]);
    page = answer.nextPage;
  }
  return found;
}

const idsOf = (items: readonly { readonly group_uuid: string }[]): readonly string[] =>
  items.map(({ group_uuid: id }) => id);

beforeAll(async () => {
  world = await SocketWorld.start();
  const made: TestToken[] = [world.root];
  for (let day = 1; day <= 34; day += 1) {
    // Some share an instant, so that the order cannot hang on time alone.
    if (day % 3 === 0) world.service.clock.advance(86_400_000);
    made.push(await world.token({ name: `token ${day}` }));
  }
  tokens = made;
});
afterAll(() => world.close());

describe('listing tokens', () => {
  it('shows each token with exactly the twelve members of the contract', async () => {
    const { group_uuid: uuid, hash, created_by: createdBy } = tokens[34]!;
    const [item] = (await world.root.client.list()).tokens;
    expect(item).toStrictEqual({
      committers: [{ email: '', provider: 'api', providerLoginName: '', providerUserId: '' }],
      created_by: createdBy,
      created_at: '2026-04-07',
      group_uuid: uuid,
      hash,
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      last_used_at: '2026-04-07',
      max_quota: 1000,
      name: 'token 34',
      scopes: [],
      token: null,
      visibility: 'admin',
    });
  });

  it('shows the newest thirty first, and where to go on', async () => {
    const { tokens: items, nextPage } = await world.root.client.list();
    expect(items).toHaveLength(30);
    expect(idsOf(items)).toEqual(idsOf(tokens).toReversed().slice(0, 30));
    expect(nextPage).toBe(2);
  });

  it.each([1, 7, 34, 35, 100])('shows every token once in pages of %i', async (perPage) => {
    const found = await pages({ per_page: perPage });
    expect(idsOf(found.flat())).toEqual(idsOf(tokens).toReversed());
    expect(found).toHaveLength(Math.ceil(35 / perPage));
  });

  it('shows the oldest first when asked to', async () => {
    const found = await pages({ direction: 'asc', sort: 'created_at', per_page: 20 });
    expect(idsOf(found.flat())).toEqual(idsOf(tokens));
  });

  it('is empty beyond the end', async () => {
    const answer = await world.root.client.list({ page: 2_147_483_647, per_page: 100 });
    expect(answer).toEqual({ tokens: [], nextPage: null });
  });

  it('redacts secrets down to their last four characters, and only when asked to show them', async () => {
    const { tokens: items } = await world.root.client.list({
      token_values: 'include',
      per_page: 1,
    });
    const lastFour = tokens[34]!.token.slice(-8, -4);
    expect(items[0]!.token).toBe(`sktsec_****${lastFour}_api`);
    const omitted = await world.root.client.list({ token_values: 'omit', per_page: 100 });
    expect(omitted.tokens.every(({ token }) => token === null)).toBe(true);
  });

  it('keeps a token in its place, with its dates, when its secret is rotated', async () => {
    const before = await world.root.client.listed(tokens[5]!.group_uuid);
    world.service.clock.advance(3_600_000);
    await world.root.client.rotate({ uuid: tokens[5]!.group_uuid });
    const { tokens: items } = await world.root.client.list({ direction: 'asc' });
    const after = items[5]!;
    expect(after).toEqual({ ...before, id: after.id, hash: after.hash });
    expect([after.id, after.hash]).not.toContain(before!.id);
    expect(after.hash).not.toBe(before!.hash);
  });

  it('shows the day of the latest use', async () => {
    const used = await world.token({ scopes: ['api-tokens:list'] });
    world.service.clock.advance(2 * 86_400_000);
    await used.client.list();
    const today = world.service.clock.now().slice(0, 10);
    expect((await world.root.client.listed(used.group_uuid))!.last_used_at).toBe(today);

    const free = await world.token();
    world.service.clock.advance(2 * 86_400_000);
    await free.client.remaining();
    await world.service.ledger.projector.caughtUp();
    expect((await world.root.client.listed(free.group_uuid))!.last_used_at).toBe(
      world.service.clock.now().slice(0, 10),
    );
    expect((await world.root.client.listed(free.group_uuid))!.created_at).not.toBe(
      world.service.clock.now().slice(0, 10),
    );
  });

  it('does not show revoked tokens', async () => {
    const { group_uuid: uuid } = await world.token();
    expect(await world.root.client.listed(uuid)).toBeDefined();
    await world.root.client.call('revoke', { body: { uuid } });
    expect(await world.root.client.listed(uuid)).toBeUndefined();
  });

  it.each([
    ['K10: page=0', 'page=0'],
    ['K10: per_page=0', 'per_page=0'],
    ['K10: per_page=101', 'per_page=101'],
    ['K10: sort=name', 'sort=name'],
    ['K10: direction=up', 'direction=up'],
    ['page=-1', 'page=-1'],
    ['page=1.5', 'page=1.5'],
    ['page=1e1', 'page=1e1'],
    ['page=two', 'page=two'],
    ['an empty page', 'page='],
    ['a page beyond 32 bits', 'page=2147483648'],
    ['per_page with a blank', 'per_page=%2010'],
    ['per_page twice', 'per_page=10&per_page=20'],
    ['direction twice', 'direction=asc&direction=desc'],
    ['token_values=show', 'token_values=show'],
    ['direction=DESC', 'direction=DESC'],
  ])('refuses %s, charged once', async (_name, query) => {
    const types = await world.recordedTypes(async () => {
      const { status, text } = await world.root.client.call('list', { query });
      expect(status).toBe(400);
      expect(text).toContain(`"/${query.split('=', 1)[0]}"`);
    });
    expect(types).toEqual(['QuotaConsumed']);
  });

  it.each([
    'outputJson=true&outputMarkdown=false&orgSlug=demo',
    'per_page[]=0',
    '__proto__[per_page]=0&constructor=1&toString=1&__proto__=x',
    'Page=0&=x&&%00=1',
  ])('ignores what it does not know: %s', async (query) => {
    expect((await world.root.client.list(query)).tokens).toHaveLength(30);
  });
});
