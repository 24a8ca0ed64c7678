import { randomBytes, randomUUID } from 'node:crypto';
import { copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, ServiceProcess, temporaryFolder } from '../../operations/service-process.js';
import { documentOf, runCli } from '../../cli/support/run-cli.js';
import { EventLog } from '../double/event-log.js';
import { EventStoreDouble } from '../double/event-store-double.js';
import { Certificates } from '../support/certificates.js';
import { until } from '../support/store-on-double.js';
import { callAt, type Answer } from './support/node.js';

const PASSWORD = 'correct-horse-battery';
const folder = temporaryFolder();
const at = (name: string): string => join(folder.path, name);
const keyFile = at('shared.key');
const passwordFile = at('password');
let double: EventStoreDouble;

beforeAll(async () => {
  double = await EventStoreDouble.start();
  writeFileSync(keyFile, randomBytes(32).toString('base64'), { mode: 0o600 });
  writeFileSync(passwordFile, `${PASSWORD}\n`, { mode: 0o600 });
});
afterAll(async () => {
  await ServiceProcess.killAll();
  await double.stop();
  folder.remove();
});

/** A node of the ledger on the double, with a data directory by name. */
function nodeOf(name: string, more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  return {
    LEDGER_STORE: 'eventstoredb',
    LEDGER_EVENTSTOREDB_URL: double.connectionString,
    LEDGER_MASTER_KEY_FILE: keyFile,
    LEDGER_DATA_DIR: at(name),
    LEDGER_START_TIMEOUT_MS: '30000',
    ...more,
  };
}

/** A busy machine may make the database too slow for a call or two: they are repeated, as a client would. */
async function madeToken(url: string, admin: string): Promise<Answer> {
  const headers = { 'idempotency-key': randomUUID() };
  for (;;) {
    const body = { name: 'ci' };
    const made = await callAt(url, admin, 'POST', '/v1/orgs/demo/tokens', { body, headers });
    if (made.status === 201) return made;
    expect(made.status).toBe(503);
  }
}

/** Starts what must not start. */
async function refusal(environment: NodeJS.ProcessEnv): Promise<string> {
  const service = ServiceProcess.run(environment);
  expect(await service.ended()).toBe(1);
  expect(service.stderr).toMatch(/^token-ledger cannot start: /);
  expect(service.stderr).not.toMatch(/\n +at /);
  expect(service.stderr + service.stdout).not.toContain(PASSWORD);
  return service.stderr;
}

describe('processes on one database', () => {
  it('that start at once make one tenant; killed and started again they know what happened', async () => {
    const both = await Promise.all([
      ServiceProcess.started(nodeOf('first')),
      ServiceProcess.started(nodeOf('second')),
    ]);
    const shown = both.flatMap(({ stdout }) => /shown this once: (\S+)/.exec(stdout)?.[1] ?? []);
    expect(new Set(shown).size).toBe(1);
    const admin = shown[0]!;
    const [first, second] = both;
    const made = await madeToken(first.url, admin);
    const verify = { body: { token: made.body.secret } };
    const verdictAt = async (url: string): Promise<string> =>
      (await callAt(url, admin, 'POST', '/v1/verify', verify)).body.code;
    await until(async () => (await verdictAt(second.url)) === 'VALID');
    await second.stop('SIGKILL');
    const path = `/v1/orgs/demo/tokens/${made.body.token.id}/revoke`;
    await until(async () => {
      return (await callAt(first.url, admin, 'POST', path, { body: {} })).status === 200;
    });
    const again = await ServiceProcess.started(nodeOf('second'));
    expect(again.stdout).not.toContain('First start');
    let said = '';
    await until(async () => (said = await verdictAt(again.url)) !== 'BEHIND');
    expect(said).toBe('REVOKED');
    const organizations = double.log.records.filter(({ type }) => type === 'OrganizationCreated');
    expect(organizations).toHaveLength(1);
    expect(await Promise.all([first.stop(), again.stop()])).toEqual([0, 0]);
  });

  it('need a data directory each', async () => {
    const one = await ServiceProcess.started(nodeOf('first'));
    expect(await refusal(nodeOf('first'))).toMatch(/in use: only one process at a time/);
    await one.stop();
  });

  it('show no password, and log the settings without any', async () => {
    const credentials = {
      LEDGER_EVENTSTOREDB_USER: 'ledger',
      LEDGER_EVENTSTOREDB_PASSWORD_FILE: passwordFile,
    };
    const node = await ServiceProcess.started(nodeOf('first', credentials));
    await node.stop();
    const key = readFileSync(keyFile, 'utf8').trim();
    for (const secret of [PASSWORD, key]) expect(node.stdout + node.stderr).not.toContain(secret);
    expect(node.stdout).toContain(double.connectionString);
  });
});

