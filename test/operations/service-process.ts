import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export { freePort } from '../support/free-ports.js';

const MAIN = fileURLToPath(new URL('../../apps/ledger-api/src/main.js', import.meta.url));
/** Only what hangs runs into this, before the test itself does, which could not say what was printed. */
const WAIT_MS_MAX = 240_000;

/** The service as it ships, in a process of its own. */
export class ServiceProcess {
  static readonly #running = new Set<ServiceProcess>();
  stdout = '';
  stderr = '';
  readonly #ended: Promise<number | string>;

  private constructor(readonly child: ChildProcess) {
    child.stdout!.on('data', (chunk: Buffer) => (this.stdout += chunk.toString()));
    child.stderr!.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()));
    this.#ended = once(child, 'close').then(
      ([code, signal]) => (code ?? signal) as number | string,
    );
    ServiceProcess.#running.add(this);
    void this.#ended.then(() => ServiceProcess.#running.delete(this));
  }

  /** For the end of a test file: a test that failed may have left some. */
  static async killAll(): Promise<void> {
    await Promise.all([...ServiceProcess.#running].map((each) => each.stop('SIGKILL')));
  }

  /** @param shell Shell words to be run before it, in the same process. */
  static run(environment: NodeJS.ProcessEnv, shell?: string): ServiceProcess {
    const env = { PATH: process.env['PATH'], PORT: '0', ...environment };
    const child = shell
      ? spawn('/bin/sh', ['-c', `${shell}; exec "$0" "$@"`, process.execPath, MAIN], { env })
      : spawn(process.execPath, [MAIN], { env });
    return new ServiceProcess(child);
  }

  static async started(environment: NodeJS.ProcessEnv, shell?: string): Promise<ServiceProcess> {
    const service = ServiceProcess.run(environment, shell);
    await service.until(() => service.stdout.includes('service.started'));
    return service;
  }

  get url(): string {
    return /listens on (\S+)/.exec(this.stdout)![1]!;
  }

  /** Shown on the first start only. */
  get admin(): string {
    return /shown this once: (\S+)/.exec(this.stdout)![1]!;
  }

  /** The JSON lines among what it printed. */
  get lines(): readonly Record<string, unknown>[] {
    return this.stdout
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  get events(): readonly unknown[] {
    return this.lines.map(({ event }) => event);
  }

  async until(isSo: () => boolean): Promise<void> {
    const deadline = performance.now() + WAIT_MS_MAX;
    while (!isSo()) {
      const isOver = this.child.exitCode !== null || performance.now() > deadline;
      if (isOver) throw new Error(`in vain:\n${this.stdout}\n${this.stderr}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** Resolves with the exit code, or the signal that ended it. */
  ended(): Promise<number | string> {
    return this.#ended;
  }

  stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | string> {
    this.child.kill(signal);
    return this.#ended;
  }
}

/** A folder for the data directories of one test file. */
export function temporaryFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'ledger-operations-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}
