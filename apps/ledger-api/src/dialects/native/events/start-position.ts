import type { Position } from '@ledger/event-store';
import type { NativeRequest } from '../native-request.js';
import { invalidRequest, type Fault } from '../problems/problem.js';
import type { EventFeed } from './event-feed.js';
import { POSITION_FORM } from './events.dto.js';

const POSITION = new RegExp(POSITION_FORM);
const NO_POSITION =
  'is no position of this log; name one that an answer of this ledger told, or leave it out';

/**
 * The position to start after. What the reader last saw says more than where its URL began.
 *
 * @throws Refusal 400 for one that the log cannot be read on from. @throws StoreUnavailable
 */
export async function startOf(
  request: NativeRequest,
  { after: asked = '0' }: { readonly after?: string },
  held: Position,
  feed: EventFeed,
): Promise<Position> {
  const seen = request.headers['last-event-id'];
  const refused = (message: string, place?: 'after'): Error => {
    const fault: Fault = place
      ? { parameter: place, message }
      : { header: 'Last-Event-ID', message };
    return invalidRequest(request.id, [fault]);
  };
  if (seen !== undefined && (typeof seen !== 'string' || !POSITION.test(seen))) {
    throw refused('must be a position of the log');
  }
  const place = seen === undefined ? 'after' : undefined;
  const position = BigInt(seen ?? asked);
  if (position > held) throw refused(`lies ahead of the log, which is at ${held}`, place);
  if (!(await feed.startsAfter(position))) throw refused(NO_POSITION, place);
  return position;
}
