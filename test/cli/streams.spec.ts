import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import {
  documentOf,
  outcomeOf,
  runCli,
  startCli,
  type Run,
  type RunOptions,
} from './support/run-cli.js';
import { problem, startScriptedService, type Answer } from './support/scripted-service.js';
import { inTemporaryDirectory } from './support/temporary-directory.js';

function lineOf(position: number): string {
  const actor = { kind: 'user', id: 'u1' };
  const occurredAt = '2026-01-01T00:00:00.000Z';
  return JSON.stringify({ position: String(position), type: 'TokenCreated', occurredAt, actor });
}

/** Some events, and then the end, or nothing more. */
function events(from: number, upTo: number, end: 'end' | 'stay'): Answer {
  return (response: ServerResponse) => {
    writeEvents(response, from, upTo);
    if (end === 'end') response.end();
  };
}

/** Long after the program has read what came before: an export keeps that to itself, so it cannot be awaited. */
const BREAK_AFTER_MS = 2_000;

/**
 * Some events, and then a break in the middle of the next one. It comes once the program has passed them on, where
 * that is seen: what it has received and not yet read, a client may throw away when the connection breaks.
 */
function broken(upTo: number, passedOn?: () => string): Answer {
  return (response: ServerResponse) => {
    writeEvents(response, 1, upTo);
    response.write('{"position":"');
    if (!passedOn) {
      setTimeout(() => response.destroy(), BREAK_AFTER_MS);
      return;
    }
    const timer = setInterval(() => {
      if (passedOn() !== allLines(upTo) && !response.closed) return;
      clearInterval(timer);
      response.destroy();
    }, 10);
  };
}

function writeEvents(response: ServerResponse, from: number, upTo: number): void {
  response.writeHead(200, { 'content-type': 'application/x-ndjson', 'ledger-position': '6' });
  for (let position = from; position <= upTo; position += 1)
    response.write(`${lineOf(position)}\n`);
}

/** Runs the program and takes note of what it prints while it does. */
class Shown {
  text = '';
  readonly get = (): string => this.text;

  run(args: readonly string[], options: RunOptions): Promise<Run> {
    const child = startCli(args, options);
    child.stdin.end();
    child.stdout.on('data', (chunk: Buffer) => (this.text += chunk.toString()));
    return outcomeOf(child);
  }
}

/** What is written of a file that is not complete. */
function partOf(file: string): string {
  return existsSync(`${file}.partial`) ? readFileSync(`${file}.partial`, 'utf8') : '';
}

function allLines(upTo: number): string {
  return Array.from({ length: upTo }, (_, index) => `${lineOf(index + 1)}\n`).join('');
}

async function withService<T>(
  answers: readonly Answer[],
  work: (env: NodeJS.ProcessEnv, targets: () => readonly string[]) => Promise<T>,
): Promise<T> {
  const service = await startScriptedService(...answers);
  try {
    const env = { LEDGER_URL: service.url, LEDGER_TOKEN: 'credential' };
    return await work(env, () => service.seen.map(({ target }) => target));
  } finally {
    await service.close();
  }
}

describe('events export', () => {
  it('goes on behind the last whole event after a break: none is missing, none comes twice', () => {
    return withService([broken(2), events(3, 6, 'end')], async (env, targets) => {
      const { code, stdout } = await runCli(['events', 'export'], { env });
      expect({ code, stdout }).toEqual({ code: 0, stdout: allLines(6) });
      expect(targets()).toEqual(['/v1/events?after=0', '/v1/events?after=2']);
    });
  });

  it('asks for what is left of a limit after a break', () => {
    return withService([broken(2), events(3, 5, 'end')], async (env, targets) => {
      const { stdout } = await runCli(['events', 'export', '--limit', '5'], { env });
      expect(stdout).toBe(allLines(5));
      expect(targets()).toEqual(['/v1/events?after=0&limit=5', '/v1/events?after=2&limit=3']);
    });
  });

  it('leaves no file behind when it cannot be finished', () =>
    inTemporaryDirectory((cwd) => {
      const answers = [broken(2), problem(401, 'UNAUTHENTICATED')];
      return withService(answers, async (env) => {
        const run = await runCli(['events', 'export', '--output', 'log.ndjson'], { env, cwd });
        expect(run.code).toBe(3);
        expect(readdirSync(cwd)).toEqual([]);
      });
    }));
});

