import type { Command } from 'commander';
import type { DirectoryVerdict } from '@ledger/runtime';
import { defineCommand } from '../define-command.js';
import { ExitCode } from '../exit-code.js';
import { print } from '../terminal/output.js';
import { startProgress } from '../terminal/progress.js';
import { fields } from '../terminal/table.js';
import { onLedger, opensDirectory, type DirectoryOptions } from './data-directory.js';

type Broken = Extract<DirectoryVerdict, { readonly outcome: 'broken' }>;

export function addVerify(program: Command): void {
  const verify = opensDirectory(
    defineCommand(program, {
      usage: 'verify',
      summary: 'check the whole hash chain of the log, and the files of the store',
      examples: ['token-ledger verify', 'token-ledger verify --data-dir ./data --json'],
      notes:
        'Ends with 8 when anything is not as it was written, naming the first bad position. Nothing is\n' +
        'repaired. The service must not run meanwhile: the store has no second way in.',
    }),
  );
  verify.action(async () => {
    const options = verify.opts<DirectoryOptions>();
    const verdict = await onLedger(options, async (directory, runtime) => {
      const progress = startProgress('verifying', 'events');
      try {
        return await runtime.verifyDirectory(directory, (events, of) =>
          progress.update(events, of),
        );
      } finally {
        progress.stop();
      }
    });
    if (verdict.outcome === 'intact') {
      const { events, ledgerId } = verdict;
      print(
        options,
        verdict,
        `intact: ${events} events, each as it was written (ledger ${ledgerId})`,
      );
      return;
    }
    const meaning = meaningOf(verdict);
    const { position, reason } = verdict;
    const text = fields([
      ['first bad position', position],
      ['reason', reason],
      ['meaning', meaning],
    ]);
    print(options, { ...verdict, meaning }, `broken\n${text}`);
    process.exitCode = ExitCode.integrity;
  });
}

function meaningOf({ position, foundBy }: Broken): string {
  const advice =
    'Do not let the service write on. Keep the files as they are for the inquiry, put the latest backup ' +
    'into another directory, and verify it there.';
  if (position === null) {
    return `The files do not make a whole ledger, so nothing can be said of its events. ${advice}`;
  }
  const before =
    foundBy === 'chain'
      ? `The ${position - 1n} events before it are as they were written.`
      : 'It was found while opening, which looks at the newest events only: there may be earlier ones.';
  return `Event ${position} and all that follow are not vouched for. ${before} ${advice}`;
}
