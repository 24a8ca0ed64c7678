import type { Command } from 'commander';
import type { Replayed, RowComparison } from '@ledger/runtime';
import { defineCommand } from '../define-command.js';
import { ExitCode } from '../exit-code.js';
import { print, say } from '../terminal/output.js';
import { startProgress } from '../terminal/progress.js';
import { table } from '../terminal/table.js';
import { onLedger, opensDirectory, windowLength, type DirectoryOptions } from './data-directory.js';

interface ReplayOptions extends DirectoryOptions {
  readonly compare: boolean;
}

export function addReplay(program: Command): void {
  const replay = opensDirectory(
    defineCommand(program, {
      usage: 'replay',
      summary: 'rebuild every read model from the log, beside the live rows',
      examples: ['token-ledger replay', 'token-ledger replay --no-compare --json'],
      notes:
        'The new rows are compared with those before, which the log must give again; then they take over\n' +
        'in any case. Ends with 8 when rows differed. The service must not run meanwhile.',
    }),
  ).option('--no-compare', 'do not compare the new rows with those before');
  replay.action(async () => {
    const options = replay.opts<ReplayOptions>();
    const replayed = await onLedger(options, async (directory, runtime) => {
      const progress = startProgress('replaying', 'events');
      try {
        return await runtime.replayDirectory(directory, {
          windowLength: windowLength(runtime),
          compare: options.compare,
          onRebuild: ({ position, head }) => progress.update(Number(position), Number(head)),
        });
      } finally {
        progress.stop();
      }
    });
    const differing = replayed.comparisons.filter(differs);
    const value = { ...replayed, outcome: outcomeOf(replayed, options.compare) };
    print(options, value, readModelTable(replayed));
    say(judgement(replayed, options.compare));
    if (differing.length > 0) process.exitCode = ExitCode.integrity;
  });
}

function differs({ surplus, missing, changed }: RowComparison): boolean {
  return surplus + missing + changed > 0;
}

/** `same` and `different` speak of the read models that had rows to compare with. */
function outcomeOf({ comparisons }: Replayed, isWanted: boolean): string {
  if (!isWanted) return 'not-compared';
  if (comparisons.some(differs)) return 'different';
  return comparisons.length > 0 ? 'same' : 'nothing-to-compare';
}

function readModelTable({ readModels, comparisons, rebuiltAtOpening }: Replayed): string {
  const rows = readModels.map((readModel) => {
    const comparison = comparisons.find(({ name }) => name === readModel.name);
    return { ...readModel, was: wasBefore(comparison, rebuiltAtOpening.includes(readModel.name)) };
  });
  return table(rows, [
    { heading: 'READ MODEL', of: ({ name }) => name },
    { heading: 'VERSION', of: ({ version }) => version },
    { heading: 'ROWS', of: (row) => row.rows },
    { heading: 'POSITION', of: ({ position }) => position },
    { heading: 'ROWS BEFORE', of: ({ was }) => was },
  ]);
}

function wasBefore(comparison: RowComparison | undefined, hadNoRows: boolean): string {
  if (hadNoRows) return 'none to compare with';
  if (!comparison) return 'not compared';
  if (!differs(comparison)) return 'the same';
  const { surplus, missing, changed, example } = comparison;
  return `${surplus} too many, ${missing} missing, ${changed} different, such as ${example}`;
}

function judgement(replayed: Replayed, isCompareWanted: boolean): string {
  const { position, comparisons, rebuiltAtOpening } = replayed;
  const done = `Every read model was rebuilt up to position ${position}`;
  if (!isCompareWanted) return `${done}; not compared with the rows before, as --no-compare asked.`;
  if (comparisons.some(differs)) {
    return (
      `${done}. Rows before were not what the log gives, and were replaced. ` +
      'Either their file was altered, or a projection is faulty or changed without a new version.'
    );
  }
  const fresh =
    rebuiltAtOpening.length > 0 ? ` (${rebuiltAtOpening.join(', ')}: no rows before)` : '';
  if (comparisons.length === 0) return `${done}; there were no rows before to compare with.`;
  return `${done}, and the rows are the same as before${fresh}.`;
}
