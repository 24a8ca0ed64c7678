import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';

/** One thing that happened, in the order in which it happened. See failing-disk.c. */
export interface Recorded {
  readonly kind: 'write' | 'truncate' | 'flush' | 'failed flush' | 'output';
  readonly file: string;
  readonly offset: number;
  readonly bytes: Buffer;
}

const KINDS: Readonly<Record<string, Recorded['kind']>> = {
  W: 'write',
  T: 'truncate',
  F: 'flush',
  X: 'failed flush',
  A: 'output',
};
const SECTOR_BYTES = 4_096;

export function* readRecording(file: string): IterableIterator<Recorded> {
  const recording = readFileSync(file);
  for (let at = 0; at < recording.length;) {
    const kind = KINDS[String.fromCharCode(recording[at]!)]!;
    const pathLength = recording.readUInt16LE(at + 1);
    const path = recording.toString('utf8', at + 3, at + 3 + pathLength);
    at += 3 + pathLength;
    const offset = Number(recording.readBigInt64LE(at));
    const length = recording.readUInt32LE(at + 8);
    at += 12;
    const bytes = recording.subarray(at, at + length);
    if (kind === 'write' || kind === 'output') at += length;
    yield { kind, file: basename(path), offset, bytes };
  }
}

type Change = Pick<Recorded, 'kind' | 'offset' | 'bytes'>;

/** The content of one file, which may grow without being copied each time. */
class FileImage {
  #bytes: Buffer;
  #length: number;

  constructor(content: Buffer) {
    this.#bytes = Buffer.from(content);
    this.#length = content.length;
  }

  apply({ kind, offset, bytes }: Change): void {
    const end = kind === 'truncate' ? offset : Math.max(this.#length, offset + bytes.length);
    if (end > this.#bytes.length) this.#bytes = Buffer.concat([this.#bytes], end * 2);
    // What lay behind the end once must read as zeroes when the file grows over it again.
    if (end < this.#length) this.#bytes.fill(0, end, this.#length);
    this.#length = end;
    if (kind === 'write') bytes.copy(this.#bytes, offset);
  }

  get content(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }
}

/**
 * The files of one directory as a disk holds them that keeps only what was flushed. What a failed flush was
 * given is gone for good: a later flush that succeeds does not bring it back.
 */
export class PoweredDisk {
  readonly #files = new Map<string, FileImage>();
  readonly #unflushed = new Map<string, Change[]>();

  /** @param directory As it was, all of it flushed, before the recording began. */
  constructor(directory: string) {
    for (const name of readdirSync(directory)) {
      this.#files.set(name, new FileImage(readFileSync(join(directory, name))));
    }
  }

  apply({ kind, file, offset, bytes }: Recorded): void {
    const waiting = this.#unflushed.get(file) ?? [];
    if (kind === 'output') return;
    if (kind === 'write' || kind === 'truncate') {
      waiting.push({ kind, offset, bytes });
      this.#unflushed.set(file, waiting);
      return;
    }
    this.#unflushed.delete(file);
    if (kind === 'failed flush') return;
    const image = this.#files.get(file) ?? new FileImage(Buffer.alloc(0));
    for (const change of waiting) image.apply(change);
    this.#files.set(file, image);
  }

  /**
   * Writes the files as they are found when the power comes back.
   *
   * @param keeps Whether a sector that was written and not flushed had reached the disk all the same.
   */
  restoreTo(directory: string, keeps: () => boolean): void {
    for (const name of new Set([...this.#files.keys(), ...this.#unflushed.keys()])) {
      // The index of the write-ahead log is shared memory: a machine that lost its power has none.
      if (name.endsWith('-shm')) continue;
      const flushed = this.#files.get(name)?.content;
      const kept = (this.#unflushed.get(name) ?? []).flatMap(sectorsOf).filter(keeps);
      if (kept.length === 0) {
        if (flushed) writeFileSync(join(directory, name), flushed);
        continue;
      }
      const image = new FileImage(flushed ?? Buffer.alloc(0));
      for (const change of kept) image.apply(change);
      writeFileSync(join(directory, name), image.content);
    }
  }
}

/** A write reaches the disk sector by sector, in any order, or not at all. */
function sectorsOf(change: Change): readonly Change[] {
  const { kind, offset, bytes } = change;
  if (kind !== 'write') return [change];
  const sectors: Change[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = Math.min(SECTOR_BYTES - ((offset + at) % SECTOR_BYTES), bytes.length - at);
    sectors.push({ kind, offset: offset + at, bytes: bytes.subarray(at, at + length) });
    at += length;
  }
  return sectors;
}
