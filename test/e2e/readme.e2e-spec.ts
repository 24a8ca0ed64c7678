import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  ADMIN_TOKEN,
  startServiceProcess,
  type ServiceProcess,
} from '../support/service-process.js';

/** The tour's lines, as the README has them. */
function tour(): readonly string[] {
  const readme = readFileSync('README.md', 'utf8');
  const [, block = ''] = /<!-- tour:[\s\S]*?```sh\n([\s\S]*?)```/.exec(readme) ?? [];
  return block.trim().split('\n');
}

describe("the README's tour", () => {
  let directory: string;
  let service: ServiceProcess;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'ledger-tour-'));
    service = await startServiceProcess(join(directory, 'data'));
  });
  afterAll(async () => {
    await service.stop();
    rmSync(directory, { recursive: true });
  });

  it('creates, lists, rotates, verifies and revokes in five lines', () => {
    expect(tour()).toHaveLength(5);
    const { host } = new URL(service.url);
    const script = tour().map((line) => `${line.replaceAll('localhost:8080', host)}\necho`);
    const output = execFileSync('sh', ['-c', `${script.join('\n')}\necho "$NEW"`], {
      env: { ...process.env, ADMIN: ADMIN_TOKEN },
      encoding: 'utf8',
    });
    expect(output).toMatch(/"secret":"tl_/);
    expect(output).toContain('"items":[');
    expect(output).toContain('"valid":true');
    expect(output).toContain('"revocationId"');
  });

  it("lets Socket's own command line work against the service", () => {
    const [line] = /^SOCKET_CLI.*$/m.exec(readFileSync('README.md', 'utf8')) ?? [];
    const command = line!.replace('http://localhost:8080', service.url);
    const output = execFileSync('sh', ['-c', command], {
      env: { ...process.env, ADMIN: ADMIN_TOKEN, HOME: directory, NODE_OPTIONS: '', NO_COLOR: '1' },
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    expect(output).toContain('"slug": "demo"');
  });
});
