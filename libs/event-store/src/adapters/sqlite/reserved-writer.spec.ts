import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EventCodec } from '../../codec/event-codec.js';
import { sampleCipher, sampleCreation, sampleEvent } from '../../testing/sample-events.js';
import { createLedger } from './ledger-opening.js';
import { ledgerFiles } from './ledger-files.js';
import { LogWriter, writerFailure } from './log-writer.js';
import { ReservedWriter } from './reserved-writer.js';
import { SpaceReserve } from './space-reserve.js';
import { openWriter, type Connection } from './sqlite-connection.js';
import type { EncodedAppend } from './writer-messages.js';

const codec = new EventCodec(sampleCipher());
const ROOM_PAGES = 100;

/** An append too large for what is left of the disk. */
function creation(streamId: string): EncodedAppend {
  const event = sampleEvent(sampleCreation({ description: 'x'.repeat(200_000) }));
  return { streamId, expected: 0, events: [codec.encode(streamId, event)], unchanged: [] };
}

/** The same by size, as what ends a token. */
function revocation(streamId: string): EncodedAppend {
  const { events, ...append } = creation(streamId);
  return { ...append, events: events.map((event) => ({ ...event, type: 'TokenRevoked' })) };
}

describe('ReservedWriter', () => {
  let directory: string;
  let connection: Connection;
  let writer: ReservedWriter;
  let file: string;
  let released = 0;

  /** A disk that has room for so many more pages. */
  const leaveRoom = (pages: number): void => {
    const count = Number(connection.pragma('page_count', { simple: true }));
    connection.pragma(`max_page_count = ${count + pages}`);
  };

  /** Gives up space on a disk that is not really full, and of which it gets none back. */
  class Reserve extends SpaceReserve {
    override hold(): boolean {
      return released === 0 && super.hold();
    }

    override release(): void {
      super.release();
      released += 1;
      leaveRoom(ROOM_PAGES);
    }
  }

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'ledger-'));
    const files = ledgerFiles(directory);
    file = files.reserve;
    createLedger(files, sampleCipher());
    connection = openWriter(files.database);
    released = 0;
    writer = new ReservedWriter(new LogWriter(connection), new Reserve(file));
  });
  afterEach(() => {
    connection.close();
    rmSync(directory, { recursive: true });
  });

  it('holds space back, and writes everything while there is more', () => {
    expect(existsSync(file)).toBe(true);
    expect(writer.write([creation('a'), revocation('b')]).verdicts).toEqual([1, 2]);
    expect([released, existsSync(file)]).toEqual([0, true]);
  });

  it('gives it to revocations alone when the disk is full', () => {
    leaveRoom(0);
    const { verdicts } = writer.write([
      creation('a'),
      revocation('b'),
      creation('c'),
      revocation('d'),
    ]);
    expect(verdicts).toEqual(['disk-full', 1, 'disk-full', 2]);
    expect(released).toBe(1);
  });

  it('refuses all the rest without touching the disk', () => {
    leaveRoom(0);
    expect(writer.write([creation('a')])).toEqual({ verdicts: ['disk-full'], flushMs: 0 });
  });

  it('writes everything where no space could be kept back, as long as there is room', () => {
    class NoReserve extends SpaceReserve {
      override hold(): boolean {
        return false;
      }
    }
    const without = new ReservedWriter(new LogWriter(connection), new NoReserve(file));
    expect(without.write([creation('x')]).verdicts).toEqual([1]);
    leaveRoom(0);
    expect([without.write([creation('y')]).verdicts, without.isFull]).toEqual([
      ['disk-full'],
      true,
    ]);
  });

  it('says so when even the reserve is used up', () => {
    leaveRoom(0);
    writer.write([creation('a')]);
    let failure;
    try {
      for (let n = 0; n < ROOM_PAGES; n += 1) writer.write([revocation(`r${n}`)]);
    } catch (error) {
      failure = writerFailure(error);
    }
    expect(failure).toMatchObject({ reason: 'disk-full' });
  });
});
