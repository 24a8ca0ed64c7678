import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../support/free-ports.js';

const SHIPPED = join(process.cwd(), 'apps/ledger-gateway/proxies/nginx.conf');

/** Why there is no nginx to test with; undefined when there is one. */
export function missingNginx(): string | undefined {
  const { error, stderr } = spawnSync('nginx', ['-V'], { encoding: 'utf8' });
  if (error) return 'nginx is not installed (apt-get install nginx-light)';
  const hasModule = stderr.includes('auth_request');
  return hasModule ? undefined : 'this nginx was built without auth_request';
}

/** nginx with the configuration that ships, only with other ports. */
export class Nginx {
  private constructor(
    readonly url: string,
    private readonly child: ChildProcess,
    private readonly directory: string,
  ) {}

  static async start(gatewayUrl: string, serviceUrl: string): Promise<Nginx> {
    const directory = mkdtempSync(join(tmpdir(), 'ledger-nginx-'));
    const port = await freePort();
    const shipped = readFileSync(SHIPPED, 'utf8')
      .replace('127.0.0.1:8090', new URL(gatewayUrl).host)
      .replace('127.0.0.1:3000', new URL(serviceUrl).host)
      .replace('listen 8000', `listen 127.0.0.1:${port}`);
    writeFileSync(join(directory, 'server.conf'), shipped);
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
      (kind) => `${kind}_temp_path ${join(directory, kind)};`,
    );
    const main = [
      `daemon off; worker_processes 1; pid ${join(directory, 'nginx.pid')};`,
      `error_log ${join(directory, 'error.log')} notice;`,
      'events { worker_connections 256; }',
      `http { access_log off; ${temporary.join(' ')} include ${join(directory, 'server.conf')}; }`,
    ];
    const file = join(directory, 'nginx.conf');
    writeFileSync(file, main.join('\n'));
    const child = spawn('nginx', ['-p', directory, '-c', file], { stdio: 'ignore' });
    const nginx = new Nginx(`http://127.0.0.1:${port}`, child, directory);
    await nginx.#ready();
    return nginx;
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.child.once('exit', resolve));
    if (this.child.exitCode === null && this.child.signalCode === null) {
      this.child.kill('SIGTERM');
      await ended;
    }
    rmSync(this.directory, { recursive: true, force: true });
  }

  async #ready(): Promise<void> {
    for (;;) {
      try {
        await fetch(`${this.url}/status`);
        return;
      } catch (error) {
        if (this.child.exitCode !== null) {
          const log = readFileSync(join(this.directory, 'error.log'), 'utf8');
          throw new Error(`nginx does not start:\n${log}`, { cause: error });
        }
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  }
}
