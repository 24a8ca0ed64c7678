import { InARow } from './in-a-row.js';

/** A scheduler that does what it was given when it is told to. */
function scripted() {
  const scheduled: (() => void)[] = [];
  const inARow = new InARow((run) => scheduled.push(run));
  return { inARow, scheduled, turn: () => scheduled.splice(0).forEach((run) => run()) };
}

describe('work that is done in a row', () => {
  it('is asked for once a turn, and done once, in the order it came', () => {
    const { inARow, scheduled, turn } = scripted();
    const done: number[] = [];
    for (const each of [1, 2, 3]) inARow.add(() => done.push(each));
    expect(scheduled).toHaveLength(1);
    expect(done).toEqual([]);
    turn();
    turn();
    expect(done).toEqual([1, 2, 3]);
  });

  it('waits for the next turn when it is added by the work itself', () => {
    const { inARow, turn } = scripted();
    const done: string[] = [];
    inARow.add(() => {
      done.push('first');
      inARow.add(() => done.push('added by the first'));
    });
    inARow.add(() => done.push('second'));
    turn();
    expect(done).toEqual(['first', 'second']);
    turn();
    expect(done).toEqual(['first', 'second', 'added by the first']);
  });
});
