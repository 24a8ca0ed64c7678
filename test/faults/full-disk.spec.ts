import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ServiceProcess } from '../operations/service-process.js';

const DISK = '16m';
const TOKENS = 12;

/** Why no disk of a known size can be made here, or undefined. */
function missing(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'it takes Linux, and root';
  const folder = mkdtempSync(join(tmpdir(), 'tmpfs-'));
  try {
    execFileSync('unshare', ['-rm', 'mount', '-t', 'tmpfs', 'tmpfs', folder], { stdio: 'pipe' });
    return undefined;
  } catch (error) {
    return `no file system can be mounted: ${String(error).split('\n', 1)[0]}`;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const reason = missing();
if (reason !== undefined) process.stderr.write(`skipped: ${reason}\n`);
const test = reason === undefined ? it : it.skip;

describe('a service whose disk of 16 MiB is full (R4)', () => {
  const folder = mkdtempSync(join(tmpdir(), 'full-disk-'));
  let service: ServiceProcess | undefined;
  afterAll(async () => {
    await service?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** The disk as the service sees it: no other process has it mounted. */
  const filler = (): string => join('/proc', String(service!.child.pid), 'root', folder, 'filler');

  async function call(method: string, path: string, body?: object) {
    const response = await fetch(`${service!.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${service!.admin}`,
        ...(body ? { 'content-type': 'application/json' } : {}),
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const text = await response.text();
    const json = response.headers.get('content-type')?.includes('json') ?? false;
    return { status: response.status, text, body: json ? JSON.parse(text) : undefined };
  }

  const create = (name: string) =>
    call('POST', '/v1/orgs/demo/tokens', { name, description: 'x'.repeat(1_000) });
  const verdict = async (token: string): Promise<string> =>
    (await call('POST', '/v1/verify', { token })).body.code;

  test('goes on judging, writes revocations into its reserve, and recovers by itself', async () => {
    const mount = `mount -t tmpfs -o size=${DISK} tmpfs ${folder}`;
    const inside = `exec unshare -rm /bin/sh -c '${mount}; exec "$@"' sh "$0" "$@"`;
    service = await ServiceProcess.started(
      { LEDGER_DATA_DIR: join(folder, 'data'), NODE_ENV: 'test' },
      inside,
    );
    const made = [];
    for (let n = 0; n < TOKENS; n += 1) made.push((await create(`before-${n}`)).body);

    fill(filler());
    let acknowledged = TOKENS;
    let refused = await create('during');
    while (refused.status === 201) {
      acknowledged += 1;
      refused = await create('during');
    }
    expect([refused.status, refused.body.code]).toEqual([503, 'STORE_UNAVAILABLE']);

    for (const { secret } of made) expect(await verdict(secret)).toBe('VALID');
    for (const { token, secret } of made.slice(0, TOKENS / 2)) {
      const { status } = await call('POST', `/v1/orgs/demo/tokens/${token.id}/revoke`, {});
      expect(status).toBe(200);
      expect(await verdict(secret)).toBe('REVOKED');
    }
    expect((await create('still')).status).toBe(503);
    const ready = await call('GET', '/health/ready');
    expect([ready.status, ready.body.warned?.[0].check]).toEqual([200, 'disk-full']);
    expect((await call('GET', '/metrics')).text).toMatch(/^ledger_disk_full 1$/m);

    rmSync(filler());
    let after = await create('after');
    while (after.status === 503) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      after = await create('after');
    }
    expect(after.status).toBe(201);
    acknowledged += 1;
    const { body } = await call('GET', '/v1/orgs/demo/tokens?limit=200');
    expect(body.items).toHaveLength(acknowledged);
    expect((await call('GET', '/health/ready')).body.warned).toBeUndefined();
    for (const { secret } of made.slice(0, TOKENS / 2)) {
      expect(await verdict(secret)).toBe('REVOKED');
    }
  });
});

function fill(file: string): void {
  const descriptor = openSync(file, 'w');
  for (let bytes = 65_536; bytes >= 1; bytes = Math.floor(bytes / 2)) {
    try {
      for (;;) writeSync(descriptor, Buffer.alloc(bytes, 1));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    }
  }
  closeSync(descriptor);
}
