import empty from 'google-protobuf/google/protobuf/empty_pb.js';
import shared from '@eventstore/db-client/generated/shared_pb.js';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import type { Revision } from '../../event-store.js';

const { BatchAppendReq, ReadReq } = streams;

/** Events that the server looks at before it answers with those that pass the filter, be it none. */
const SEARCH_WINDOW = 2_048;
/** Search windows between two checkpoints of a subscription. */
const CHECKPOINT_WINDOWS = 4;
const FORWARDS = 0;
const BACKWARDS = 1;

export interface ProposedEvent {
  readonly eventId: string;
  readonly type: string;
  readonly data: string;
  readonly metadata: string;
}

/**
 * Demands the exact revision, for only then are the event ids compared for sure. Has no deadline for the server:
 * it would be an instant of our clock, and a server whose clock is ahead would refuse every append.
 */
export function appendRequest(
  streamName: string,
  expected: Revision,
  events: readonly ProposedEvent[],
): streams.BatchAppendReq {
  const options = new BatchAppendReq.Options().setStreamIdentifier(identifier(streamName));
  if (expected === 0) options.setNoStream(new empty.Empty());
  else options.setStreamPosition(String(expected - 1));
  return new BatchAppendReq()
    .setOptions(options)
    .setProposedMessagesList(events.map(proposedMessage))
    .setIsFinal(true);
}

/** At most `count` events of a stream from the server's revision `from` on. */
export function streamRequest(streamName: string, from: number, count: number): streams.ReadReq {
  const stream = new ReadReq.Options.StreamOptions()
    .setStreamIdentifier(identifier(streamName))
    .setRevision(String(from));
  return request(new ReadReq.Options().setStream(stream).setCount(String(count)));
}

/** The last event of a stream. */
export function lastEventRequest(streamName: string): streams.ReadReq {
  const stream = new ReadReq.Options.StreamOptions()
    .setStreamIdentifier(identifier(streamName))
    .setEnd(new shared.Empty());
  const options = new ReadReq.Options().setStream(stream).setCount('1');
  return request(options.setReadDirection(BACKWARDS));
}

/** At most `count` events whose stream has the prefix, from a position on, the event at it included. */
export function logRequest(prefix: string, from: bigint, count: number): streams.ReadReq {
  const options = new ReadReq.Options().setAll(allFrom(from)).setCount(String(count));
  return request(options.setFilter(prefixFilter(prefix)).setReadDirection(FORWARDS));
}

/** The newest event whose stream has the prefix. */
export function headRequest(prefix: string): streams.ReadReq {
  const all = new ReadReq.Options.AllOptions().setEnd(new shared.Empty());
  const options = new ReadReq.Options().setAll(all).setCount('1');
  return request(options.setFilter(prefixFilter(prefix)).setReadDirection(BACKWARDS));
}

/** All events whose stream has the prefix, after a position, or after what is there now. */
export function subscriptionRequest(prefix: string, after: bigint | 'end'): streams.ReadReq {
  const all =
    after === 'end' ? new ReadReq.Options.AllOptions().setEnd(new shared.Empty()) : allFrom(after);
  const filter = prefixFilter(prefix).setCheckpointintervalmultiplier(CHECKPOINT_WINDOWS);
  const options = new ReadReq.Options().setAll(all).setFilter(filter);
  return request(options.setSubscription(new ReadReq.Options.SubscriptionOptions()));
}

function request(options: streams.ReadReq.Options): streams.ReadReq {
  const uuids = new ReadReq.Options.UUIDOption().setString(new shared.Empty());
  if (!options.hasFilter()) options.setNoFilter(new shared.Empty());
  return new ReadReq().setOptions(options.setResolveLinks(false).setUuidOption(uuids));
}

function allFrom(position: bigint): streams.ReadReq.Options.AllOptions {
  const all = new ReadReq.Options.AllOptions();
  if (position === 0n) return all.setStart(new shared.Empty());
  const at = new ReadReq.Options.Position()
    .setCommitPosition(String(position))
    .setPreparePosition(String(position));
  return all.setPosition(at);
}

function prefixFilter(prefix: string): streams.ReadReq.Options.FilterOptions {
  const expression = new ReadReq.Options.FilterOptions.Expression().setPrefixList([prefix]);
  return new ReadReq.Options.FilterOptions()
    .setStreamIdentifier(expression)
    .setMax(SEARCH_WINDOW)
    .setCheckpointintervalmultiplier(1);
}

function identifier(streamName: string): shared.StreamIdentifier {
  return new shared.StreamIdentifier().setStreamName(Buffer.from(streamName));
}

function proposedMessage({
  eventId,
  type,
  data,
  metadata,
}: ProposedEvent): streams.BatchAppendReq.ProposedMessage {
  const message = new BatchAppendReq.ProposedMessage()
    .setId(new shared.UUID().setString(eventId))
    .setData(Buffer.from(data))
    .setCustomMetadata(Buffer.from(metadata));
  message.getMetadataMap().set('type', type).set('content-type', 'application/json');
  return message;
}
