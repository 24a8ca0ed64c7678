import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { withWorld, type CliWorld } from './support/cli-world.js';
import { documentOf, runCli } from './support/run-cli.js';
import { servedFamilies, type Family } from './support/served-families.js';
import { inTemporaryDirectory } from './support/temporary-directory.js';

type Json = Readonly<Record<string, unknown>>;

const served = await servedFamilies();

/** A test of parts that this build may not serve yet: then it is skipped, and reported as such. */
function itOn(families: readonly Family[], name: string, work: (world: CliWorld) => Promise<void>) {
  const itServed = families.every((family) => served.has(family)) ? it : it.skip;
  itServed(name, () => withWorld(work));
}

/** Runs a command that must succeed, and gives its document. */
async function done({ run }: CliWorld, line: string, stdin = ''): Promise<Json> {
  const result = await run([...line.split(' '), '--json'], { stdin });
  expect(result).toMatchObject({ code: 0 });
  return documentOf(result);
}

async function failed({ run }: CliWorld, line: string, stdin = ''): Promise<Json> {
  const result = await run([...line.split(' '), '--json'], { stdin });
  expect(result.code).not.toBe(0);
  return { ...documentOf(result), exitCode: result.code };
}

async function createToken(world: CliWorld, more = ''): Promise<{ id: string; secret: string }> {
  const line = `token create --org demo --name ci --scope invoices${more}`;
  const { token, secret } = (await done(world, line)) as { token: { id: string }; secret: string };
  return { id: token.id, secret };
}

describe('The life of a token, by command line', () => {
  itOn(['tokens', 'hot'], 'is made, asked about, charged, rotated and ended', async (world) => {
    const { id, secret } = await createToken(world, ' --max-quota 10 --metadata team=a');
    const good = await done(world, 'token verify --scope invoices:read --cost 3', secret);
    expect(good).toMatchObject({ valid: true, tokenId: id, quota: { consumed: 3 } });
    expect(await done(world, `quota consume ${id} --units 7`)).toMatchObject({ units: 7 });
    const spent = await failed(world, `quota consume ${id} --units 1`);
    expect(spent).toMatchObject({ exitCode: 6, error: { code: 'QUOTA_EXCEEDED' } });
    const quota = await done(world, `quota show ${id} --org demo`);
    expect(quota).toMatchObject({ limit: 10, consumed: 10, remaining: 0 });

    const rotate = `token rotate ${id} --org demo --grace-seconds 60`;
    const { secret: next } = (await done(world, rotate)) as { secret: string };
    expect(next).not.toBe(secret);
    const again = await failed(world, rotate);
    expect(again).toMatchObject({ exitCode: 5, error: { code: 'GRACE_OPEN' } });
    expect(await done(world, 'token verify', secret)).toMatchObject({ valid: true });

    await done(world, `token revoke ${id} --org demo --reason unused`);
    const dead = await failed(world, 'token verify', next);
    expect(dead).toMatchObject({ exitCode: 1, valid: false, code: 'REVOKED' });
    const list = await done(world, 'token list --org demo --status revoked');
    expect(list).toMatchObject({ items: [{ id, revokedReason: 'unused' }] });
  });

  itOn(['tokens'], 'is told as it was at an earlier place in the log', async (world) => {
    const { id } = await createToken(world);
    const position = await world.service.ledger.store.head();
    await done(world, `token update ${id} --org demo --name renamed --max-quota none`);
    const now = await done(world, `token show ${id} --org demo`);
    expect(now).toMatchObject({ name: 'renamed', maxQuota: null });
    const then = await done(world, `token show ${id} --org demo --at-position ${position}`);
    expect(then).toMatchObject({ name: 'ci' });
  });

  itOn(['tokens'], 'is changed only at the revision that was seen', async (world) => {
    const { id } = await createToken(world);
    await done(world, `token update ${id} --org demo --name second --if-revision 1`);
    const stale = await failed(world, `token update ${id} --org demo --name third --if-revision 1`);
    expect(stale).toMatchObject({ exitCode: 5, error: { code: 'PRECONDITION_FAILED' } });
  });

  itOn(['tokens'], 'begins once for one idempotency key, with one secret', async (world) => {
    const line = 'token create --org demo --name once --idempotency-key same';
    const first = await done(world, line);
    expect(await done(world, line)).toMatchObject({ secret: first['secret'] });
    const other = await failed(world, line.replace('once', 'twice'));
    expect(other).toMatchObject({ exitCode: 5, error: { code: 'IDEMPOTENCY_KEY_REUSED' } });
  });

  itOn(['tokens'], 'cannot be seen by who is not allowed to', async (world) => {
    const { id, secret } = await createToken(world);
    const run = await runCli(['token', 'show', id, '--org', 'demo', '--json'], {
      env: { ...world.env, LEDGER_TOKEN: secret },
    });
    expect(run.code).toBe(3);
    expect(documentOf(run)).toMatchObject({ error: { code: 'INSUFFICIENT_SCOPE' } });
    const missing = await failed(
      world,
      'token show 0190d6f4-0000-4000-8000-000000000000 --org demo',
    );
    expect(missing).toMatchObject({ exitCode: 4, error: { code: 'NOT_FOUND' } });
  });
});

