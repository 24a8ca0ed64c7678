import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { LedgerConfig, SETTING_NAMES } from '@ledger/runtime';
import { CHECKS } from '../../apps/ledger-api/src/operations/health.js';
import { LOG_LINES } from '../../apps/ledger-api/src/operations/log-lines.js';
import { startOperatedService } from './operated-service.js';
import { ServiceProcess, temporaryFolder } from './service-process.js';

const TEXT = readFileSync('docs/operations.md', 'utf8');

/** The rows of the table under a heading: the name in the first column, and the other columns. */
function table(heading: string): readonly { readonly name: string; readonly cells: string[] }[] {
  const [, section = ''] = new RegExp(`\n## ${heading}\n([^]*?)(?=\n## |$)`).exec(TEXT) ?? [];
  const rows = section.split('\n').filter((line) => line.startsWith('| `'));
  return rows.map((line) => {
    const [name = '', ...cells] = line.split('|').slice(1, -1);
    return { name: name.trim().replaceAll('`', ''), cells: cells.map((cell) => cell.trim()) };
  });
}

const names = (heading: string): readonly string[] => {
  return table(heading)
    .map(({ name }) => name)
    .sort();
};

describe('docs/operations.md', () => {
  it('lists every setting with its default, and no other', () => {
    const config = new LedgerConfig() as unknown as Readonly<Record<string, unknown>>;
    expect(names('Configuration')).toEqual([...SETTING_NAMES].sort());
    for (const { name, cells } of table('Configuration')) {
      const value = config[name];
      expect(`${name} ${cells[0]}`).toBe(value === undefined ? `${name} ` : `${name} \`${value}\``);
    }
  });

  it('explains every metric, and no other', async () => {
    const service = await startOperatedService({ withProcess: true });
    const registered = service.operations.metrics.getMetricsAsArray().map(({ name }) => name);
    await service.close();
    const own = registered.filter((name) => !/^(process|nodejs)_/.test(name));
    expect(names('Metrics')).toEqual(own.sort());
    expect(registered).toContain('nodejs_eventloop_lag_p99_seconds');
  });

  it('explains every log line with its level, and no other (L3)', () => {
    const lines = Object.entries(LOG_LINES).map(([name, { level }]) => `${name} ${level}`);
    const listed = table('Log').map(({ name, cells }) => `${name} ${cells[0]}`);
    expect([...listed].sort()).toEqual([...lines, 'component any'].sort());
  });

  it('says what to do about every check of health, and no other', () => {
    expect(names('When health is red')).toEqual(Object.keys(CHECKS).sort());
  });

  it('knows every file of the data directory, and no other', async () => {
    const folder = temporaryFolder();
    const directory = join(folder.path, 'data');
    const service = await ServiceProcess.started({ LEDGER_DATA_DIR: directory });
    const found = readdirSync(directory).filter((name) => !/-(wal|shm|journal)$/.test(name));
    await service.stop();
    folder.remove();
    expect(names('The data directory')).toEqual(found.sort());
  });
});
