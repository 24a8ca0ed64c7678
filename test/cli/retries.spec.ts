import { documentOf, runCli, type Run } from './support/run-cli.js';
import { problem, startScriptedService, type Answer } from './support/scripted-service.js';

const CREATED: Answer = {
  status: 201,
  body: { token: { id: 't1', name: 'ci' }, secret: 'tl_secret' },
};
const CREATE = ['token', 'create', '--org', 'acme', '--name', 'ci', '--json'];

function notReady(retryAfter: string): Answer {
  return { ...(problem(503, 'CONTENTION') as object), headers: headers(retryAfter) };
}

function headers(retryAfter: string): Record<string, string> {
  return { 'content-type': 'application/problem+json', 'retry-after': retryAfter };
}

async function against(
  answers: readonly Answer[],
  args: readonly string[] = CREATE,
): Promise<{ run: Run; keys: readonly (string | string[] | undefined)[] }> {
  const service = await startScriptedService(...answers);
  try {
    const env = { LEDGER_URL: service.url, LEDGER_TOKEN: 'credential' };
    const run = await runCli(args, { env });
    return { run, keys: service.seen.map(({ headers: sent }) => sent['idempotency-key']) };
  } finally {
    await service.close();
  }
}

describe('A write whose outcome is unknown', () => {
  it('is repeated under the same key, so that no second secret is made', async () => {
    const { run, keys } = await against(['drop', notReady('0'), CREATED]);
    expect(run.code).toBe(0);
    expect(documentOf(run)).toMatchObject({ secret: 'tl_secret' });
    expect(keys).toHaveLength(3);
    expect(new Set(keys).size).toBe(1);
  });

  it('is repeated when the answer breaks off in the middle', async () => {
    const half: Answer = (response) => {
      response.writeHead(201, { 'content-type': 'application/json', 'content-length': '500' });
      response.write('{"secret":', () => response.destroy());
    };
    const { run, keys } = await against([half, CREATED]);
    expect(run.code).toBe(0);
    expect(new Set(keys).size).toBe(1);
    expect(keys).toHaveLength(2);
  });

  it('waits while the service is still at the first attempt', async () => {
    const answers = ['drop', problem(409, 'IDEMPOTENCY_IN_PROGRESS'), CREATED] as const;
    const { run, keys } = await against(answers);
    expect(run.code).toBe(0);
    expect(keys).toHaveLength(3);
  });

  it('is given up after three repeats', async () => {
    const { run, keys } = await against(['drop']);
    expect(run.code).toBe(7);
    expect(documentOf(run)).toMatchObject({ error: { code: 'UNREACHABLE', exitCode: 7 } });
    expect(keys).toHaveLength(4);
    expect(new Set(keys).size).toBe(1);
  });

  it('carries the key that was chosen, so that a person can repeat it too', async () => {
    const { keys } = await against([CREATED], [...CREATE, '--idempotency-key', 'mine']);
    expect(keys).toEqual(['mine']);
  });

  it('has another key in every invocation', async () => {
    const [first, second] = [await against([CREATED]), await against([CREATED])];
    expect(first.keys).not.toEqual(second.keys);
  });
});

describe('A refusal', () => {
  it('is not repeated when it is final', async () => {
    const { run, keys } = await against([problem(409, 'IDEMPOTENCY_KEY_REUSED')]);
    expect(run.code).toBe(5);
    expect(keys).toHaveLength(1);
  });

  it('is not repeated when the service gives no time to come back', async () => {
    const { run, keys } = await against([problem(503, 'STORE_UNAVAILABLE')]);
    expect(run.code).toBe(7);
    expect(keys).toHaveLength(1);
  });

  it('is not waited for when the service asks for more patience than a few seconds', async () => {
    const { run, keys } = await against([notReady('3600')]);
    expect(run.code).toBe(7);
    expect(run.stderr).toContain('3600 seconds');
    expect(keys).toHaveLength(1);
  });

  it('by redirect is not followed, since the credential was meant for the first address', async () => {
    const { run, keys } = await against([
      { status: 307, headers: { location: 'http://127.0.0.1:1/elsewhere' } },
    ]);
    expect(run.code).toBe(1);
    expect(keys).toHaveLength(1);
  });
});
