import { StreamTurns } from './stream-turns.js';

/** Longer than any machine stands still. */
const WAIT_MS = 60_000;

/** Work that ends when it is told to, and notes when it began and ended. */
function work(name: string, log: string[]) {
  let end = (): void => undefined;
  const ended = new Promise<void>((resolve) => (end = resolve));
  const run = async (): Promise<string> => {
    log.push(`${name} begins`);
    await ended;
    log.push(`${name} ends`);
    return name;
  };
  return { run, end };
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

describe('StreamTurns', () => {
  let turns: StreamTurns;
  let log: string[];

  beforeEach(() => {
    turns = new StreamTurns();
    log = [];
  });

  function start(name: string, written: string, guarded: string[] = [], waitMs = WAIT_MS) {
    const { run, end } = work(name, log);
    const done = turns.run({ written, guarded, waitMs }, run);
    return { end, done };
  }

  it('runs one append a stream at a time, in the order of the calls', async () => {
    const first = start('first', 's');
    const second = start('second', 's');
    await settle();
    second.end();
    first.end();
    await Promise.all([first.done, second.done]);
    expect(log).toEqual(['first begins', 'first ends', 'second begins', 'second ends']);
  });

  it('lets appends to streams of their own, and under the same guard, run together', async () => {
    const running = [start('a', 'a', ['org']), start('b', 'b', ['org']), start('c', 'c')];
    await settle();
    expect([...log].sort()).toEqual(['a begins', 'b begins', 'c begins']);
    for (const { end } of running) end();
    await Promise.all(running.map(({ done }) => done));
  });

  it('keeps a guarded stream as it is until the append is written', async () => {
    const guarding = start('guarding', 'a', ['token']);
    const revoking = start('revoking', 'token');
    const later = start('later', 'b', ['token']);
    await settle();
    expect(log).toEqual(['guarding begins']);
    guarding.end();
    await guarding.done;
    await settle();
    expect(log.at(-1)).toBe('revoking begins');
    revoking.end();
    later.end();
    await later.done;
    expect(log.at(-2)).toBe('later begins');
  });

  it('lets two that guard the stream of each other run one after the other', async () => {
    const first = start('first', 'a', ['b']);
    const second = start('second', 'b', ['a']);
    first.end();
    second.end();
    expect(await Promise.all([first.done, second.done])).toEqual(['first', 'second']);
    expect(log).toEqual(['first begins', 'first ends', 'second begins', 'second ends']);
  });

  it('runs an append that guards its own stream', async () => {
    const { end, done } = start('own', 'a', ['a']);
    end();
    expect(await done).toBe('own');
  });

  it('gives up waiting in time, and keeps the order of those behind', async () => {
    const slow = start('slow', 's');
    const impatient = start('impatient', 's', [], 20);
    const patient = start('patient', 's');
    await expect(impatient.done).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    patient.end();
    await settle();
    expect(log).toEqual(['slow begins']);
    slow.end();
    expect(await patient.done).toBe('patient');
    expect(log).not.toContain('impatient begins');
  });

  it('goes on after work that fails', async () => {
    const failing = turns.run({ written: 's', guarded: [], waitMs: WAIT_MS }, () =>
      Promise.reject(new Error('failed')),
    );
    await expect(failing).rejects.toThrow('failed');
    const { end, done } = start('next', 's');
    end();
    expect(await done).toBe('next');
  });
});
