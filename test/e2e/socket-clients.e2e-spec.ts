import { SocketSdk } from '@socketsecurity/sdk';
import { SocketCli, type CliRun } from '../support/socket-cli.js';
import { SocketWorld, tokenBody, type TestToken } from '../support/socket-world.js';

let world: SocketWorld;
let token: TestToken;

beforeAll(async () => {
  world = await SocketWorld.start();
  token = await world.token({ scopes: ['*'], name: 'client' });
});
afterAll(() => world.close());

/** What a call of the SDK succeeded with. */
function dataOf(result: { readonly success: boolean; readonly error?: unknown }): unknown {
  if (!result.success) throw new Error(String(result.error));
  return (result as { data?: unknown }).data;
}

describe('the published SDK, unmodified', () => {
  const sdkOf = (secret: string, retries = 0): SocketSdk =>
    new SocketSdk(secret, { baseUrl: `${world.service.url}/v0/`, retries, retryDelay: 1 });

  it('creates, lists, updates, rotates and revokes a token', async () => {
    const sdk = sdkOf(token.token);
    const created = dataOf(
      await sdk.postAPIToken('demo', tokenBody({ name: 'by sdk', scopes: ['repo'] })),
    ) as { group_uuid: string; token: string; hash: string };
    expect(created.token).toMatch(/^sktsec_/);

    const list = async () => {
      const { tokens } = dataOf(await sdk.getAPITokens('demo')) as {
        tokens: { id: string; group_uuid: string; name: string; hash: string }[];
      };
      return tokens.find(({ group_uuid: id }) => id === created.group_uuid);
    };
    const item = (await list())!;
    expect(item).toMatchObject({ name: 'by sdk', hash: created.hash });

    const updated = await sdk.postAPITokenUpdate('demo', item.id, tokenBody({ name: 'renamed' }));
    expect(dataOf(updated)).toEqual({ hash: created.hash });
    expect((await list())!.name).toBe('renamed');

    const rotated = dataOf(await sdk.postAPITokensRotate('demo', item.id)) as {
      id: string;
      token: string;
    };
    expect(dataOf(await sdkOf(rotated.token).getQuota())).toMatchObject({ quota: 1000 });
    expect(await sdkOf(created.token).getQuota()).toMatchObject({ success: false, status: 401 });

    const revoked = dataOf(await sdk.postAPITokensRevoke('demo', created.group_uuid));
    expect(revoked).toEqual({ status: 'revoked' });
    expect(await sdkOf(rotated.token).getQuota()).toMatchObject({ success: false, status: 401 });
    expect(await list()).toBeUndefined();
  });

  it('reads quota, organizations and the audit log', async () => {
    const sdk = sdkOf(token.token);
    expect(dataOf(await sdk.getQuota())).toMatchObject({ maxQuota: 1000 });
    const { organizations } = dataOf(await sdk.listOrganizations()) as unknown as {
      organizations: object;
    };
    expect(Object.values(organizations)).toMatchObject([{ slug: 'demo', plan: 'enterprise' }]);
    const log = dataOf(
      await sdk.getAuditLogEvents('demo', { type: 'CreateApiToken', per_page: 2 }),
    ) as { results: object[] };
    expect(log.results).toHaveLength(2);
    expect(log.results[0]).toMatchObject({ type: 'CreateApiToken' });
  });

  it('works for a user with a personal token as well', async () => {
    const sdk = sdkOf(world.service.admin);
    expect(dataOf(await sdk.getAPITokens('demo'))).toMatchObject({ nextPage: null });
  });

  it('is told what is wrong in words that it passes on', async () => {
    const weak = sdkOf((await world.token({ scopes: [], max_quota: 1000 })).token);
    const poor = sdkOf((await world.token({ scopes: ['*'], max_quota: 5 })).token);
    const spent = await world.token({ scopes: ['*'], max_quota: 10 });
    await spent.client.list();
    const results = [
      await weak.getAPITokens('demo'),
      await poor.getAPITokens('demo'),
      await sdkOf(spent.token).getAPITokens('demo'),
      await sdkOf(token.token).getAPITokens('nowhere'),
      await sdkOf(token.token).postAPIToken('demo', {}),
      await sdkOf(token.token).postAPITokensRevoke('demo', 'nothing'),
    ];
    expect(results.map(({ status, success }) => [status, success])).toEqual([
      ...[403, 403, 429, 404, 400, 404].map((status) => [status, false]),
    ]);
    const texts = [
      'Insufficient permissions for API method',
      'Insufficient max quota for API method',
      'Insufficient quota for API route',
      'Organization not found',
      'Bad request',
      'API token not found',
    ];
    for (const [index, text] of texts.entries()) {
      expect(String((results[index] as { error?: unknown }).error)).toContain(text);
    }
  });

  it('is answered when it revokes the token it calls with', async () => {
    const { client, ...own } = await world.token({ scopes: ['*'] });
    const sdk = sdkOf(own.token, 3);
    const revoked = await sdk.postAPITokensRevoke('demo', own.group_uuid);
    expect(dataOf(revoked)).toEqual({ status: 'revoked' });
    expect((await client.call('quota')).status).toBe(401);
  });
});

