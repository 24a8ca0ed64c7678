import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { EventStoreDouble } from '../double/event-store-double.js';

interface Answer {
  readonly name: string;
  readonly result: unknown;
}

const FOLDER = join(process.cwd(), 'test/eventstoredb/conformance');

/** What a real EventStoreDB 24.6.0 answered to the published client, one scenario a line. */
const RECORDED = answersIn(readFileSync(join(FOLDER, 'recorded-24.6.0.jsonl'), 'utf8'));

function answersIn(lines: string): readonly Answer[] {
  return lines
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Answer);
}

describe('the double answers the published client as the recorded server did', () => {
  let answers: ReadonlyMap<string, unknown>;

  beforeAll(async () => {
    const double = await EventStoreDouble.start();
    try {
      // A process of its own, so that the client shares nothing with the double but the wire.
      const scenarios = [join(FOLDER, 'scenarios.cjs'), double.connectionString];
      const { stdout, stderr } = await promisify(execFile)(process.execPath, scenarios);
      expect(stderr).toBe('');
      answers = new Map(answersIn(stdout).map(({ name, result }) => [name, result]));
    } finally {
      await double.stop();
    }
  });

  it('in every scenario that was recorded, and no other', () => {
    expect(RECORDED).toHaveLength(116);
    expect([...answers.keys()]).toEqual(RECORDED.map(({ name }) => name));
  });

  it.each(RECORDED)('$name', ({ name, result }) => {
    expect(answers.get(name)).toEqual(result);
  });
});
