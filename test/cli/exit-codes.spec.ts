import { documentOf, runCli } from './support/run-cli.js';
import { problem, startScriptedService, type Answer } from './support/scripted-service.js';
import { inTemporaryDirectory } from './support/temporary-directory.js';

const SHOW = ['token', 'show', 't1', '--org', 'acme'];

async function show(answer: Answer, json = false) {
  const service = await startScriptedService(answer);
  try {
    const env = { LEDGER_URL: service.url, LEDGER_TOKEN: 'credential' };
    return await runCli(json ? [...SHOW, '--json'] : SHOW, { env });
  } finally {
    await service.close();
  }
}

describe('The exit code says what kind of failure it was', () => {
  it.each([
    [400, 'INVALID_REQUEST', 2],
    [401, 'UNAUTHENTICATED', 3],
    [403, 'INSUFFICIENT_SCOPE', 3],
    [404, 'NOT_FOUND', 4],
    [409, 'TOKEN_REVOKED', 5],
    [412, 'PRECONDITION_FAILED', 5],
    [429, 'QUOTA_EXCEEDED', 6],
    [503, 'STORE_UNAVAILABLE', 7],
    [500, 'INTERNAL', 1],
  ])('%i %s: %i', async (status, code, exitCode) => {
    const text = await show(problem(status, code, { detail: 'Because.' }));
    expect(text.code).toBe(exitCode);
    expect(text.stdout).toBe('');
    expect(text.stderr).toContain(`Title of ${code}: Because. (${code}, request request-1)`);
    const json = await show(problem(status, code), true);
    expect(json.code).toBe(exitCode);
    expect(documentOf(json)).toMatchObject({ error: { code, exitCode, status } });
  });

  it('names every fault of a request', async () => {
    const errors = [
      { pointer: '/name', message: 'is too long' },
      { parameter: 'limit', message: 'is no number' },
    ];
    const { stderr } = await show(problem(400, 'INVALID_REQUEST', { errors, detail: 'again' }));
    expect(stderr).toContain('/name: is too long');
    expect(stderr).toContain('limit: is no number');
    expect(stderr).not.toContain('again');
  });

  it('names the scopes that are missing', async () => {
    const { stderr } = await show(problem(403, 'SCOPES_NOT_HELD', { missingScopes: ['a', 'b'] }));
    expect(stderr).toContain('missing scopes: a, b');
  });

  it('is 3 without a credential, before anything is sent', async () => {
    const { code, stderr } = await runCli(SHOW, { env: { LEDGER_URL: 'http://127.0.0.1:1' } });
    expect(code).toBe(3);
    expect(stderr).toContain('LEDGER_TOKEN');
  });

  it('is 7 when nobody listens', async () => {
    const env = { LEDGER_URL: 'http://127.0.0.1:1', LEDGER_TOKEN: 'credential' };
    const { code, stderr } = await runCli(SHOW, { env });
    expect(code).toBe(7);
    expect(stderr).toContain('http://127.0.0.1:1 does not answer');
  });

  it('is that of the answer when something else than the service answers', async () => {
    const { code, stderr } = await show({ status: 502, headers: { 'content-type': 'text/html' } });
    expect(code).toBe(1);
    expect(stderr).toContain('502 (text/html)');
  });

  it('is 4 where no ledger is, and 2 for what cannot be understood, as documents too', async () => {
    await inTemporaryDirectory(async (cwd) => {
      for (const command of ['info', 'verify', 'replay']) {
        const run = await runCli([command, '--json'], { cwd });
        expect(run.code).toBe(4);
        expect(documentOf(run)).toMatchObject({ error: { code: 'NO_LEDGER' } });
      }
    });
    const run = await runCli(['token', 'list', '--json']);
    expect(run.code).toBe(2);
    expect(documentOf(run)).toMatchObject({ error: { code: 'USAGE', exitCode: 2 } });
  });
});
