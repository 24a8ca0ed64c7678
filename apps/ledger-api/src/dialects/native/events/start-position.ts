import type { Position } from '@ledger/event-store';
import type { NativeRequest } from '../native-request.js';
import { invalidRequest, type Fault } from '../problems/problem.js';
import { POSITION_FORM } from './events.dto.js';

const POSITION = new RegExp(POSITION_FORM);

/** The position to start after. What the reader last saw says more than where its URL began. */
export function startOf(
  request: NativeRequest,
  { after: asked = '0' }: { readonly after?: string },
  held: Position,
): Position {
  const seen = request.headers['last-event-id'];
  const faults: Fault[] = [];
  if (seen !== undefined && (typeof seen !== 'string' || !POSITION.test(seen))) {
    faults.push({ header: 'Last-Event-ID', message: 'must be a position of the log' });
  } else if (BigInt(seen ?? asked) > held) {
    const message = `lies ahead of the log, which is at ${held}`;
    faults.push(
      seen === undefined ? { parameter: 'after', message } : { header: 'Last-Event-ID', message },
    );
  }
  if (faults.length > 0) throw invalidRequest(request.id, faults);
  return BigInt((seen as string | undefined) ?? asked);
}
