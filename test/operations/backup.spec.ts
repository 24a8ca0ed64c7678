import { execFile } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { call, createToken } from './operated-service.js';
import { ServiceProcess, temporaryFolder } from './service-process.js';

const folder = temporaryFolder();
afterAll(() => folder.remove());

/** The commands of the document, as an operator would copy them. */
function commands(name: string): string {
  const [, text] = new RegExp(`\`\`\`sh ${name}\n([^]*?)\`\`\``).exec(
    readFileSync('docs/operations.md', 'utf8'),
  )!;
  return `set -e\n${text}`;
}

function run(name: string, data: string, backup: string): Promise<unknown> {
  const env = { ...process.env, DATA: data, BACKUP: backup };
  return promisify(execFile)('/bin/sh', ['-c', commands(name)], { env });
}

it('a backup taken while the service is written to holds all that was acknowledged before', async () => {
  const data = join(folder.path, 'data');
  const service = await ServiceProcess.started({ LEDGER_DATA_DIR: data });
  const { admin } = service;
  const acknowledged: string[] = [];
  let isOver = false;
  const writing = (async () => {
    // The admin's quota is enough for 90 tokens.
    while (!isOver && acknowledged.length < 90) {
      acknowledged.push((await createToken(service)).token);
    }
  })();
  await service.until(() => acknowledged.length >= 10);
  const backups: { readonly path: string; readonly tokens: readonly string[] }[] = [];
  for (const path of ['backup-1', 'backup-2', 'backup-3'].map((name) => join(folder.path, name))) {
    const tokens = [...acknowledged];
    await run('backup', data, path);
    backups.push({ path, tokens });
  }
  isOver = true;
  await writing;
  expect(await service.stop()).toBe(0);

  for (const { path, tokens } of backups) {
    expect(readdirSync(path).sort()).toEqual(['ledger.db', 'ledger.head', 'ledger.key']);
    const restored = `${path}-restored`;
    await run('restore', restored, path);
    const again = await ServiceProcess.started({ LEDGER_DATA_DIR: restored });
    expect(again.events).not.toContain('files.exposed');
    for (const token of tokens) {
      const answer = await call({ url: again.url, admin }, '/v0/quota', { token });
      expect(answer.status).toBe(200);
    }
    expect((await createToken({ url: again.url, admin })).status).toBe(200);
    expect(await again.stop()).toBe(0);
  }
});
