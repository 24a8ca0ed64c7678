import { epochMs, latest, timestamp, type Timestamp } from './primitives.js';
import { previousWindow, windowEnd, windowOf, type WindowLength } from './quota-window.js';

const cases: [WindowLength, string, string, string][] = [
  ['month', '2026-01-01T00:00:00.000Z', '2026-01', '2026-02-01T00:00:00.000Z'],
  ['month', '2026-01-31T23:59:59.999Z', '2026-01', '2026-02-01T00:00:00.000Z'],
  ['month', '2026-02-28T12:00:00.000Z', '2026-02', '2026-03-01T00:00:00.000Z'],
  ['month', '2028-02-28T23:59:59.999Z', '2028-02', '2028-03-01T00:00:00.000Z'],
  ['month', '2028-02-29T23:59:59.999Z', '2028-02', '2028-03-01T00:00:00.000Z'],
  ['month', '2026-12-31T23:59:59.999Z', '2026-12', '2027-01-01T00:00:00.000Z'],
  ['month', '2027-01-01T00:00:00.000Z', '2027-01', '2027-02-01T00:00:00.000Z'],
  ['day', '2026-01-31T00:00:00.000Z', '2026-01-31', '2026-02-01T00:00:00.000Z'],
  ['day', '2026-02-28T23:59:59.999Z', '2026-02-28', '2026-03-01T00:00:00.000Z'],
  ['day', '2028-02-28T23:59:59.999Z', '2028-02-28', '2028-02-29T00:00:00.000Z'],
  ['day', '2028-02-29T12:00:00.000Z', '2028-02-29', '2028-03-01T00:00:00.000Z'],
  ['day', '2026-12-31T23:59:59.999Z', '2026-12-31', '2027-01-01T00:00:00.000Z'],
  ['hour', '2026-01-31T22:59:59.999Z', '2026-01-31T22', '2026-01-31T23:00:00.000Z'],
  ['hour', '2026-01-31T23:00:00.000Z', '2026-01-31T23', '2026-02-01T00:00:00.000Z'],
  ['hour', '2026-12-31T23:59:59.999Z', '2026-12-31T23', '2027-01-01T00:00:00.000Z'],
  // Hours that the clocks of Los Angeles skip or repeat are hours like any other.
  ['hour', '2026-03-08T10:30:00.000Z', '2026-03-08T10', '2026-03-08T11:00:00.000Z'],
  ['hour', '2026-11-01T09:30:00.000Z', '2026-11-01T09', '2026-11-01T10:00:00.000Z'],
  ['day', '2026-03-08T07:59:59.999Z', '2026-03-08', '2026-03-09T00:00:00.000Z'],
];

describe('a quota window', () => {
  it.each(cases)('of a %s that holds %s is %s and ends at %s', (length, instant, name, end) => {
    expect(windowOf(instant as Timestamp, length)).toBe(name);
    expect(windowEnd(instant as Timestamp, length)).toBe(end);
  });

  it.each(['hour', 'day', 'month'] as const)(
    'of a %s is followed at once by the next: no instant is in none, or in two',
    (length) => {
      let instant = '2027-11-30T21:17:03.123Z' as Timestamp;
      const names = new Set<string>();
      for (let n = 0; n < 40; n += 1) {
        const end = windowEnd(instant, length);
        const lastInstant = timestamp(epochMs(end) - 1);
        expect(windowOf(lastInstant, length)).toBe(windowOf(instant, length));
        expect(windowEnd(lastInstant, length)).toBe(end);
        expect(windowOf(end, length)).not.toBe(windowOf(instant, length));
        expect(previousWindow(end, length)).toBe(windowOf(instant, length));
        names.add(windowOf(instant, length));
        instant = end;
      }
      expect(names.size).toBe(40);
    },
  );

  it.each<[WindowLength, string, string]>([
    ['month', '2026-01-01T00:00:00.000Z', '2025-12'],
    ['month', '2028-03-31T23:59:59.999Z', '2028-02'],
    ['day', '2028-03-01T23:59:59.999Z', '2028-02-29'],
    ['day', '2026-01-01T12:00:00.000Z', '2025-12-31'],
    ['hour', '2026-01-01T00:59:59.999Z', '2025-12-31T23'],
    ['hour', '2026-03-08T11:30:00.000Z', '2026-03-08T10'],
  ])('of a %s that holds %s follows that of %s', (length, instant, name) =>
    expect(previousWindow(instant as Timestamp, length)).toBe(name),
  );

  it('reads neither the local time zone nor the clock', () => {
    const outcomes = withoutLocalTime(() =>
      cases.map(([length, instant, , end]) => [
        windowOf(instant as Timestamp, length),
        windowEnd(instant as Timestamp, length),
        previousWindow(end as Timestamp, length),
      ]),
    );
    expect(outcomes).toEqual(cases.map(([, , name, end]) => [name, end, name]));
  });
});

describe('an instant', () => {
  it('is written in UTC with milliseconds, and read back', () => {
    expect(timestamp(0)).toBe('1970-01-01T00:00:00.000Z');
    expect(epochMs(timestamp(1_799_999_999_999))).toBe(1_799_999_999_999);
  });

  it('is compared as text in the order of time', () => {
    const instants = [0, 1, 999, 1000, 951_782_400_000, 1_800_000_000_000].map(timestamp);
    expect([...instants].reverse().sort()).toEqual(instants);
  });

  it('gives way to a later one only', () => {
    const [earlier, later] = [timestamp(1), timestamp(2)];
    expect(latest(earlier, later)).toBe(later);
    expect(latest(later, earlier)).toBe(later);
    expect(latest(earlier, null)).toBe(earlier);
    expect(latest(earlier, undefined)).toBe(earlier);
  });
});

/**
 * Runs with a Date that knows only what is the same everywhere: whatever depends on the time zone of
 * the process, or on its clock, throws. So what passes here passes in every time zone.
 */
function withoutLocalTime<T>(run: () => T): T {
  const real = globalThis.Date;
  const refused = (what: string) => () => {
    throw new Error(`${what} depends on where and when it runs`);
  };

  class UniversalDate extends real {
    constructor(...parts: number[]) {
      if (parts.length !== 1) refused('a date of parts, or of now,')();
      super(parts[0]!);
    }
    static override parse(text: string): number {
      return text.endsWith('Z') ? real.parse(text) : refused(`the text ${text}`)();
    }
    static override now = refused('now');
  }
  for (const name of Object.getOwnPropertyNames(real.prototype)) {
    const isLocal = /^(get|set)(?!UTC|Time$)|^to(?!ISO|JSON)/.test(name);
    if (isLocal) Object.defineProperty(UniversalDate.prototype, name, { value: refused(name) });
  }
  Object.assign(globalThis, { Date: UniversalDate });
  try {
    return run();
  } finally {
    globalThis.Date = real;
  }
}
