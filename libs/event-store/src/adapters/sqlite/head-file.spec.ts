import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HeadFile, type LogHead } from './head-file.js';

const ledgerId = '00000000-0000-4000-8000-000000000001';

function headAt(position: number): LogHead {
  return { ledgerId, position, hash: position.toString(16).padStart(64, '0') };
}

describe('HeadFile', () => {
  let directory: string;
  let file: string;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'head-'));
    file = join(directory, 'ledger.head');
    HeadFile.create(file, headAt(0));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  function write(...positions: number[]): void {
    const headFile = HeadFile.open(file);
    positions.forEach((position) => headFile.write(headAt(position)));
    headFile.close();
  }

  it('remembers the last head, also over restarts', () => {
    expect(HeadFile.read(file)).toEqual(headAt(0));
    for (const position of [1, 2, 3]) {
      write(position);
      expect(HeadFile.read(file)).toEqual(headAt(position));
    }
    write(10, 300, 70_000);
    expect(HeadFile.read(file)).toEqual(headAt(70_000));
  });

  it('falls back to the head before when a write was torn, wherever it was', () => {
    write(7, 8);
    const whole = readFileSync(file);
    for (let at = 0; at < whole.length; at += 1) {
      const torn = Buffer.from(whole);
      torn[at] = ~torn[at]!;
      writeFileSync(file, torn);
      expect([7, 8]).toContain(HeadFile.read(file).position);
    }
  });

  it('says so when no whole record is left', () => {
    writeFileSync(file, 'nonsense');
    expect(() => HeadFile.read(file)).toThrow('is damaged');
  });
});
