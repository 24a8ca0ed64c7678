import { randomBytes } from 'node:crypto';
import { existsSync, rmSync, writeFileSync } from 'node:fs';

/** Room for some dozen commits, each of which rewrites a few pages of 16 KiB. */
const RESERVE_BYTES = 4 * 1024 * 1024;
const RESTORE_EVERY_MS = 1_000;

/** Space on the disk that is kept back by a file, to be given up when there is no other left (R4). */
export class SpaceReserve {
  #isHeld: boolean;
  #triedAt = -Infinity;

  constructor(private readonly file: string) {
    this.#isHeld = existsSync(file);
  }

  /** Takes the space again where there is enough of it; tried once a second. @returns Whether it is held. */
  hold(): boolean {
    if (this.#isHeld) return true;
    const now = performance.now();
    if (now - this.#triedAt < RESTORE_EVERY_MS) return false;
    this.#triedAt = now;
    try {
      // Not of zeros, for which some file systems take no space.
      writeFileSync(this.file, randomBytes(RESERVE_BYTES), { mode: 0o600 });
      this.#isHeld = true;
    } catch {
      this.release();
    }
    return this.#isHeld;
  }

  release(): void {
    rmSync(this.file, { force: true });
    this.#isHeld = false;
  }
}
