import { closeSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { StoreDamaged } from '../../event-store.js';
import type { ChainHash } from './hash-chain.js';

/** How far the log had come when it was last acknowledged. */
export interface LogHead {
  readonly ledgerId: string;
  readonly position: number;
  readonly hash: ChainHash;
}

const MAGIC = 'TLHEAD01';
const ID_BYTES = 36;
const HASH_BYTES = 32;
const ID_AT = MAGIC.length;
const POSITION_AT = ID_AT + ID_BYTES;
const HASH_AT = POSITION_AT + 8;
const CRC_AT = HASH_AT + HASH_BYTES;
const RECORD_BYTES = CRC_AT + 4;
/** A disk sector each, so that one write can only ever tear one of the two. */
const SLOT_BYTES = 512;
const SLOTS = [0, 1];

/**
 * Remembers the acknowledged end of the log outside the database, where a cut or exchanged database cannot
 * take it along. It is written after each durable commit and before the commit is acknowledged, and not
 * flushed: it may lag behind the log, which accuses nobody, and can never be ahead of it.
 */
export class HeadFile {
  readonly #record = Buffer.alloc(RECORD_BYTES);

  private constructor(
    private readonly descriptor: number,
    private nextSlot: number,
  ) {}

  /** @throws StoreDamaged When neither of its two records is whole. */
  static read(file: string): LogHead {
    return newest(file).head;
  }

  static create(file: string, head: LogHead): void {
    const headFile = new HeadFile(openSync(file, 'wx', 0o600), 0);
    headFile.write(head);
    headFile.write(head);
    headFile.close();
  }

  /** Opens an existing file for writing. @throws StoreDamaged As {@link read}. */
  static open(file: string): HeadFile {
    const { slot } = newest(file);
    return new HeadFile(openSync(file, 'r+'), 1 - slot);
  }

  /** The two slots take turns, so that one whole record remains if this write is torn. */
  write({ ledgerId, position, hash }: LogHead): void {
    const record = this.#record;
    record.write(MAGIC, 0, 'latin1');
    record.write(ledgerId, ID_AT, ID_BYTES, 'latin1');
    record.writeBigUInt64BE(BigInt(position), POSITION_AT);
    record.write(hash, HASH_AT, HASH_BYTES, 'hex');
    record.writeUInt32BE(crc32(record.subarray(0, CRC_AT)), CRC_AT);
    writeSync(this.descriptor, record, 0, RECORD_BYTES, this.nextSlot * SLOT_BYTES);
    this.nextSlot = 1 - this.nextSlot;
  }

  close(): void {
    fsyncSync(this.descriptor);
    closeSync(this.descriptor);
  }
}

function newest(file: string): { readonly slot: number; readonly head: LogHead } {
  const descriptor = openSync(file, 'r');
  const records = SLOTS.map((slot) => {
    const record = Buffer.alloc(RECORD_BYTES);
    const bytes = readSync(descriptor, record, 0, RECORD_BYTES, slot * SLOT_BYTES);
    return { slot, head: bytes === RECORD_BYTES ? parse(record) : undefined };
  });
  closeSync(descriptor);
  let found: { slot: number; head: LogHead } | undefined;
  for (const { slot, head } of records) {
    if (head && (!found || head.position > found.head.position)) found = { slot, head };
  }
  if (found) return found;
  throw new StoreDamaged(
    `${file} is damaged: whether the log is complete cannot be told without it`,
  );
}

function parse(record: Buffer): LogHead | undefined {
  if (record.toString('latin1', 0, ID_AT) !== MAGIC) return undefined;
  if (record.readUInt32BE(CRC_AT) !== crc32(record.subarray(0, CRC_AT))) return undefined;
  return {
    ledgerId: record.toString('latin1', ID_AT, POSITION_AT),
    position: Number(record.readBigUInt64BE(POSITION_AT)),
    hash: record.toString('hex', HASH_AT, CRC_AT),
  };
}
