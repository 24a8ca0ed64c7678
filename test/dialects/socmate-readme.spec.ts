import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { startTestService, type TestService } from '../support/test-service.js';

/** The tour's lines, as the README has them. */
function tour(): readonly string[] {
  const readme = readFileSync('README.md', 'utf8');
  const [, block = ''] = /<!-- SoCMate tour:[^]*?```sh\n([^]*?)```/.exec(readme) ?? [];
  return block.trim().split('\n');
}

describe("the README's SoCMate tour", () => {
  let service: TestService;

  beforeAll(async () => {
    service = await startTestService();
  });
  afterAll(() => service.close());

  it('creates, uses, rotates, lists and disables a key in five lines', async () => {
    expect(tour()).toHaveLength(5);
    const { host } = new URL(service.url);
    const script = tour().map((line) => `${line.replaceAll('localhost:8080', host)}\necho`);
    const env = { ...process.env, ADMIN: service.admin };
    const { stdout } = await promisify(execFile)('sh', ['-c', `set -e\n${script.join('\n')}`], {
      env,
    });
    const [created, used, rotated, listed, disabled] = stdout.split('\n');
    expect(created).toMatch(/"api_key":"sk_live_k_[a-z0-9]{12}_[0-9a-f]{40}"/);
    expect(used).toBe('{"items":[],"total":0}');
    expect(rotated).toContain('"previous_key_expires_at":"2026-04-03T10:00:00Z"');
    expect(listed).toContain('"status":"active"');
    expect(disabled).toBe('204');
  });
});
