import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { nodeLoad } from './node-load.js';
import type { Round } from './rounds.js';

/** One call that is sent over and over: a POST, or a GET where it has no body. */
export interface HttpCall {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: object;
}

/** Sends calls over keep-alive connections, each waiting for its answer before the next. */
export interface Load {
  /** @throws Error When an answer was no 200. */
  run(port: number, connections: number, ms: number): Promise<Round>;
  close(): void;
}

/** wrk where it is installed, since a generator in Node.js costs as much as the server it measures. */
export const GENERATOR = hasWrk() ? 'wrk' : 'one Node.js process';

export function loadOf(calls: readonly HttpCall[]): Load {
  return GENERATOR === 'wrk' ? wrkLoad(calls) : nodeLoad(calls);
}

function wrkLoad(calls: readonly HttpCall[]): Load {
  const script = join(mkdtempSync(join(tmpdir(), 'ledger-wrk-')), 'calls.lua');
  writeFileSync(script, luaOf(calls));
  return {
    async run(port, connections, ms) {
      const seconds = Math.max(1, Math.round(ms / 1000));
      const options = ['-t1', `-c${connections}`, `-d${seconds}s`, '--latency', '-s', script];
      const url = `http://127.0.0.1:${port}`;
      const { stdout } = await promisify(execFile)('wrk', [...options, url]);
      const [, answers, us, p99, failures] = /^done (\d+) (\d+) (\d+) (\d+)$/m.exec(stdout)!;
      if (Number(failures) > 0) throw new Error(`${failures} answers were no 200`);
      const calls = Number(answers);
      return { calls, perSecond: calls / (Number(us) / 1e6), p99Ms: Number(p99) / 1000 };
    },
    close: () => rmSync(dirname(script), { recursive: true, force: true }),
  };
}

function luaOf(calls: readonly HttpCall[]): string {
  const formatted = calls.map(({ path, headers, body }) => {
    const all = body ? { 'content-type': 'application/json', ...headers } : headers;
    const fields = Object.entries(all).map(([name, value]) => `["${name}"]=[==[${value}]==]`);
    const sent = body ? `, [==[${JSON.stringify(body)}]==]` : '';
    const method = body ? 'POST' : 'GET';
    return `wrk.format("${method}", "${path}", {${fields.join(',')}}${sent})`;
  });
  return `
local calls, at = {}, 0
init = function() calls = {
${formatted.join(',\n')}
} end
request = function() at = at % #calls + 1; return calls[at] end
done = function(summary, latency)
  local e = summary.errors
  local failures = e.connect + e.read + e.write + e.status + e.timeout
  print(string.format("done %d %d %d %d", summary.requests, summary.duration, latency:percentile(99), failures))
end
`;
}

function hasWrk(): boolean {
  try {
    execFileSync('wrk', ['-v'], { stdio: 'pipe' });
    return true;
  } catch (error) {
    // It says its version and ends with 1, so only its absence tells.
    return (error as NodeJS.ErrnoException).code !== 'ENOENT';
  }
}
