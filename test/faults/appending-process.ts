import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SqliteEventStore } from '@ledger/event-store';
import { sampleCipher } from '@ledger/event-store/testing';

const PROGRAM = fileURLToPath(new URL('./append-until-told.js', import.meta.url));
/** The disk that fails is a simulated one, so that nothing has to wait for a real one. */
const FILES_IN = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

/** One line of what the program said: which step of which writer, and what became of it. */
export interface Told {
  readonly said: string;
  readonly writer: number;
  readonly step: number;
}

export interface Ended {
  readonly code: number | null;
  readonly told: readonly Told[];
  readonly errors: string;
}

/** An empty ledger, of which each test takes a copy of its own. */
export class LedgerTemplate {
  private constructor(readonly root: string) {}

  static async make(): Promise<LedgerTemplate> {
    const root = mkdtempSync(join(FILES_IN, 'ledger-faults-'));
    const directory = join(root, 'template');
    const store = await SqliteEventStore.create({ directory, cipher: sampleCipher() });
    await store.close();
    return new LedgerTemplate(root);
  }

  copy(name: string): string {
    const directory = join(this.root, name);
    cpSync(join(this.root, 'template'), directory, { recursive: true });
    return directory;
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

export function openCopy(directory: string): Promise<SqliteEventStore> {
  return SqliteEventStore.open({ directory, cipher: sampleCipher() });
}

/** Runs the appending program to its end. */
export function runAppending(
  directory: string,
  steps: number,
  environment: NodeJS.ProcessEnv,
  options: readonly string[] = [],
): Promise<Ended> {
  const child = spawn(process.execPath, [...options, PROGRAM, directory, String(steps)], {
    env: { ...process.env, NODE_OPTIONS: '', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let errors = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  return new Promise((resolve) => {
    child.once('close', (code) => resolve({ code, told: parseTold(output), errors }));
  });
}

export function parseTold(output: string): readonly Told[] {
  return output
    .split('\n')
    .slice(0, -1)
    .map((line) => {
      const [said = '', writer, step] = line.split(' ');
      return { said, writer: Number(writer), step: Number(step) };
    });
}
