import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Service {
  readonly port: number;
  readonly url: string;
  readonly admin: string;
  /** What the process holds in memory, in bytes. */
  memory(): number;
  stop(): Promise<void>;
}

export const ADMIN = '5f0c1e9a-7d43-4c1b-9a56-0e5d3b8f7a21';
const ROOT = fileURLToPath(new URL('../', import.meta.url));

/** The baseline server in a process of its own. */
export function startBareFastify(): Promise<Service> {
  return start('bench/peers/bare-fastify.js', {}, undefined);
}

/** The service on a data directory that was made before, and stays. */
export function startLedgerOn(directory: string): Promise<Service> {
  const settings = { PORT: '0', LOG_LEVEL: 'error', LEDGER_DATA_DIR: directory };
  return start('apps/ledger-api/src/main.js', settings, undefined);
}

/** The service on an embedded store of its own, in a process of its own. */
export function startLedger(environment: NodeJS.ProcessEnv = {}): Promise<Service> {
  const directory = mkdtempSync(join(tmpdir(), 'ledger-bench-'));
  const settings = {
    PORT: '0',
    LOG_LEVEL: 'error',
    LEDGER_DATA_DIR: join(directory, 'data'),
    LEDGER_BOOTSTRAP_TOKEN: ADMIN,
    ...environment,
  };
  return start('apps/ledger-api/src/main.js', settings, directory);
}

/** A gateway in front of that ledger, in a process of its own. */
export async function startGateway(
  ledger: Service,
  routes: object,
  environment: NodeJS.ProcessEnv = {},
): Promise<Service> {
  const directory = mkdtempSync(join(tmpdir(), 'ledger-gateway-bench-'));
  const file = join(directory, 'routes.json');
  writeFileSync(file, JSON.stringify(routes));
  const settings = {
    PORT: '0',
    LOG_LEVEL: 'error',
    GATEWAY_ID: 'bench',
    GATEWAY_LEDGER_URL: ledger.url,
    GATEWAY_LEDGER_TOKEN: ledger.admin,
    GATEWAY_ROUTES_FILE: file,
    ...environment,
  };
  return start('apps/ledger-gateway/src/main.js', settings, directory);
}

const running = new Set<ChildProcess>();

// A benchmark that breaks leaves no server behind.
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

async function start(
  main: string,
  environment: NodeJS.ProcessEnv,
  directory: string | undefined,
): Promise<Service> {
  const child = spawn(process.execPath, [join(ROOT, main)], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  running.add(child);
  child.once('exit', () => running.delete(child));
  const url = await listening(child);
  return {
    url,
    port: Number(new URL(url).port),
    admin: ADMIN,
    memory() {
      const [, kib] =
        /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8')) ?? [];
      return Number(kib) * 1024;
    },
    async stop() {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await ended;
      if (directory) rmSync(directory, { recursive: true, force: true });
    },
  };
}

function listening(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = '';
    child.stdout!.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      const [, url] = /listens on (http:\S+)/.exec(output) ?? [];
      if (url) resolve(url);
    });
    child.once('exit', (code) => reject(new Error(`the server ended with ${code}:\n${output}`)));
  });
}
