import { epochMs, timestamp, type Brand, type Timestamp } from './primitives.js';

/** How long a window lasts. One setting for the whole deployment (QUOTA_WINDOW). */
export type WindowLength = 'hour' | 'day' | 'month';

/** A window by its start in UTC: 2026-01 (month), 2026-01-31 (day), 2026-01-31T23 (hour). */
export type QuotaWindow = Brand<string, 'QuotaWindow'>;

const NAME_LENGTH = { hour: '2026-01-31T23', day: '2026-01-31', month: '2026-01' } as const;

/** The window that holds an instant. The text of an instant begins with the name of its window. */
export function windowOf(instant: Timestamp, length: WindowLength): QuotaWindow {
  return instant.slice(0, NAME_LENGTH[length].length) as QuotaWindow;
}

/** The end that was asked for last: thousands of charges in a row fall into one window. */
let latest: { readonly window: QuotaWindow; readonly end: Timestamp } | undefined;

/** First instant after the window that holds `instant`: when consumption starts from zero again. */
export function windowEnd(instant: Timestamp, length: WindowLength): Timestamp {
  const window = windowOf(instant, length);
  if (latest?.window !== window) latest = { window, end: endOf(instant, length) };
  return latest.end;
}

function endOf(instant: Timestamp, length: WindowLength): Timestamp {
  const start = new Date(epochMs(instant));
  const [year, month, day] = [start.getUTCFullYear(), start.getUTCMonth(), start.getUTCDate()];
  switch (length) {
    case 'hour':
      return timestamp(Date.UTC(year, month, day, start.getUTCHours() + 1));
    case 'day':
      return timestamp(Date.UTC(year, month, day + 1));
    case 'month':
      return timestamp(Date.UTC(year, month + 1));
  }
}

/** The window before the one that holds `instant`. */
export function previousWindow(instant: Timestamp, length: WindowLength): QuotaWindow {
  const name = windowOf(instant, length);
  const start = epochMs(`${name}${'2026-01-01T00:00:00.000Z'.slice(name.length)}` as Timestamp);
  return windowOf(timestamp(start - 1), length);
}
