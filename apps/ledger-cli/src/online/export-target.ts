import { open, rename, rm } from 'node:fs/promises';
import { usageFault } from '../exit-code.js';
import { writeThrough } from '../terminal/output.js';

/** Where an export goes. */
export interface ExportTarget {
  write(text: string): Promise<void>;
  /** To be called once everything is written. */
  finish(): Promise<void>;
  /** To be called when the export broke off. */
  abandon(): Promise<void>;
}

const STDOUT: ExportTarget = {
  write: writeThrough,
  finish: () => Promise.resolve(),
  abandon: () => Promise.resolve(),
};

/**
 * A file, or stdout without one. The file takes its name only when it is complete, so that an export that
 * broke off is never mistaken for a whole one; only its owner may read it, since it names people.
 */
export async function openTarget(file: string | undefined): Promise<ExportTarget> {
  if (file === undefined) return STDOUT;
  const partial = `${file}.partial`;
  const handle = await open(partial, 'w', 0o600).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    throw usageFault(`${file} cannot be written: ${reason}`);
  });
  return {
    async write(text) {
      await handle.write(text);
    },
    async finish() {
      await handle.sync();
      await handle.close();
      await rename(partial, file);
    },
    async abandon() {
      await handle.close();
      await rm(partial, { force: true });
    },
  };
}