describe('a node is refused', () => {
  it('with the key of another ledger, which it then does not keep for its own', async () => {
    const other = at('other.key');
    writeFileSync(other, randomBytes(32).toString('base64'));
    expect(await refusal(nodeOf('stranger', { LEDGER_MASTER_KEY_FILE: other }))).toMatch(
      /is not the key of the ledger [0-9a-f-]{36}.*LEDGER_MASTER_KEY_FILE/s,
    );
    expect(existsSync(other)).toBe(true);
    // Without a key of its own it would make one, which opens nothing here.
    expect(await refusal(nodeOf('stranger', { LEDGER_MASTER_KEY_FILE: '' }))).toMatch(
      /is not the key of the ledger/,
    );
    expect(existsSync(join(at('stranger'), 'ledger.key'))).toBe(false);
  });

  it('on the log of another ledger, although it has its key', async () => {
    const prefix = { LEDGER_EVENTSTOREDB_PREFIX: 'other-' };
    const node = await ServiceProcess.started(nodeOf('other', prefix));
    await node.stop();
    expect(await refusal(nodeOf('first', prefix))).toMatch(/were made from the ledger/);
    const empty = { LEDGER_EVENTSTOREDB_PREFIX: 'empty-' };
    expect(await refusal(nodeOf('first', empty))).toMatch(/holds no ledger.*it was lost/s);
    expect(double.log.records.some(({ streamId }) => streamId.startsWith('empty-'))).toBe(false);
  });

  it('on a log that was put back from an older copy', async () => {
    const node = await ServiceProcess.started(nodeOf('first'));
    await node.stop();
    const older = new EventLog();
    const last = double.log.records.findLastIndex(({ streamId }) => streamId.startsWith('ledger-'));
    for (const record of double.log.records.slice(0, last)) {
      older.append(record.streamId, 'any', [record]);
    }
    const restored = await EventStoreDouble.start({ log: older });
    const url = { LEDGER_EVENTSTOREDB_URL: restored.connectionString };
    expect(await refusal(nodeOf('first', url))).toMatch(/cut, or restored from an older backup/);
    // Who deletes the read models has said that the older one is meant.
    for (const suffix of ['', '-wal', '-shm']) {
      rmSync(join(at('first'), `read-models.sqlite${suffix}`), { force: true });
    }
    await (await ServiceProcess.started(nodeOf('first', url))).stop();
    await restored.stop();
  });

  it('on a log that something else wrote into, with advice about the database', async () => {
    const log = new EventLog();
    for (const record of double.log.records) log.append(record.streamId, 'any', [record]);
    const spoiled = await EventStoreDouble.start({ log });
    const url = { LEDGER_EVENTSTOREDB_URL: spoiled.connectionString };
    await (await ServiceProcess.started(nodeOf('spoiled', url))).stop();
    const foreign = {
      type: 'Foreign',
      contentType: 'application/json',
      metadata: Buffer.from('{}'),
    };
    log.append('ledger-token-x', 'any', [
      { ...foreign, id: randomUUID(), data: Buffer.from('{}') },
    ]);
    const told = await refusal(nodeOf('spoiled', url));
    expect(told).toMatch(/token-x@1 was not written by the ledger/);
    expect(told).toMatch(/LEDGER_EVENTSTOREDB_PREFIX.*docs\/eventstoredb\.md/s);
    expect(told).not.toMatch(/Restore the data directory/);
    await spoiled.stop();
  });

  it('in a directory that holds an embedded ledger', async () => {
    await (await ServiceProcess.started({ LEDGER_DATA_DIR: at('embedded') })).stop();
    expect(await refusal(nodeOf('embedded'))).toMatch(/holds a ledger of the embedded store/);
  });

  it('by settings that contradict each other, told all at once', async () => {
    const told = await refusal({
      ...{ LEDGER_STORE: 'eventstoredb', LEDGER_EVENTSTOREDB_USER: 'ledger' },
      LEDGER_EVENTSTOREDB_URL: `esdb://admin:${PASSWORD}@db:2113`,
      ...{ LEDGER_STALENESS_MAX_MS: '1', LEDGER_ALLOW_PLAINTEXT: 'yes' },
      ...{ LEDGER_EVENTSTOREDB_PREFIX: '$x' },
    });
    for (const name of ['URL', 'PASSWORD_FILE', 'PREFIX']) {
      expect(told).toContain(`LEDGER_EVENTSTOREDB_${name}`);
    }
    for (const name of ['LEDGER_STALENESS_MAX_MS', 'LEDGER_ALLOW_PLAINTEXT']) {
      expect(told).toContain(name);
    }
    const embedded = { LEDGER_EVENTSTOREDB_URL: 'esdb://db:2113', LEDGER_MASTER_KEY_FILE: 'k' };
    const unused = await refusal({ ...embedded, LEDGER_DATA_DIR: at('none') });
    for (const name of Object.keys(embedded)) expect(unused).toContain(`${name} is of no use`);
    expect(existsSync(at('none'))).toBe(false);
  });

  it('in production without TLS, credentials and key, or with those of everybody (C1, C2)', async () => {
    const production = { NODE_ENV: 'production' };
    expect(await refusal(nodeOf('p', production))).toMatch(/tls=false.*LEDGER_ALLOW_PLAINTEXT/s);
    for (const spelled of ['TLS=False', 't_l-s=false']) {
      const url = { LEDGER_EVENTSTOREDB_URL: `esdb://db:2113?${spelled}` };
      expect(await refusal(nodeOf('p', { ...production, ...url }))).toMatch(/tls=false/);
    }
    const secure = { ...production, LEDGER_EVENTSTOREDB_URL: 'esdb://db:2113' };
    const told = await refusal(nodeOf('p', { ...secure, LEDGER_MASTER_KEY_FILE: '' }));
    expect(told).toMatch(/needs credentials/);
    expect(told).toMatch(/LEDGER_MASTER_KEY_FILE must name the key/);
    const user = { LEDGER_EVENTSTOREDB_USER: 'ledger' };
    const file = { LEDGER_EVENTSTOREDB_PASSWORD_FILE: at('default') };
    expect(await refusal(nodeOf('p', { ...secure, ...user, ...file }))).toMatch(/cannot be read/);
    writeFileSync(at('default'), 'changeit\n');
    expect(await refusal(nodeOf('p', { ...secure, ...user, ...file }))).toMatch(
      /password that every new EventStoreDB has/,
    );
    const admin = { LEDGER_EVENTSTOREDB_USER: 'admin' };
    expect(await refusal(nodeOf('p', { ...secure, ...admin, ...file }))).toMatch(/administrator/);
  });
});

