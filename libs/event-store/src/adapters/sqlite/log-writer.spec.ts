import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EventCodec } from '../../codec/event-codec.js';
import {
  sampleCipher,
  sampleCreation,
  sampleEvent,
  sampleEvents,
} from '../../testing/sample-events.js';
import { createLedger } from './ledger-opening.js';
import { ledgerFiles } from './ledger-files.js';
import { LogWriter, writerFailure } from './log-writer.js';
import { openWriter, type Connection } from './sqlite-connection.js';
import type { EncodedAppend } from './writer-messages.js';

const codec = new EventCodec(sampleCipher());

function append(streamId: string, expected: number, events = sampleEvents(1)): EncodedAppend {
  const encoded = events.map((event) => codec.encode(streamId, event));
  return { streamId, expected, events: encoded, unchanged: [] };
}

describe('LogWriter', () => {
  let directory: string;
  let connection: Connection;
  let writer: LogWriter;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'ledger-'));
    const files = ledgerFiles(directory);
    createLedger(files, sampleCipher());
    connection = openWriter(files.database);
    writer = new LogWriter(connection);
  });
  afterEach(() => {
    connection.close();
    rmSync(directory, { recursive: true });
  });

  it('decides each append of a batch on its own, and lets it see those before it', () => {
    const { verdicts } = writer.write([
      append('a', 0),
      append('a', 0),
      append('a', 1),
      append('b', 0),
    ]);
    const conflict = { outcome: 'conflict', streamId: 'a', actualRevision: 1 };
    expect(verdicts).toEqual([1, conflict, 2, 3]);
  });

  it('does not flush when there is nothing to write', () => {
    const first = append('a', 0);
    expect(writer.write([first]).flushMs).toBeGreaterThan(0);
    expect(writer.write([first, append('a', 5)]).flushMs).toBe(0);
  });

  it('recognises a repeat anywhere in a long stream', () => {
    const batches = Array.from({ length: 40 }, (_, n) => append('a', n * 7, sampleEvents(7)));
    writer.write(batches);
    const restarted = new LogWriter(connection);
    const { verdicts } = restarted.write(batches);
    expect(verdicts).toEqual(
      batches.map((_, n) => ({ outcome: 'written-before', position: (n + 1) * 7 })),
    );
    expect(restarted.write([append('a', 3)]).verdicts).toEqual([
      { outcome: 'conflict', streamId: 'a', actualRevision: 280 },
    ]);
  });

  it('rolls a full disk back, and goes on when there is room again', () => {
    writer.write([append('a', 0)]);
    const before = writer.head;
    const pages = Number(connection.pragma('page_count', { simple: true }));
    connection.pragma(`max_page_count = ${pages}`);
    const big = sampleEvent(sampleCreation({ description: 'x'.repeat(200_000) }));
    const encoded = { ...append('a', 1), events: [codec.encode('a', big)] };

    let failure;
    try {
      writer.write([append('b', 0), encoded]);
    } catch (error) {
      failure = writerFailure(error);
    }

    expect(failure).toMatchObject({ reason: 'disk-full' });
    expect(connection.inTransaction).toBe(false);
    expect(writer.head).toEqual(before);
    connection.pragma(`max_page_count = ${pages + 1_000}`);
    expect(writer.write([append('b', 0), encoded]).verdicts).toEqual([2, 3]);
  });

  it('takes every other failure as one after which nothing may be written', () => {
    const ioError = Object.assign(new Error('disk I/O error'), { code: 'SQLITE_IOERR_FSYNC' });
    expect(writerFailure(ioError)).toMatchObject({ reason: 'broken' });
    expect(writerFailure(new Error('a bug'))).toMatchObject({ reason: 'broken' });
    const busy = Object.assign(new Error('locked'), { code: 'SQLITE_BUSY' });
    expect(writerFailure(busy)).toMatchObject({ reason: 'busy' });
  });

  it.each([
    `UPDATE events SET data = '{}'`,
    'DELETE FROM events',
    'DELETE FROM events WHERE position = 1',
    'INSERT OR REPLACE INTO events SELECT * FROM events',
    `UPDATE streams SET name = 'other'`,
    'DELETE FROM streams',
    `UPDATE ledger SET id = 'other'`,
    'DELETE FROM signposts',
  ])('can never carry out: %s', (statement) => {
    writer.write([append('a', 0, sampleEvents(70))]);
    expect(() => connection.exec(statement)).toThrow('never changed or removed');
  });
});