describe('events follow', () => {
  it('prints what comes and takes a lost connection up again', () => {
    const shown = new Shown();
    return withService([broken(2, shown.get), events(3, 4, 'stay')], async (env, targets) => {
      const args = ['events', 'follow', '--limit', '4', '--json'];
      const { code, stdout } = await shown.run(args, { env });
      expect({ code, stdout }).toEqual({ code: 0, stdout: allLines(4) });
      expect(targets()).toEqual([
        '/v1/events?after=0&follow=true',
        '/v1/events?after=2&follow=true',
      ]);
    });
  });

  it('tells each event in a line', () =>
    withService([events(1, 1, 'stay')], async (env) => {
      const { stdout } = await runCli(['events', 'follow', '--limit', '1'], { env });
      expect(stdout).toBe('1  2026-01-01T00:00:00.000Z  TokenCreated  -  user:u1\n');
    }));

  it('gives up when every connection ends at once', () =>
    withService([events(1, 0, 'end')], async (env) => {
      const { code } = await runCli(['events', 'follow'], { env });
      expect(code).toBe(7);
    }));

  it('ends quietly when nobody reads any more', () =>
    withService([events(1, 6, 'stay')], async (env) => {
      const child = startCli(['events', 'follow', '--after', '0'], { env });
      child.stdout.once('data', () => child.stdout.destroy());
      const ended = outcomeOf(child);
      await new Promise((resolve) => child.stdout.once('close', resolve));
      // Only the next event lets the program notice; the connection's end stands in for a long wait.
      child.kill('SIGTERM');
      expect((await ended).stderr).toBe('');
    }));
});

const AUDIT = ['audit', 'export', '--org', 'acme'];

describe('audit export', () => {
  it('gives the file its name only when it is complete, for its owner alone', () =>
    withService([events(1, 3, 'end')], (env) =>
      inTemporaryDirectory(async (cwd) => {
        const run = await runCli([...AUDIT, '--output', 'audit.ndjson', '--json'], { env, cwd });
        const file = join(cwd, 'audit.ndjson');
        const text = readFileSync(file, 'utf8');
        expect(text).toBe(allLines(3));
        expect(statSync(file).mode & 0o777).toBe(0o600);
        expect(readdirSync(cwd)).toEqual(['audit.ndjson']);
        expect(documentOf(run)).toEqual({
          file: 'audit.ndjson',
          format: 'ndjson',
          events: 3,
          bytes: Buffer.byteLength(text),
        });
      }),
    ));

  it('keeps an earlier export when the new one breaks off, and says how far it came', () =>
    inTemporaryDirectory((cwd) => {
      const file = join(cwd, 'audit.ndjson');
      return withService([broken(2, () => partOf(file))], async (env) => {
        writeFileSync(file, 'earlier');
        const run = await runCli([...AUDIT, '--output', 'audit.ndjson'], { env, cwd });
        expect(run.code).toBe(7);
        expect(run.stderr).toContain('broke off after 2 lines');
        expect(readFileSync(file, 'utf8')).toBe('earlier');
        expect(existsSync(`${file}.partial`)).toBe(false);
      });
    }));

  it('leaves CSV as the service wrote it, and does not count its heading', () =>
    withService(
      [(response: ServerResponse) => response.end('position,type\r\n1,"a ""b"""\r\n')],
      (env) =>
        inTemporaryDirectory(async (cwd) => {
          const args = [...AUDIT, '--format', 'csv', '--output', 'audit.csv', '--json'];
          const run = await runCli(args, { env, cwd });
          expect(readFileSync(join(cwd, 'audit.csv'), 'utf8')).toBe(
            'position,type\r\n1,"a ""b"""\r\n',
          );
          expect(documentOf(run)).toMatchObject({ events: 1 });
        }),
    ));
});
