import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const ROOT = process.cwd();
const CRUISER = join(ROOT, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');

/** Runs the cruiser over a tree and gives the names of the rules that are broken. */
function brokenRules(tree: string): readonly string[] {
  const options = ['--config', '.dependency-cruiser.cjs', '--output-type', 'json', 'apps', 'libs'];
  let output: string;
  try {
    output = execFileSync(process.execPath, [CRUISER, ...options], {
      cwd: tree,
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
    });
  } catch (error) {
    output = (error as { stdout: string }).stdout;
  }
  const { summary } = JSON.parse(output) as {
    summary: { violations: { rule: { name: string } }[] };
  };
  return summary.violations.map(({ rule }) => rule.name);
}

describe('the arrows between folders', () => {
  it('hold in this tree', () => {
    expect(brokenRules(ROOT)).toEqual([]);
  });

  describe('are noticed when broken', () => {
    let tree: string;

    beforeAll(() => {
      tree = mkdtempSync(join(tmpdir(), 'arrows-'));
      for (const file of ['.dependency-cruiser.cjs', 'tsconfig.json', 'package.json']) {
        cpSync(join(ROOT, file), join(tree, file));
      }
      symlinkSync(join(ROOT, 'node_modules'), join(tree, 'node_modules'));
      const write = (file: string, text: string): void => {
        mkdirSync(dirname(join(tree, file)), { recursive: true });
        writeFileSync(join(tree, file), text);
      };
      write(
        'libs/domain/src/index.ts',
        "import { a } from '@ledger/commands';\nexport const d = a;\n",
      );
      write(
        'libs/domain/src/io.ts',
        "import { readFileSync } from 'node:fs';\nexport { readFileSync };\n",
      );
      write('libs/commands/src/index.ts', "export * from './inner.js';\n");
      write('libs/commands/src/inner.ts', 'export const a = 1;\n');
      write(
        'libs/commands/src/sql.ts',
        "import Database from 'better-sqlite3';\nexport { Database };\n",
      );
      write(
        'libs/read-models/src/index.ts',
        "import { a } from '../../commands/src/inner.js';\nexport const r = a;\n",
      );
      write('apps/ledger-api/src/main.ts', 'export const main = 1;\n');
    });

    afterAll(() => rmSync(tree, { recursive: true, force: true }));

    it.each([
      'arrows-of-libs-domain',
      'arrows-of-libs-read-models',
      'two-doors-a-lib',
      'pure-domain',
      'better-sqlite3-is-confined',
    ])('%s', (rule) => {
      expect(brokenRules(tree)).toContain(rule);
    });
  });
});
