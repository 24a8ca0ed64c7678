import type { StoredEvent } from '../../event-store.js';
import { sampleEvents } from '../../testing/sample-events.js';
import { LogTail } from './log-tail.js';

function storedAt(position: number): StoredEvent {
  const [event] = sampleEvents(1);
  const { occurredAt } = event!.payload;
  return { ...event!, occurredAt, streamId: 's', revision: position, position: BigInt(position) };
}

function fill(tail: LogTail, from: number, to: number): void {
  for (let position = from; position <= to; position += 1) tail.push(storedAt(position), 10);
}

function positions(events: readonly StoredEvent[] | undefined): number[] | undefined {
  return events?.map(({ position }) => Number(position));
}

describe('LogTail', () => {
  it('starts after the events that were there before', () => {
    const tail = new LogTail(5);
    expect(tail.head).toBe(5);
    expect(tail.readAfter(5n, 10)).toEqual([]);
    expect(tail.readAfter(4n, 10)).toBeUndefined();
    fill(tail, 6, 7);
    expect(positions(tail.readAfter(5n, 10))).toEqual([6, 7]);
    expect(positions(tail.readAfter(5n, 1))).toEqual([6]);
    expect(positions(tail.readAfter(99n, 1))).toEqual([]);
  });

  it('hands out the very objects it was given', () => {
    const tail = new LogTail(0);
    const event = storedAt(1);
    tail.push(event, 10);
    expect(tail.readAfter(0n, 1)?.[0]).toBe(event);
  });

  it('keeps a bounded number, and says when it does not reach back', () => {
    const tail = new LogTail(0, 4);
    fill(tail, 1, 10);
    expect(positions(tail.readAfter(6n, 10))).toEqual([7, 8, 9, 10]);
    expect(tail.readAfter(5n, 10)).toBeUndefined();
  });

  it('keeps a bounded size', () => {
    const tail = new LogTail(0, 100, 35);
    fill(tail, 1, 10);
    expect(positions(tail.readAfter(7n, 10))).toEqual([8, 9, 10]);
    expect(tail.readAfter(6n, 10)).toBeUndefined();
    tail.push(storedAt(11), 1_000);
    expect(tail.head).toBe(11);
    expect(tail.readAfter(10n, 10)).toBeUndefined();
    expect(tail.readAfter(11n, 10)).toEqual([]);
  });
});
