import type { Command } from 'commander';
import type { Obstacle, openDirectoryLog } from '@ledger/runtime';
import { defineCommand, runs, type Result } from '../define-command.js';
import { CliFault, ExitCode, usageFault } from '../exit-code.js';
import { startProgress } from '../terminal/progress.js';
import { fields } from '../terminal/table.js';
import { onLedger, opensDirectory, type DirectoryOptions } from './data-directory.js';
import { isShared, openLog, type Runtime } from './shared-ledger.js';

interface SkipOptions extends DirectoryOptions {
  readonly reason?: string;
  readonly by?: string;
}

type Log = Awaited<ReturnType<typeof openDirectoryLog>>;

const REASON_MAX = 1_000;

export function addSkipEvent(program: Command): void {
  const skip = opensDirectory(
    defineCommand(program, {
      usage: 'skip-event [position]',
      summary: 'find the event that the ledger stops at; decide to go on without it',
      examples: ['token-ledger skip-event', 'token-ledger skip-event --json'],
      notes:
        'Without a position it only looks, which takes as long as `replay`. With the position that was\n' +
        'found, --reason and --by, the decision is appended to the log; it takes effect where a process is\n' +
        'started after it. The credentials of the token or person whose event it is are refused from then\n' +
        'on, for good: update to a release that can apply the event instead, wherever there is one.\n' +
        'An embedded ledger must not be served meanwhile; nodes on EventStoreDB may run.',
    }),
  )
    .option('--reason <text>', 'why the ledger is to go on without the event')
    .option('--by <name>', 'who decides');
  runs<SkipOptions>(skip, (options, [position]) =>
    onLog(options, async (runtime, log) => {
      const decision = decisionOf(position, options);
      const obstacle = await find(runtime, log);
      if (!decision) return found(obstacle);
      const { position: asked, ...why } = decision;
      if (obstacle?.position !== asked) throw notThere(asked, obstacle);
      await runtime.skipEvent(log, obstacle, why);
      return skipped(obstacle);
    }),
  );
}

async function onLog(
  options: SkipOptions,
  work: (runtime: Runtime, log: Log) => Promise<Result>,
): Promise<Result> {
  if (!isShared()) {
    return onLedger(options, async (directory, runtime) =>
      closing(await runtime.openDirectoryLog(directory), (log) => work(runtime, log)),
    );
  }
  const runtime = await import('./runtime.js');
  return closing(await openLog(runtime), (log) => work(runtime, log));
}

async function closing<Found>(log: Log, work: (log: Log) => Promise<Found>): Promise<Found> {
  try {
    return await work(log);
  } finally {
    await log.close();
  }
}

async function find(runtime: Runtime, log: Log): Promise<Obstacle | undefined> {
  const progress = startProgress('trying', 'events');
  try {
    return await runtime.findObstacle(log, ({ position, head }) =>
      progress.update(Number(position), Number(head)),
    );
  } finally {
    progress.stop();
  }
}

/** Undefined for a command that only looks. @throws CliFault */
function decisionOf(
  position: string | undefined,
  { reason, by }: SkipOptions,
): { position: bigint; reason: string; by: string } | undefined {
  if (position === undefined) {
    if (reason === undefined && by === undefined) return undefined;
    throw usageFault('say the position of the event: `token-ledger skip-event` finds it');
  }
  if (!/^[1-9]\d{0,18}$/.test(position)) throw usageFault(`${position} is no position of a log`);
  if (!reason?.trim() || !by?.trim()) {
    throw usageFault('going on without an event is recorded: --reason and --by must say something');
  }
  if (reason.length > REASON_MAX || by.length > REASON_MAX) {
    throw usageFault(`--reason and --by are at most ${REASON_MAX} characters long`);
  }
  return { position: BigInt(position), reason, by };
}

function found(obstacle: Obstacle | undefined): Result {
  if (!obstacle) return { value: { obstacle: null }, text: 'Every event can be applied.' };
  const text =
    `The ledger stops at event ${obstacle.position}:\n${about(obstacle)}\n\nIf no release can apply it, and ` +
    `the ledger is to go on without it:\n  token-ledger skip-event ${obstacle.position} --reason <text> --by <name>`;
  return { value: { obstacle }, text };
}

function skipped(obstacle: Obstacle): Result {
  const text =
    `The ledger goes on without event ${obstacle.position}, where it is started from now on:\n` +
    `${about(obstacle)}\n\nLook for the next one with \`token-ledger skip-event\`, then restart every process.`;
  return { value: { skipped: obstacle }, text };
}

function about({ streamId, revision, problem }: Obstacle): string {
  return fields([
    ['stream', `${streamId}, revision ${revision}`],
    ['problem', problem],
    ['refused from then on', consequence(streamId)],
  ]);
}

function consequence(streamId: string): string {
  if (streamId.startsWith('token-')) return 'every secret of this token';
  if (streamId.startsWith('user-')) return 'every personal token of this person';
  if (streamId.startsWith('org-')) return 'every member of this organization, until added anew';
  return 'nothing';
}

function notThere(asked: bigint, obstacle: Obstacle | undefined): CliFault {
  const where = obstacle ? `it stops at ${obstacle.position}` : 'every event can be applied';
  const message = `the ledger does not stop at event ${asked}: ${where}. Nothing was written.`;
  return new CliFault(ExitCode.conflict, message, { code: 'NO_OBSTACLE' });
}
