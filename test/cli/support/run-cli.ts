import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { join } from 'node:path';

export const CLI = join(process.cwd(), 'dist/apps/ledger-cli/src/main.js');

export interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  readonly stdin?: string;
}

/** Nothing of the caller's environment that the program reads reaches it, save what a test gives. */
export function cleanEnvironment(env: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('LEDGER_'));
  return { ...Object.fromEntries(inherited), NODE_OPTIONS: '', ...env };
}

export function startCli(
  args: readonly string[],
  { env, cwd }: RunOptions = {},
): ChildProcessWithoutNullStreams {
  const options = { env: cleanEnvironment(env), ...(cwd ? { cwd } : {}) };
  return spawn(process.execPath, [CLI, ...args], options);
}

/** Runs the compiled program to its end. */
export function runCli(args: readonly string[], options: RunOptions = {}): Promise<Run> {
  const child = startCli(args, options);
  child.stdin.end(options.stdin ?? '');
  return outcomeOf(child);
}

export function outcomeOf(child: ChildProcessWithoutNullStreams): Promise<Run> {
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
}

/** The one document that `--json` prints. Fails when there is more, or none. */
export function documentOf({ stdout, stderr }: Run): Record<string, unknown> {
  try {
    return JSON.parse(stdout) as Record<string, unknown>;
  } catch (cause) {
    throw new Error(`not one JSON document:\n${stdout}\n${stderr}`, { cause });
  }
}
