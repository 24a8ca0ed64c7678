import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const CLI = resolve('node_modules', 'socket', 'bin', 'cli.js');
/** Only what hangs runs into this. */
const RUN_MS_MAX = 100_000;

export interface CliRun {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The published CLI as a user installs it, in a home of its own that holds no settings. */
export class SocketCli {
  private constructor(
    private readonly home: string,
    private readonly baseUrl: string,
  ) {}

  static async install(serviceUrl: string): Promise<SocketCli> {
    const home = await mkdtemp(join(tmpdir(), 'socket-cli-'));
    // A fresh record of the latest version keeps the CLI from asking the registry for it.
    const now = Date.now();
    const record = { timestampFetch: now, timestampNotification: now, version: '0.0.0' };
    const store = JSON.stringify([['socket', JSON.stringify(record)]]);
    await writeFile(join(home, 'ionstore_tiny-updater.json'), store);
    return new SocketCli(home, `${serviceUrl}/v0/`);
  }

  run(token: string, ...args: readonly string[]): Promise<CliRun> {
    const env = {
      PATH: process.env['PATH'],
      HOME: this.home,
      TMPDIR: this.home,
      XDG_CACHE_HOME: this.home,
      XDG_CONFIG_HOME: this.home,
      XDG_DATA_HOME: this.home,
      NO_COLOR: '1',
      SOCKET_CLI_API_BASE_URL: this.baseUrl,
      SOCKET_CLI_API_TOKEN: token,
    };
    return new Promise((done) => {
      const options = { env, cwd: this.home, timeout: RUN_MS_MAX };
      execFile(process.execPath, [CLI, ...args], options, (error, stdout, stderr) => {
        done({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr });
      }).stdin?.end();
    });
  }

  async uninstall(): Promise<void> {
    await rm(this.home, { recursive: true, force: true });
  }
}
