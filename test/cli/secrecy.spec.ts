import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { documentOf, runCli } from './support/run-cli.js';
import { startScriptedService } from './support/scripted-service.js';
import { inTemporaryDirectory } from './support/temporary-directory.js';

const SECRET = 'tl_0123456789abcdefghijABCDEFGHIJ000000';
const MAKING = [
  ['token', 'create', '--org', 'acme', '--name', 'ci'],
  ['token', 'rotate', 't1', '--org', 'acme'],
  ['personal-token', 'create', '--user', 'u1', '--label', 'laptop'],
];

async function answering<T>(
  body: unknown,
  work: (env: NodeJS.ProcessEnv) => Promise<T>,
): Promise<T> {
  const service = await startScriptedService({ status: 200, body });
  try {
    return await work({ LEDGER_URL: service.url, LEDGER_TOKEN: 'credential' });
  } finally {
    await service.close();
  }
}

describe('A new secret', () => {
  it.each(MAKING)('of %s %s is printed once, on stdout', async (...args) => {
    const body = { token: { id: 't1', name: 'ci' }, secret: SECRET };
    await answering(body, async (env) => {
      const text = await runCli(args, { env });
      expect(text.code).toBe(0);
      expect(text.stdout).toContain(`secret, shown this once: ${SECRET}\n`);
      expect(text.stdout.split(SECRET)).toHaveLength(2);
      expect(text.stderr).toBe('');
      const json = await runCli([...args, '--json'], { env });
      expect(documentOf(json)).toEqual(body);
      expect(json.stdout.split(SECRET)).toHaveLength(2);
      expect(json.stderr).toBe('');
    });
  });
});

describe('A secret that is asked about', () => {
  it('is never printed, whether it comes from stdin or a file', async () => {
    const verdict = { valid: false, code: 'NOT_FOUND', position: '1' };
    await answering(verdict, (env) =>
      inTemporaryDirectory(async (cwd) => {
        writeFileSync(join(cwd, 'secret'), `${SECRET}\n`);
        const runs = [
          await runCli(['token', 'verify'], { env, stdin: SECRET }),
          await runCli(['token', 'verify', '--secret-file', 'secret', '--json'], { env, cwd }),
        ];
        for (const { code, stdout, stderr } of runs) {
          expect(code).toBe(1);
          expect(stdout + stderr).not.toContain(SECRET);
          expect(stdout).toContain('NOT_FOUND');
        }
      }),
    );
  });
});

describe('The credential', () => {
  it('comes from a file too, and is in no message', async () => {
    await answering({ slug: 'acme' }, ({ LEDGER_URL }) =>
      inTemporaryDirectory(async (cwd) => {
        writeFileSync(join(cwd, 'credential'), `${SECRET}\n`);
        const args = ['org', 'show', 'acme', '--token-file', 'credential'];
        const good = await runCli(args, { env: { LEDGER_URL }, cwd });
        expect(good.code).toBe(0);
        const bad = await runCli(args, { env: { LEDGER_URL: 'http://127.0.0.1:1' }, cwd });
        expect(bad.code).toBe(7);
        expect(bad.stdout + bad.stderr).not.toContain(SECRET);
      }),
    );
  });
});

describe('What others named', () => {
  it('cannot steer the terminal that prints it', async () => {
    const name = 'ci\u001b]0;gone\u0007\u009b2J\u202e';
    const token = { id: 't1', name, status: 'active', scopes: [], maxQuota: null };
    await answering({ items: [token], nextCursor: null }, async (env) => {
      const { stdout } = await runCli(['token', 'list', '--org', 'acme'], { env });
      expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
      expect(stdout).toContain('ci');
    });
  });
});

describe('A list', () => {
  it('comes as one document, also when it took several pages', async () => {
    const first = { items: [{ slug: 'a' }], nextCursor: 'next' };
    const last = { items: [{ slug: 'b' }], nextCursor: null };
    const service = await startScriptedService({ body: first }, { body: last });
    try {
      const env = { LEDGER_URL: service.url, LEDGER_TOKEN: 'credential' };
      const run = await runCli(['org', 'list', '--all', '--json'], { env });
      expect(documentOf(run)).toEqual({ items: [{ slug: 'a' }, { slug: 'b' }], nextCursor: null });
      expect(service.seen.map(({ target }) => target)).toEqual([
        '/v1/orgs?limit=200',
        '/v1/orgs?limit=200&cursor=next',
      ]);
    } finally {
      await service.close();
    }
  });

  it('says on stderr that there is more', async () => {
    await answering({ items: [{ slug: 'a' }], nextCursor: 'next' }, async (env) => {
      const run = await runCli(['org', 'list', '--json'], { env });
      expect(documentOf(run)).toEqual({ items: [{ slug: 'a' }], nextCursor: 'next' });
      expect(run.stderr).toContain('--cursor next');
    });
  });
});
