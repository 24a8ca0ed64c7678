import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startTestService } from '../support/test-service.js';

const LINTER = join(process.cwd(), 'node_modules/@redocly/cli/bin/cli.js');

describe('the OpenAPI document', () => {
  it('passes the recommended rules of a published linter', async () => {
    const service = await startTestService();
    const directory = mkdtempSync(join(tmpdir(), 'openapi-'));
    const file = join(directory, 'openapi.json');
    writeFileSync(file, await (await fetch(`${service.url}/openapi.json`)).text());
    await service.close();
    const { status, stderr } = spawnSync(
      process.execPath,
      [LINTER, 'lint', file, '--extends=recommended'],
      {
        encoding: 'utf8',
        cwd: directory,
        env: { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' },
      },
    );
    rmSync(directory, { recursive: true });
    expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' });
  });
});
