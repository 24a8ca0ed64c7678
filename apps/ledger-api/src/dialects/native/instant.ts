import { timestamp, type Timestamp } from '@ledger/domain';

const FORM =
  /^(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d{2}):(\d{2}))$/;

/** The span in which instants have the fixed width that makes their text sort by time. */
const FIRST_MS = Date.UTC(1970, 0, 1);
const LAST_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/**
 * Reads an RFC 3339 instant strictly: a day that the calendar lacks, hour 24, leap seconds and offsets
 * beyond a day are refused, where Date.parse rolls over (X6). Digits below the millisecond are cut off.
 *
 * @returns The instant in UTC, or null when the text is none.
 */
export function parseInstant(text: string): Timestamp | null {
  const match = FORM.exec(text);
  if (!match) return null;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const [fraction = '', sign, offsetHours = '0', offsetMinutes = '0'] = match.slice(7);
  if (month < 1 || month > 12 || day < 1 || day > daysIn(year, month)) return null;
  if (hour > 23 || minute > 59 || second > 59) return null;
  if (Number(offsetHours) > 23 || Number(offsetMinutes) > 59) return null;
  const ms = Number(fraction.slice(0, 3).padEnd(3, '0'));
  const offset = (Number(offsetHours) * 60 + Number(offsetMinutes)) * 60_000;
  const local = Date.UTC(year, month - 1, day, hour, minute, second, ms);
  const utc = sign === '-' ? local + offset : local - offset;
  // Date.UTC takes the years 0 to 99 for 1900 to 1999, which this bound leaves out as well.
  return year >= 1970 && utc >= FIRST_MS && utc <= LAST_MS ? timestamp(utc) : null;
}

function daysIn(year: number, month: number): number {
  return new Date(Date.UTC(year, month, 0)).getUTCDate();
}
