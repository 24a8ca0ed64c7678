import { setImmediate as nextTurn } from 'node:timers/promises';
import { StoreDamaged, type Position } from '../../event-store.js';
import { genesisHash, type ChainHash } from './hash-chain.js';
import { faultOf } from './ledger-checks.js';
import type { LogReader } from './log-reader.js';

/** A few milliseconds of work, between which the thread serves others. */
const PAGE_EVENTS = 500;

export type ChainVerdict =
  | { readonly outcome: 'intact'; readonly events: number }
  | {
      readonly outcome: 'broken';
      /** The first event that is not as it was written. */
      readonly position: Position;
      readonly reason: string;
    };

/** Checks every event up to `end` against its hash and its stream, in bounded memory. */
export async function verifyLog(
  reader: LogReader,
  ledgerId: string,
  end: number,
  onProgress: (events: number) => void,
): Promise<ChainVerdict> {
  let hash: ChainHash = genesisHash(ledgerId);
  let position = 0;
  try {
    while (position < end) {
      const rows = reader.rowsAfter(position, Math.min(PAGE_EVENTS, end - position));
      for (const row of rows) {
        const fault = faultOf(row, position + 1, hash);
        if (fault !== undefined) return broken(position + 1, fault);
        position += 1;
        hash = row.hash;
      }
      if (rows.length === 0) return broken(position + 1, `event ${position + 1} is missing`);
      onProgress(position);
      await nextTurn();
    }
    return (await strayHead(reader)) ?? { outcome: 'intact', events: position };
  } catch (error) {
    if (error instanceof StoreDamaged) return broken(position + 1, error.message);
    throw error;
  }
}

function broken(position: number, reason: string): ChainVerdict {
  return { outcome: 'broken', position: BigInt(position), reason };
}

/** Whether every stream is found by its last event, and no event lies beyond the end of its stream. */
async function strayHead(reader: LogReader): Promise<ChainVerdict | undefined> {
  let last = 0;
  for (;;) {
    const heads = reader.headsAfter(last, PAGE_EVENTS);
    const stray = heads.find(({ isThere }) => !isThere);
    if (stray) return broken(stray.position, 'the end of its stream is recorded wrongly');
    last = heads.at(-1)?.streamKey ?? last;
    if (heads.length < PAGE_EVENTS) break;
    await nextTurn();
  }
  const { ofStreams, lastPosition } = reader.totals();
  if (ofStreams === lastPosition) return undefined;
  const reason = `the streams end after ${ofStreams} events in all, but the log holds ${lastPosition}`;
  return broken(lastPosition, reason);
}
