import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { OpenPeer } from '../peer-process.js';
import { callers } from '../rounds.js';

/** The disk by itself: one small write and one flush, over and over. */
export const open: OpenPeer = (directory) => {
  const file = openSync(join(directory, 'flushed'), 'w');
  const bytes = Buffer.alloc(4096, 'x');
  return Promise.resolve({
    round: (ms) =>
      callers(1, ms, () => {
        writeSync(file, bytes, 0, bytes.length, 0);
        fdatasyncSync(file);
        return Promise.resolve();
      }),
    close() {
      closeSync(file);
      return Promise.resolve();
    },
  });
};
