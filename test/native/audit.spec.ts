import { contractAjv, openApi } from './support/native-contract.js';
import type { NativeAnswer, NativeClient } from './support/native-client.js';
import { NativeWorld, TOKENS, UNKNOWN_ID } from './support/native-world.js';

let world: NativeWorld;

beforeEach(async () => {
  world = await NativeWorld.start();
});
afterEach(() => world.close());

const AUDIT = '/v1/orgs/demo/audit-events';
const NDJSON = 'application/x-ndjson';

interface Entry {
  readonly type: string;
  readonly position: string;
  readonly id: string;
}

async function entries(query: Record<string, string | number> = {}): Promise<Entry[]> {
  const { status, body } = await world.admin.get(AUDIT, { query: { limit: 200, ...query } });
  expect(status).toBe(200);
  return body.items;
}

const types = async (query?: Record<string, string | number>): Promise<string[]> =>
  (await entries(query)).map(({ type }) => type);

async function exported(accept: string, query = ''): Promise<Response & { all: string }> {
  const response = await fetch(`${world.service.url}${AUDIT}${query}`, {
    headers: { authorization: `Bearer ${world.service.admin}`, accept },
  });
  expect(response.status).toBe(200);
  return Object.assign(response, { all: await response.text() });
}

/** Reads CSV as RFC 4180 says, with quoted cells that may hold anything. */
function parseCsv(text: string): Record<string, string>[] {
  const rows: string[][] = [[]];
  for (const [, quoted, plain, end] of text.matchAll(
    /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/g,
  )) {
    rows.at(-1)!.push(quoted === undefined ? plain! : quoted.replaceAll('""', '"'));
    if (end === '\r\n') rows.push([]);
  }
  expect(rows.pop()).toEqual([]);
  const [names, ...records] = rows;
  return records.map((cells) => {
    expect(cells).toHaveLength(names!.length);
    return Object.fromEntries(cells.map((cell, index) => [names![index]!, cell]));
  });
}

