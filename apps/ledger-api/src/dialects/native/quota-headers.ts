import type { QuotaStanding, Timestamp } from '@ledger/domain';
import type { HttpReply } from '../../http/exchange.js';

/** A quota window as the RateLimit fields describe it (draft-ietf-httpapi-ratelimit-headers). */
export interface PolicyWindow {
  /** How long the window lasts: the name of the policy. */
  readonly name: 'hour' | 'day' | 'month';
  readonly seconds: number;
  readonly endMs: number;
  readonly end: Timestamp;
}

const NAME_BY_LENGTH = new Map([
  ['2026-01-31T23'.length, 'hour'],
  ['2026-01-31'.length, 'day'],
  ['2026-01'.length, 'month'],
] as const);

const FIRST_INSTANT = '2026-01-01T00:00:00.000Z';

/** The window of a name such as 2026-01, which ends at `end`. */
export function policyWindow(window: string, end: Timestamp): PolicyWindow {
  const startMs = Date.parse(`${window}${FIRST_INSTANT.slice(window.length)}`);
  const endMs = Date.parse(end);
  const name = NAME_BY_LENGTH.get(window.length as 7) ?? 'month';
  return { name, seconds: (endMs - startMs) / 1000, endMs, end };
}

/** Tells where a token stands. A token that is not limited has no policy to tell. */
export function setQuotaHeaders(
  reply: HttpReply,
  { limit, remaining }: QuotaStanding,
  { name, seconds, endMs }: PolicyWindow,
  nowMs: number,
): void {
  if (limit === null) return;
  const left = Math.ceil((endMs - nowMs) / 1000);
  reply.header('ratelimit-policy', `"${name}";q=${limit};w=${seconds}`);
  reply.header('ratelimit', `"${name}";r=${remaining ?? 0};t=${left}`);
}
