import { execFile, execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Peer } from './rounds.js';

const DEBIAN = '/usr/lib/postgresql';
/** The server refuses to run as root, so then it runs as nobody. */
const NOBODY = 65_534;
const CONNECTIONS = 16;
const SCRIPT = `UPDATE quota SET remaining = remaining - 1 WHERE id = 1 AND remaining >= 1 RETURNING remaining;`;

/** Where PostgreSQL's programs are, or undefined where they are not. */
export function postgresPrograms(): string | undefined {
  const given = process.env['LEDGER_BENCH_POSTGRES_BIN'];
  if (given !== undefined) return given;
  if (!existsSync(DEBIAN)) return undefined;
  const newest = readdirSync(DEBIAN)
    .sort((a, b) => Number(a) - Number(b))
    .at(-1);
  return newest === undefined ? undefined : join(DEBIAN, newest, 'bin');
}

/**
 * A server of its own with its defaults, on which pgbench charges one row by UPDATE .. RETURNING, over 16
 * connections on a Unix socket: more of them make a hot row slower.
 */
export async function startPostgres(
  programs: string,
  environment: NodeJS.ProcessEnv,
): Promise<Peer> {
  const directory = mkdtempSync(join(tmpdir(), 'ledger-postgres-'));
  const user = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
  if (user.uid !== undefined) chownSync(directory, NOBODY, NOBODY);
  chmodSync(directory, 0o755);
  const data = join(directory, 'data');
  const options = { ...user, cwd: directory, stdio: 'pipe' } as const;
  const program = (name: string): string => join(programs, name);
  execFileSync(program('initdb'), ['-D', data, '-U', 'bench', '-A', 'trust'], options);
  const server = spawn(program('postgres'), ['-D', data, '-k', directory, '-h', ''], {
    ...options,
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, ...environment },
  });
  const ended = new Promise((resolve) => server.once('exit', resolve));
  await new Promise<void>((resolve, reject) => {
    server.stderr.on('data', (text: Buffer) => {
      if (text.includes('ready to accept connections')) resolve();
    });
    server.once('exit', (code) => reject(new Error(`postgres ended with ${code}`)));
  });
  const at = ['-h', directory, '-U', 'bench'];
  const table = 'CREATE TABLE quota (id int PRIMARY KEY, remaining bigint NOT NULL)';
  const row = 'INSERT INTO quota VALUES (1, 1000000000000)';
  execFileSync(program('psql'), [...at, '-c', table, '-c', row, 'postgres'], options);
  const script = join(directory, 'charge.sql');
  writeFileSync(script, SCRIPT);
  return {
    async round(ms) {
      const seconds = String(Math.max(1, Math.round(ms / 1000)));
      const how = ['-n', '-M', 'prepared', '-c', String(CONNECTIONS), '-j', '1', '-T', seconds];
      const { stdout } = await promisify(execFile)(
        program('pgbench'),
        [...at, ...how, '-f', script, 'postgres'],
        options,
      );
      const [, tps] = /^tps = ([\d.]+)/m.exec(stdout) ?? [];
      const [, calls] = /actually processed: (\d+)/.exec(stdout) ?? [];
      return { calls: Number(calls), perSecond: Number(tps), p99Ms: Number.NaN };
    },
    async close() {
      server.kill('SIGINT');
      await ended;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
