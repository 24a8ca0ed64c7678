import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const SOURCE = join(process.cwd(), 'test/faults/failing-disk.c');

export const EIO = 5;
export const ENOSPC = 28;

/** How the disk of one process fails. See failing-disk.c. */
export interface DiskFailure {
  /** Part of the paths that it concerns; with a `$` behind it, their end. */
  readonly files: string;
  readonly call?: 'write' | 'flush';
  /** The files that fail, where these are fewer. */
  readonly failing?: string;
  /** The first call that fails, from 1. */
  readonly at?: number;
  /** How many fail; absent for all that follow. */
  readonly count?: number;
  readonly errno?: number;
  /** Calls are counted only while this file exists. */
  readonly switchFile?: string;
  readonly recordFile?: string;
}

/** The compiled shim, or why there is none here. */
export type FailingDisk =
  | { readonly library: string; readonly missing?: undefined }
  | { readonly library?: undefined; readonly missing: string };

/** Compiles the shim, where this machine can. */
export function compileFailingDisk(): FailingDisk {
  if (process.platform !== 'linux') return { missing: 'the failing disk needs Linux' };
  const library = join(mkdtempSync(join(tmpdir(), 'failing-disk-')), 'failing-disk.so');
  try {
    const options = ['-O1', '-shared', '-fPIC', '-o', library, SOURCE, '-ldl', '-lpthread'];
    execFileSync('cc', options, { stdio: 'pipe' });
    return { library };
  } catch (error) {
    return { missing: `there is no working C compiler: ${String(error).split('\n', 1)[0]}` };
  }
}

export function removeFailingDisk({ library }: FailingDisk): void {
  if (library !== undefined) rmSync(dirname(library), { recursive: true, force: true });
}

/** The environment in which a process has a failing disk. */
export function environmentOf(library: string, failure: DiskFailure): NodeJS.ProcessEnv {
  const { files, call, failing, at, count, errno, switchFile, recordFile } = failure;
  const settings = {
    LD_PRELOAD: library,
    DISK_FILES: files,
    DISK_FAIL: call,
    DISK_FAIL_FILES: failing,
    DISK_FAIL_AT: at,
    DISK_COUNT: count,
    DISK_ERRNO: errno,
    DISK_SWITCH: switchFile,
    DISK_RECORD: recordFile,
  };
  const given = Object.entries(settings).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given.map(([name, value]) => [name, String(value)]));
}

/**
 * `it`, where the shim could be compiled; else a test that is reported as skipped, with the reason in its name
 * and on standard error.
 */
export function itWith({ missing }: FailingDisk): jest.It {
  if (missing === undefined) return it;
  process.stderr.write(`skipped: ${missing}\n`);
  return it.skip;
}
