import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { CliFault } from '../exit-code.js';
import type { ApiClient } from './api-client.js';
import { unreachable } from './problem.js';
import { responseLines } from './response-lines.js';

const BREAKS_MAX = 3;
const PAUSE_MS = 500;
/** A connection that lasted this long was a good one, whether or not anything happened meanwhile. */
const LASTING_MS = 10_000;

export interface EventFilter {
  readonly after: string;
  readonly limit?: number | undefined;
  readonly type?: string | undefined;
  readonly org?: string | undefined;
  readonly stream?: string | undefined;
}

/** An event of the log as the service sends it. */
export interface Envelope {
  readonly position: string;
  readonly [member: string]: unknown;
}

export interface EventLine {
  readonly line: string;
  readonly event: Envelope;
  /** Head of the log when the connection was opened; 0 when the service does not say. */
  readonly head: number;
}

/**
 * Reads the log over as many connections as it takes: after a break it goes on behind the last whole
 * event, so that none is missing and none comes twice.
 *
 * @throws CliFault After a few breaks in a row that brought nothing.
 */
export async function* readEvents(
  client: ApiClient,
  filter: EventFilter,
  follow: boolean,
): AsyncGenerator<EventLine> {
  let { after, limit } = filter;
  let breaks = 0;
  while (limit === undefined || limit > 0) {
    const openedAt = performance.now();
    const response = await client.open({
      method: 'GET',
      path: '/v1/events',
      query: { ...filter, after, limit: follow ? undefined : limit, ...(follow ? { follow } : {}) },
      headers: { accept: 'application/x-ndjson' },
    });
    const head = Number(response.headers.get('ledger-position') ?? 0);
    let failure: unknown;
    try {
      for await (const lines of responseLines(response)) {
        for (const line of lines) {
          if (line.trim() === '') continue;
          const event = JSON.parse(line) as Envelope;
          yield { line, event, head };
          breaks = 0;
          after = event.position;
          if (limit !== undefined && (limit -= 1) === 0) return;
        }
      }
      if (!follow) return;
    } catch (error) {
      if (error instanceof CliFault) throw error;
      failure = error;
    }
    if (performance.now() - openedAt >= LASTING_MS) breaks = 0;
    if ((breaks += 1) > BREAKS_MAX) {
      throw unreachable(new URL(response.url), failure ?? new Error('it ends every connection'));
    }
    await sleep(PAUSE_MS * breaks);
  }
}
