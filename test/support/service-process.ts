import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';

export const ADMIN_TOKEN = '5f0c1e9a-7d43-4c1b-9a56-0e5d3b8f7a21';

/** The service as a process of its own, which a test may kill. */
export interface ServiceProcess {
  readonly url: string;
  /** SIGKILL: nothing can be finished. Resolves once the process is gone. */
  kill(): Promise<void>;
  /** SIGTERM: what is under way is finished. Resolves with the exit code. */
  stop(): Promise<number | null>;
}

/** Starts the compiled service on a data directory; the first start makes the demo organization. */
export async function startServiceProcess(
  dataDirectory: string,
  environment: NodeJS.ProcessEnv = {},
): Promise<ServiceProcess> {
  const child = spawn(process.execPath, [join(process.cwd(), 'dist/apps/ledger-api/src/main.js')], {
    env: {
      ...foreignEnvironment(),
      NODE_OPTIONS: '',
      NODE_ENV: 'test',
      PORT: '0',
      LOG_LEVEL: 'error',
      LEDGER_DATA_DIR: dataDirectory,
      LEDGER_BOOTSTRAP_TOKEN: ADMIN_TOKEN,
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  return {
    url: await listening(child),
    async kill() {
      child.kill('SIGKILL');
      await exited;
    },
    stop() {
      child.kill('SIGTERM');
      return exited;
    },
  };
}

/** What this process was given, without the settings of its own tests: the service refuses those. */
function foreignEnvironment(): NodeJS.ProcessEnv {
  const given = Object.entries(process.env).filter(([name]) => !name.startsWith('LEDGER_'));
  return Object.fromEntries(given);
}

function listening(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = '';
    const read = (chunk: Buffer): void => {
      output += chunk.toString();
      // To the end of its line: it may come in pieces.
      const [, url] = /listens on (http:\S+)\s/.exec(output) ?? [];
      if (url) resolve(url);
    };
    child.stdout!.on('data', read);
    child.stderr!.on('data', read);
    child.once('exit', (code) => reject(new Error(`the service ended with ${code}:\n${output}`)));
  });
}
