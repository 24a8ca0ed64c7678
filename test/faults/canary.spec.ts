import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ServiceProcess } from '../operations/service-process.js';

const ROUNDS = process.env['LEDGER_TEST_LONG'] ? 334 : 20;

/** Every way in which a text may be written down: as it is, and as encodings of it. */
function formsOf(secret: string): readonly string[] {
  const bytes = Buffer.from(secret);
  // What stands before the text in what was encoded shifts its base64 by up to two characters.
  const shifted = [0, 1, 2].map((before) => {
    const whole = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64url');
    return whole.slice(Math.ceil((before * 4) / 3) + 1, -4);
  });
  const base64 = shifted.map((text) => text.replaceAll('-', '+').replaceAll('_', '/'));
  const escaped = [...bytes].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
  const reversed = [...secret].reverse().join('');
  return [
    secret,
    ...shifted,
    ...base64,
    bytes.toString('hex'),
    escaped,
    reversed,
    secret.slice(4, -4),
  ];
}

describe('after a busy run (S4, T15)', () => {
  const folder = mkdtempSync(join(tmpdir(), 'canary-'));
  const data = join(folder, 'data');
  const environment = { LEDGER_DATA_DIR: data, NODE_ENV: 'test', LOG_LEVEL: 'debug' };
  const secrets = new Set<string>();
  const keys: string[] = [];
  const shown = new Map<string, string>();
  let service: ServiceProcess;
  let admin: string;

  afterAll(async () => {
    await service.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  async function call(method: string, path: string, body?: unknown, headers: object = {}) {
    const response = await fetch(`${service.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${admin}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return {
      status: response.status,
      text,
      body: /^[[{]/.test(text) && !text.includes('}\n{') ? JSON.parse(text) : undefined,
    };
  }

  function keep(secret: unknown): string {
    if (typeof secret !== 'string') throw new Error(`no secret, but ${String(secret)}`);
    secrets.add(secret);
    return secret;
  }

  /** Makes, uses and misuses secrets of every dialect. */
  async function round(number: number): Promise<void> {
    const idempotencyKey = `idempotency-key-of-round-${number}-${Math.trunc(performance.now())}`;
    keys.push(idempotencyKey);
    const headers = { 'idempotency-key': idempotencyKey };
    const native = (
      await call('POST', '/v1/orgs/demo/tokens', { name: 'ci', maxQuota: 9 }, headers)
    ).body;
    const first = keep(native.secret);
    const path = `/v1/orgs/demo/tokens/${native.token.id}`;
    const second = keep(
      (await call('POST', `${path}/rotate`, { graceSeconds: 60 }, headers)).body.secret,
    );
    const socket = (
      await call('POST', '/v0/orgs/demo/api-tokens', {
        ...{ max_quota: 1000, scopes: ['*'], visibility: 'organization', committer: {} },
      })
    ).body;
    if (socket?.token) {
      keep(socket.token);
      await call('POST', '/v0/orgs/demo/api-tokens/rotate', { token: socket.token }).then(
        ({ body }) => (body?.token ? keep(body.token) : undefined),
      );
      await call('GET', '/v0/quota', undefined, { authorization: `Bearer ${socket.token}` });
    }
    const key = (await call('POST', '/api/admin/api-keys', { name: 'k', scopes: ['graph:read'] }))
      .body;
    keep(key.api_key);
    keep((await call('POST', `/api/admin/api-keys/${key.key_id}/rotate`, {})).body.api_key);
    await call('GET', '/api/v1/incidents', undefined, { 'x-api-key': key.api_key });
    for (const secret of [first, second]) {
      await call('POST', '/v1/verify', { token: secret, cost: 1 });
      await call('POST', '/v1/quota/consume', { token: secret, units: 1 });
      await call('GET', '/v1/self', undefined, { authorization: `Bearer ${secret}` });
      // Secrets where they do not belong, as confused clients send them.
      await call('GET', `/v1/orgs/demo/tokens/${secret}`);
      await call('GET', `/v1/orgs/${secret}/tokens?token=${secret}&cursor=${secret}`);
      await call('GET', `/${secret}`);
      await call('POST', '/v1/verify', { token: secret, [secret]: secret });
      await call('POST', '/v1/verify', { token: secret, scopes: [secret], operation: 7 });
      await call('GET', '/v1/self', undefined, { 'x-request-id': secret, 'user-agent': secret });
      await call('GET', '/v1/self', undefined, {
        authorization: `Bearer ${secret}x`,
        cookie: secret,
      });
    }
    if (number % 3 === 0) await call('POST', `${path}/revoke`, {});
  }

  it('no secret is found in what was written, logged, exported or measured', async () => {
    service = await ServiceProcess.started(environment);
    admin = keep(service.admin);
    const greeting = service.stdout;
    for (let number = 0; number < ROUNDS; number += 1) await round(number);
    // Killed in mid-flight, so that nothing is tidied up before it is looked at.
    const last = Promise.allSettled([round(ROUNDS), round(ROUNDS + 1)]);
    await new Promise(setImmediate);
    await service.stop('SIGKILL');
    await last;
    shown.set(
      'the log before the kill',
      service.stdout.replace(shownOnce(greeting), '') + service.stderr,
    );
    for (const name of readdirSync(data)) {
      shown.set(`${name} after the kill`, readFileSync(join(data, name), 'latin1'));
    }

    service = await ServiceProcess.started(environment);
    for (const path of [
      '/metrics',
      '/v1/events',
      '/health/ready',
      '/v1/orgs/demo/tokens?limit=200',
    ]) {
      shown.set(path, (await call('GET', path)).text);
    }
    for (const path of [
      '/v1/orgs/demo/audit-events?limit=200',
      '/v0/orgs/demo/audit-log',
      '/api/admin/api-keys',
    ]) {
      shown.set(path, (await call('GET', path)).text);
    }
    for (const include of ['true', 'false']) {
      const path = `/v0/orgs/demo/api-tokens?token_values=${include}&per_page=100`;
      shown.set(path, (await call('GET', path)).text);
    }
    await service.stop();
    shown.set('the log', service.stdout + service.stderr);
    for (const name of readdirSync(data)) {
      shown.set(name, readFileSync(join(data, name), 'latin1'));
    }
    // A token was made and rotated in each dialect of each round.
    expect(secrets.size).toBeGreaterThan(4 * ROUNDS);
    const found = [...shown].flatMap(([where, text]) =>
      [...secrets]
        .filter((secret) => formsOf(secret).some((form) => text.includes(form)))
        .map((secret) => `${where}: ${secret.slice(0, 8)}…`),
    );
    expect(found).toEqual([]);
    // The keys of clients open what was sealed under them, and are not kept either (I2, I4).
    const files = [...shown].filter(
      ([where]) => where.startsWith('ledger') || where.startsWith('read-models'),
    );
    expect(files.length).toBeGreaterThan(8);
    for (const [, text] of files) for (const key of keys) expect(text.includes(key)).toBe(false);
  }, 7_200_000);

  it('would be found in each of these forms', () => {
    const secret = `tl_${'Ab3'.repeat(10)}2C8GjS`;
    const bytes = Buffer.from(`{"a":"${secret}"}`);
    const written = [bytes.toString(), bytes.toString('base64'), bytes.toString('hex')].concat(
      Buffer.from(` ${secret}:`).toString('base64'),
      Buffer.from(`xx${secret}`).toString('base64url'),
      encodeURIComponent(bytes.toString()),
    );
    for (const text of written) {
      expect(formsOf(secret).some((form) => text.includes(form))).toBe(true);
    }
  });
});

/** What the first start prints on purpose: the one place where the first admin's token is shown. */
function shownOnce(greeting: string): string {
  return /^.*shown this once: .*$/m.exec(greeting)![0];
}