describe('Organizations and people, by command line', () => {
  itOn(['orgs'], 'are made, changed and listed', async (world) => {
    const created = await done(world, 'org create acme --name Acme --plan team');
    expect(created).toMatchObject({ slug: 'acme', name: 'Acme', plan: 'team' });
    expect(await failed(world, 'org create acme')).toMatchObject({ exitCode: 5 });
    await done(world, 'org update acme --name Changed');
    expect(await done(world, 'org show acme')).toMatchObject({ name: 'Changed', plan: 'team' });
    const { items } = (await done(world, 'org list --all')) as { items: { slug: string }[] };
    expect(items.map(({ slug }) => slug).sort()).toEqual(['acme', 'demo']);
  });

  itOn(['members'], 'come and go, save for the last admin', async (world) => {
    await done(world, `member set ${world.userId} --org demo --role member`);
    const members = await done(world, 'member list --org demo --all');
    expect(JSON.stringify(members)).toContain(world.userId);
    await done(world, `member remove ${world.userId} --org demo`);
    const admin = world.service.ledger.directory
      .organization('demo')!
      .members.find(({ role }) => role === 'admin')!.userId;
    const last = await failed(world, `member remove ${admin} --org demo`);
    expect(last).toMatchObject({ exitCode: 5, error: { code: 'LAST_ADMIN' } });
  });

  itOn(
    ['users', 'personal-tokens'],
    'get personal tokens that work until revoked',
    async (world) => {
      const user = await done(world, 'user create --email new@x.invalid --name New');
      expect(await done(world, `user show ${user['id']}`)).toMatchObject({
        email: 'new@x.invalid',
      });
      const made = await done(world, `personal-token create --user ${user['id']} --label laptop`);
      const listed = await done(world, `personal-token list --user ${user['id']}`);
      const [{ id }] = listed['items'] as [{ id: string }];
      expect(JSON.stringify(listed)).not.toContain(made['secret']);
      const asThem = { env: { ...world.env, LEDGER_TOKEN: String(made['secret']) } };
      const own = ['personal-token', 'list', '--user', String(user['id'])];
      expect(await runCli(own, asThem)).toMatchObject({ code: 0 });
      await done(world, `personal-token revoke ${id} --user ${user['id']}`);
      expect(await runCli(own, asThem)).toMatchObject({ code: 3 });
    },
  );
});

describe('What happened, by command line', () => {
  itOn(['tokens', 'audit'], 'is exported as NDJSON and CSV, filtered', (world) =>
    inTemporaryDirectory(async (cwd) => {
      const { id } = await createToken(world);
      await done(world, `token revoke ${id} --org demo`);
      const args = ['audit', 'export', '--org', 'demo', '--token', id, '--json'];
      const lines = (await world.run(args)).stdout.trim().split('\n');
      const types = lines.map((line) => (JSON.parse(line) as { type: string }).type);
      expect(types).toEqual(['TokenRevoked', 'TokenCreated']);
      const csv = [...args, '--format', 'csv', '--output', 'audit.csv'];
      expect(documentOf(await world.run(csv, { cwd }))).toMatchObject({ events: 2 });
      expect(readFileSync(join(cwd, 'audit.csv'), 'utf8')).toContain(id);
      const revoked = await world.run([...args, '--type', 'TokenRevoked']);
      expect(revoked.stdout.trim().split('\n')).toHaveLength(1);
    }),
  );

  itOn(['tokens', 'events'], 'is exported whole, and followed as it comes', async (world) => {
    const head = String(await world.service.ledger.store.head());
    const exported = (await world.run(['events', 'export'])).stdout.trim().split('\n');
    expect(exported).toHaveLength(Number(head));
    const last = JSON.parse(exported.at(-1)!) as { position: string };
    expect(last.position).toBe(head);

    const following = world.run(['events', 'follow', '--after', head, '--limit', '1', '--json']);
    const { id } = await createToken(world);
    const { stdout, code } = await following;
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ type: 'TokenCreated' });
    expect(stdout).toContain(id);
    const { stdout: text } = await world.run(['events', 'follow', '--after', head, '--limit', '1']);
    expect(text).toMatch(/^\d+ {2}\S+ {2}TokenCreated {2}\S+ {2}user:[0-9a-f-]{36}\n$/);
    expect(text).toContain(`token-${id}`);
  });
});
