import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const SOURCE = join(process.cwd(), 'bench/slow-flush.c');
/** What a flush costs on a network disk or a consumer's SSD, where here it may cost next to nothing. */
const SLOWER_BY_US = 1_000;

/** How flushes run in a process of the benchmark. */
export type Flush = 'native' | 'slow';

/** The shim that makes flushes slow, and counts them. */
export class SlowFlush {
  private constructor(private readonly library: string) {}

  /** Undefined, with a line that says why, where it cannot be compiled. */
  static compile(): SlowFlush | undefined {
    const library = join(mkdtempSync(join(tmpdir(), 'slow-flush-')), 'slow-flush.so');
    try {
      // A database server runs as another user, and must find it too.
      chmodSync(dirname(library), 0o755);
      execFileSync('cc', ['-O1', '-shared', '-fPIC', '-o', library, SOURCE], { stdio: 'pipe' });
      return new SlowFlush(library);
    } catch (error) {
      const reason = String(error).split('\n', 1)[0];
      process.stderr.write(`flushes are measured as they are, no shim compiles here: ${reason}\n`);
      return undefined;
    }
  }

  /** The environment of a process whose flushes run so, and are counted in a file if one is given. */
  environment(flush: Flush, countFile?: string): NodeJS.ProcessEnv {
    return {
      LD_PRELOAD: this.library,
      ...(flush === 'slow' ? { SLOW_FLUSH_US: String(SLOWER_BY_US) } : {}),
      ...(countFile === undefined ? {} : { FLUSH_COUNT_FILE: countFile }),
    };
  }

  remove(): void {
    rmSync(dirname(this.library), { recursive: true, force: true });
  }
}