describe('in production', () => {
  const production = {
    NODE_ENV: 'production',
    LEDGER_ALLOW_PLAINTEXT: 'true',
    LEDGER_EVENTSTOREDB_PREFIX: 'production-',
    LEDGER_MASTER_KEY_FILE: at('production.key'),
  };

  it('no ledger is made by the service, but by the command line, key included', async () => {
    copyFileSync(keyFile, at('unused.key'));
    const unused = { ...production, LEDGER_MASTER_KEY_FILE: at('unused.key') };
    expect(await refusal(nodeOf('production', unused))).toMatch(/token-ledger bootstrap/);
    const words = ['bootstrap', '--org', 'acme', '--name', 'Kim', '--email', 'kim@x.invalid'];
    const run = { env: nodeOf('production', production) };
    const made = await runCli([...words, '--json'], run);
    expect(made).toMatchObject({ code: 0 });
    const { secret, keyFile: key } = documentOf(made);
    expect(key).toBe(at('production.key'));
    const node = await ServiceProcess.started(nodeOf('production', production));
    const answer = await callAt(node.url, String(secret), 'GET', '/v1/orgs/acme');
    expect(answer.status).toBe(200);
    // While the node runs, too.
    const repeated = await runCli(words, run);
    expect(repeated).toMatchObject({ code: 5 });
    expect(repeated.stderr).toMatch(/acme exists already/);
    await node.stop();
  });

  it('commands that open the files of the embedded store say that there are none', async () => {
    for (const command of ['verify', 'info', 'replay']) {
      const { code, stderr } = await runCli([command], { env: nodeOf('production', production) });
      expect(code).toBe(2);
      expect(stderr).toMatch(/LEDGER_STORE=eventstoredb names another one/);
    }
  });
});