describe('the published CLI, unmodified', () => {
  let cli: SocketCli;

  beforeAll(async () => {
    cli = await SocketCli.install(world.service.url);
  });
  afterAll(() => cli.uninstall());

  /** The first answer that was printed: `audit-log --json` goes on to a widget that its package lacks. */
  const answerOf = ({ stdout }: CliRun) => {
    const [answer = ''] = /^\{\n[\s\S]*?^\}$/m.exec(stdout) ?? [];
    return JSON.parse(answer) as { ok: boolean; data: unknown };
  };

  it('lists organizations', async () => {
    const run = await cli.run(token.token, 'organization', 'list', '--json');
    expect(run.code).toBe(0);
    const organizations = [expect.objectContaining({ slug: 'demo', name: 'Demo', image: null })];
    expect(answerOf(run)).toEqual({ ok: true, data: { organizations } });
  });

  it('finds its default organization', async () => {
    const run = await cli.run(token.token, 'config', 'auto', 'defaultOrg', '--json');
    expect(answerOf(run)).toMatchObject({ ok: true, data: 'demo' });
  });

  it('shows the quota', async () => {
    const { client, ...own } = await world.token({ max_quota: 20 });
    await client.call('organizations');
    const run = await cli.run(own.token, 'organization', 'quota', '--json');
    expect(answerOf(run)).toEqual({
      ok: true,
      data: { quota: 19, maxQuota: 20, nextWindowRefresh: '2026-04-01T00:00:00.000Z' },
    });
  });

  it('shows the audit log: whole, by type and by page', async () => {
    const whole = await cli.run(token.token, 'audit-log', '--org', 'demo', '--json');
    expect(answerOf(whole)).toMatchObject({ ok: true, data: { org: 'demo', page: 0 } });
    const { logs } = answerOf(whole).data as { logs: { type: string }[] };
    expect(logs.map(({ type }) => type)).toEqual(expect.arrayContaining(['MemberAdded']));
    const table = await cli.run(token.token, 'audit-log', '--org', 'demo', '--markdown');
    expect([table.code, table.stdout]).toEqual([0, expect.stringContaining('| MemberAdded ')]);

    const paged = ['--page', '2', '--per-page', '1', '--org', 'demo', '--json'];
    const run = await cli.run(token.token, 'audit-log', 'createApiToken', ...paged);
    expect(answerOf(run)).toMatchObject({
      ok: true,
      data: { logType: 'CreateApiToken', page: 2, logs: [{ type: 'CreateApiToken' }] },
    });
  });

  it('fails with the reason when the service refuses', async () => {
    const weak = await world.token({ scopes: [], max_quota: 0 });
    const unknown = `sktsec_${'x'.repeat(43)}_api`;
    const cases: readonly (readonly [string, readonly string[], string])[] = [
      [unknown, ['organization', 'list'], 'Unauthorized'],
      [weak.token, ['organization', 'list'], 'Insufficient max quota for API method'],
      [weak.token, ['audit-log', '--org', 'demo'], 'Insufficient permissions for API method'],
      [token.token, ['audit-log', '--org', 'nowhere'], 'Organization not found'],
    ];
    const runs = cases.map(async ([secret, args, reason]) => {
      const run = await cli.run(secret, ...args, '--json');
      expect(run.code).toBe(1);
      expect(answerOf(run)).toMatchObject({ ok: false, cause: expect.stringContaining(reason) });
    });
    await Promise.all(runs);
  });
});