describe('the audit log', () => {
  it('tells who did what, newest first', async () => {
    const token = await world.token({ name: 'ci' });
    await world.admin.patch(token.path, { name: 'deploy' });
    await world.admin.post(`${token.path}/revoke`, { reason: 'compromised', note: 'found' });
    const found = await entries();
    expect(found.map(({ type }) => type)).toEqual([
      ...['TokenRevoked', 'TokenRenamed', 'TokenCreated', 'MemberAdded', 'OrganizationCreated'],
    ]);
    expect(found[0]).toMatchObject({
      actor: { kind: 'user', email: 'admin@demo.invalid' },
      token: { id: token.id, name: 'deploy' },
      details: { reason: 'compromised', note: 'found' },
      dialect: 'native',
      ip: '127.0.0.1',
    });
    expect(found[1]).toMatchObject({ changes: { name: { from: 'ci', to: 'deploy' } } });
    expect(JSON.stringify(found)).not.toContain('sha512');
  });

  it('is filtered by type, token, actor and time', async () => {
    const one = await world.token({ name: 'one', scopes: ['ledger:tokens:create'] });
    world.clock.advance(1000);
    const from = world.clock.now();
    const two = await world.token({ name: 'two' }, one.client);
    world.clock.advance(1000);
    await world.admin.post(`${two.path}/revoke`);
    expect(await types({ type: 'TokenRevoked,TokenRenamed' })).toEqual(['TokenRevoked']);
    expect(await types({ type: 'TokenUsed' })).toEqual([]);
    expect(await types({ tokenId: two.id.toUpperCase() })).toEqual([
      'TokenRevoked',
      'TokenCreated',
    ]);
    expect(await types({ actor: one.id })).toEqual(['TokenCreated']);
    expect(await types({ actor: 'system' })).toEqual(['MemberAdded', 'OrganizationCreated']);
    expect(await types({ from })).toEqual(['TokenRevoked', 'TokenCreated']);
    expect(await types({ from, to: world.clock.now() })).toEqual(['TokenCreated']);
    expect(await types({ to: from, tokenId: two.id })).toEqual([]);
    expect(await types({ tokenId: UNKNOWN_ID })).toEqual([]);
  });

  it('pages without gap or repeat while entries are added', async () => {
    for (let n = 0; n < 12; n += 1) await world.token({ name: `t${n}` });
    const before = (await entries()).map(({ id }) => id);
    const found: string[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const query = { limit: 4, ...(cursor === '' ? {} : { cursor }) };
      const { body } = await world.admin.get(AUDIT, { query });
      found.push(...body.items.map(({ id }: Entry) => id));
      cursor = body.nextCursor;
      await world.token({ name: 'new' });
    }
    expect(found).toEqual(before);
  });

  it('refuses a cursor of other filters, or of another organization', async () => {
    await world.token();
    const { body } = await world.admin.get(AUDIT, { query: { limit: 1 } });
    const { nextCursor: cursor } = body;
    const other = await world.organization('other');
    for (const [client, path, query] of [
      [world.admin, AUDIT, { cursor, type: 'TokenCreated' }],
      [other.admin.client, '/v1/orgs/other/audit-events', { cursor }],
    ] as const) {
      expect((await client.get(path, { query })).status).toBe(400);
    }
  });

  it.each([
    ...['type=Nothing', 'type=', 'type=TokenCreated,', 'tokenId=1', 'from=yesterday', 'actor=a/b'],
    ...['from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z', 'type=TokenCreated&type=TokenRevoked'],
    ...['from=2026-02-30T00:00:00Z', 'limit=0', 'limit=201', 'limit=1.0', 'cursor=%22', 'q=1'],
    ...["type='OR 1=1--", 'type[]=TokenCreated', 'constructor=1', 'to=9999-99-99T00:00:00Z'],
  ])('refuses %s', async (query) => {
    const { status, body } = await world.admin.get(`${AUDIT}?${query}`);
    expect([status, body.code]).toEqual([400, 'INVALID_REQUEST']);
  });

  it('is for admins, and tokens with the scope', async () => {
    const foreign = await world.organization('foreign');
    const scoped = { scopes: ['ledger:audit:read'] };
    const callers: readonly (readonly [NativeClient, number])[] = [
      [world.admin, 200],
      [(await world.user('admin')).client, 200],
      [(await world.user('member')).client, 403],
      [(await world.person({ operator: true })).client, 404],
      [(await world.token(scoped)).client, 200],
      [(await world.token({ scopes: ['*'] })).client, 403],
      [(await world.token({ scopes: ['ledger:events:read'] })).client, 403],
      [foreign.admin.client, 404],
      [(await world.token(scoped, foreign.admin.client, 'foreign')).client, 404],
      [world.with(null), 401],
    ];
    for (const accept of ['application/json', NDJSON, 'text/csv']) {
      for (const [index, [client, expected]] of callers.entries()) {
        const status =
          expected === 200 && accept !== 'application/json'
            ? (
                await fetch(`${world.service.url}${AUDIT}`, {
                  headers: { authorization: client.authorization!, accept },
                })
              ).status
            : (await client.get(AUDIT, { headers: { accept } })).status;
        expect([index, status]).toEqual([index, expected]);
      }
    }
  });
});