describe('a database that is not up yet', () => {
  it('is waited for, and health says for what', async () => {
    const late = await EventStoreDouble.start();
    await late.stop();
    const port = await freePort();
    const node = ServiceProcess.run(
      nodeOf('late', {
        LEDGER_EVENTSTOREDB_URL: late.connectionString,
        LEDGER_START_TIMEOUT_MS: '60000',
        METRICS_PORT: String(port),
      }),
    );
    await node.until(() => node.stdout.includes('store.waiting'));
    const startup = await fetch(`http://127.0.0.1:${port}/health/startup`);
    expect(startup.status).toBe(503);
    const { failed } = (await startup.json()) as { failed: { problem: string }[] };
    expect(failed[0]!.problem).toMatch(/^waiting for EventStoreDB: .*ECONNREFUSED/);
    expect((await fetch(`http://127.0.0.1:${port}/health/live`)).status).toBe(200);
    await late.start();
    await node.until(() => node.stdout.includes('service.started'));
    expect((await fetch(`http://127.0.0.1:${port}/health/ready`)).status).toBe(200);
    await node.stop();
    await late.stop();
  });

  it('is not waited for without end', async () => {
    const url = { LEDGER_EVENTSTOREDB_URL: `esdb://127.0.0.1:${await freePort()}?tls=false` };
    const told = await refusal(nodeOf('never', { ...url, LEDGER_START_TIMEOUT_MS: '1000' }));
    expect(told).toMatch(/EventStoreDB did not answer within 1000 ms: .*ECONNREFUSED/);
  });
});

const canMakeCertificates = Certificates.areAvailable();
const secured = canMakeCertificates ? it : it.skip;
const because = canMakeCertificates ? '' : ' (skipped: there is no openssl)';

secured(`with TLS, authority and password from files a node serves${because}`, async () => {
  const certificates = new Certificates();
  const authority = certificates.authority('ledger-ca');
  const user = { username: 'ledger', password: PASSWORD };
  const tls = certificates.signed('ledger-ca', 'localhost');
  const database = await EventStoreDouble.start({ tls, user });
  const settings = nodeOf(`secure-${randomUUID()}`, {
    LEDGER_EVENTSTOREDB_URL: database.connectionString,
    LEDGER_EVENTSTOREDB_CA_FILE: authority,
    LEDGER_EVENTSTOREDB_USER: user.username,
    LEDGER_EVENTSTOREDB_PASSWORD_FILE: passwordFile,
  });
  try {
    const node = await ServiceProcess.started(settings);
    expect((await callAt(node.url, node.admin, 'GET', '/v1/orgs/demo')).status).toBe(200);
    await node.stop();
    writeFileSync(at('wrong'), 'wrong');
    const soon = { ...settings, LEDGER_START_TIMEOUT_MS: '4000' };
    const wrong = { ...soon, LEDGER_EVENTSTOREDB_PASSWORD_FILE: at('wrong') };
    expect(await refusal(wrong)).toMatch(/the database refuses its user|UNAUTHENTICATED/i);
    const other = {
      ...soon,
      LEDGER_EVENTSTOREDB_CA_FILE: certificates.authority('other-ca'),
    };
    expect(await refusal(other)).toMatch(/certificate/);
    const missing = { ...settings, LEDGER_EVENTSTOREDB_CA_FILE: at('no-such-file') };
    expect(await refusal(missing)).toMatch(/no-such-file/);
  } finally {
    await database.stop();
    certificates.remove();
    rmSync(settings['LEDGER_DATA_DIR']!, { recursive: true, force: true });
  }
});
