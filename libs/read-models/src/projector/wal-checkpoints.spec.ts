import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import { jest } from '@jest/globals';
import type { Projection } from './projection.js';
import { ReadModelDatabase } from './read-model-database.js';

const ROWS = 3_000;

const notes: Projection<object> = {
  name: 'notes',
  version: 1,
  columns: {},
  indexes: [],
  apply: () => undefined,
};

let directory: string;
let file: string;
let database: ReadModelDatabase;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'wal-checkpoints-'));
  file = join(directory, 'read-models.sqlite');
  database = new ReadModelDatabase(file, 'ledger-1', 'own-thread');
});
afterEach(async () => {
  await database.close();
  rmSync(directory, { recursive: true });
});

/** Writes some megabytes, less than this connection would move by itself. */
function write(): void {
  const { table } = database.begin(notes);
  const padding = 'x'.repeat(1_000);
  const rows = new Map(Array.from({ length: ROWS }, (_, key) => [String(key), { padding }]));
  database.write([{ projection: notes, table, rows, position: 1n }]);
}

const pagesByItself = (): unknown => database.query('PRAGMA wal_autocheckpoint')[0];
const soon = () => new Promise((resolve) => setTimeout(resolve, 10));

describe('the log of the read models', () => {
  it('is moved into the file while nobody asks for it, and put away at the end', async () => {
    // So many pages that it is the thread that moves them.
    expect(pagesByItself()).toEqual({ wal_autocheckpoint: 16_000 });
    write();
    while (statSync(file).size < ROWS * 1_000) await soon();
    await database.close();
    expect(existsSync(`${file}-wal`)).toBe(false);
    expect(existsSync(`${file}-closed`)).toBe(true);
    const again = new ReadModelDatabase(file, 'ledger-1');
    expect(again.query('SELECT count(*) AS rows FROM notes_g1')).toEqual([{ rows: ROWS }]);
    await again.close();
    database = new ReadModelDatabase(file, 'ledger-1');
  });

  it('is moved between calls, as SQLite does by itself, once the thread has failed', async () => {
    const told = jest.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
    expect(pagesByItself()).toEqual({ wal_autocheckpoint: 16_000 });
    // The connection here keeps the file that the thread will not find.
    rmSync(file);
    write();
    while (told.mock.calls.length === 0) await soon();
    expect(told.mock.calls[0]).toEqual([expect.stringContaining('unable to open database file')]);
    expect(pagesByItself()).toEqual({ wal_autocheckpoint: 1_000 });
    write();
    jest.restoreAllMocks();
  });
});
