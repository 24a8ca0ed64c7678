import type streams from '@eventstore/db-client/generated/streams_pb.js';
import type { LogRecord } from './event-log.js';

export type EventFilter = (record: LogRecord) => boolean;

/** What a filtered read or subscription lets through; without a filter, everything. */
export function eventFilter(
  options: streams.ReadReq.Options.FilterOptions | undefined,
): EventFilter {
  const byStream = options?.getStreamIdentifier();
  const byType = options?.getEventType();
  const expression = byStream ?? byType;
  if (!expression) return () => true;
  const textOf = byStream ? ({ streamId }: LogRecord) => streamId : ({ type }: LogRecord) => type;
  const prefixes = expression.getPrefixList();
  if (prefixes.length > 0) {
    return (record) => prefixes.some((prefix) => textOf(record).startsWith(prefix));
  }
  const regex = new RegExp(expression.getRegex(), 'u');
  return (record) => regex.test(textOf(record));
}