describe('the export', () => {
  it('holds the whole range as NDJSON, whose lines are those of the pages', async () => {
    for (let n = 0; n < 31; n += 1) {
      await Promise.all(Array.from({ length: 20 }, () => world.token({ name: `t${n}` })));
    }
    const { all, headers } = await exported(NDJSON);
    expect(headers.get('content-type')).toBe(NDJSON);
    expect(headers.get('content-disposition')).toBe(
      'attachment; filename="audit-events-demo.ndjson"',
    );
    const lines = all
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Entry);
    expect(lines).toHaveLength(622);
    expect(lines.slice(0, 200)).toEqual(await entries());
    const documented = openApi.paths['/v1/orgs/{org}/audit-events']!['get']!.responses['200']!;
    const validate = contractAjv().compile(documented.content![NDJSON]!.schema);
    expect(lines.filter((line) => !validate(line))).toEqual([]);
    const positions = lines.map(({ position }) => BigInt(position));
    expect(positions.every((position, n) => n === 0 || position < positions[n - 1]!)).toBe(true);
  });

  it('takes the filters, and neither limit nor cursor', async () => {
    const token = await world.token();
    await world.token();
    const { all } = await exported(NDJSON, `?tokenId=${token.id}&type=TokenCreated`);
    expect(all.trimEnd().split('\n')).toHaveLength(1);
    const nothing = await exported('text/csv', '?type=TokenRevoked');
    expect(parseCsv(nothing.all)).toEqual([]);
    const headers = { accept: 'text/csv' };
    const refused = await world.admin.get(AUDIT, { headers, query: { limit: 1, cursor: 'x' } });
    expect(refused.body.errors.map(({ parameter }: { parameter: string }) => parameter)).toEqual([
      'limit',
      'cursor',
    ]);
  });

  it('is CSV that spreadsheets read and do not compute', async () => {
    const hostile = [
      ...['=HYPERLINK("http://x","y")', '+1', '-1', '@SUM(A1)', ' =1', '＝1', '|x', 'plain'],
      ...['a "quoted", name', "'=1", 'ü;ß\u00a0'],
    ];
    const tokens = await Promise.all(hostile.map((name) => world.token({ name })));
    const headersOfCaller = { 'user-agent': '=cmd|calc' };
    await world.admin.post(TOKENS, { name: 'agent' }, { headers: headersOfCaller });
    const { all, headers } = await exported('text/csv');
    expect(headers.get('content-type')).toBe('text/csv; charset=utf-8; header=present');
    const records = parseCsv(all);
    expect(records).toHaveLength(hostile.length + 3);
    for (const [index, { id }] of tokens.entries()) {
      const { tokenName } = records.find(({ tokenId }) => tokenId === id)!;
      const name = hostile[index]!;
      const isFormula = /^\s*[=+\-@＝]/.test(name);
      expect(tokenName).toBe(isFormula ? `'${name}` : name);
    }
    for (const record of records) {
      for (const cell of Object.values(record)) expect(cell).not.toMatch(/^\s*[=+\-@]/);
    }
    expect(records[0]).toMatchObject({ userAgent: "'=cmd|calc" });
    const pages = await entries();
    expect(records.map(({ id }) => id)).toEqual(pages.map(({ id }) => id));
  });

  it.each([
    ['', 'application/json'],
    ['*/*', 'application/json'],
    ['text/html', 'application/json'],
    ['text/csv', 'text/csv'],
    ['TEXT/CSV', 'text/csv'],
    ['text/*', 'text/csv'],
    ['application/json;q=0.1, text/csv;q=0.2', 'text/csv'],
    [`${NDJSON};q=0.9, application/json`, 'application/json'],
    [`text/csv;q=0, ${NDJSON}`, NDJSON],
    ['text/csv;q=nonsense', 'text/csv'],
    [','.repeat(500), 'application/json'],
  ])('is chosen by Accept %j', async (accept, type) => {
    const { headers } = await exported(accept);
    expect(headers.get('content-type')).toMatch(new RegExp(`^${type}`));
    expect(headers.get('vary')).toContain('accept');
  });

  it('answers HEAD without reading anything', async () => {
    const answers: NativeAnswer[] = [];
    for (const accept of ['text/csv', NDJSON, 'application/json']) {
      answers.push(await world.admin.call('HEAD', AUDIT, { headers: { accept } }));
    }
    expect(answers.map(({ status, text }) => [status, text])).toEqual(Array(3).fill([200, '']));
    expect((await world.with(null).call('HEAD', AUDIT)).status).toBe(401);
  });
});
