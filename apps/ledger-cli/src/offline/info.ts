import type { Command } from 'commander';
import { defineCommand, runs } from '../define-command.js';
import { packageVersion } from '../package-version.js';
import { startProgress } from '../terminal/progress.js';
import { fields, table } from '../terminal/table.js';
import { onLedger, opensDirectory, windowLength, type DirectoryOptions } from './data-directory.js';

export function addInfo(program: Command): void {
  const info = opensDirectory(
    defineCommand(program, {
      usage: 'info',
      summary: 'which ledger this is, how far it has come, how large it is',
      examples: ['token-ledger info', 'token-ledger info --json'],
      notes:
        'Read models that are behind the log are brought up to it. The service must not run meanwhile:\n' +
        'the store has no second way in.',
    }),
  );
  runs<DirectoryOptions>(info, (options) =>
    onLedger(options, async (directory, runtime) => {
      const progress = startProgress('reading', 'events');
      try {
        const { sqliteVersion, ...facts } = await runtime.describeDirectory(directory, {
          windowLength: windowLength(runtime),
          onRebuild: ({ position, head }) => progress.update(Number(position), Number(head)),
        });
        const versions = {
          tokenLedger: packageVersion(),
          node: process.versions.node,
          sqlite: sqliteVersion,
        };
        const { readModels, files, ...rest } = facts;
        const value = { directory, ...rest, readModels, files, versions };
        const text = [
          fields(Object.entries({ directory, ...rest, ...versions })),
          table(readModels, [
            { heading: 'READ MODEL', of: ({ name }) => name },
            { heading: 'VERSION', of: ({ version }) => version },
            { heading: 'ROWS', of: ({ rows }) => rows },
            { heading: 'POSITION', of: ({ position }) => position },
          ]),
          table(Object.entries(files), [
            { heading: 'FILE', of: ([name]) => name },
            { heading: 'BYTES', of: ([, bytes]) => bytes },
          ]),
        ];
        return { value, text: text.join('\n\n') };
      } finally {
        progress.stop();
      }
    }),
  );
}
