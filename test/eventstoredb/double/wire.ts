import { Metadata, status, type ServerErrorResponse } from '@grpc/grpc-js';
import shared from '@eventstore/db-client/generated/shared_pb.js';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import { parseUUID } from '@eventstore/db-client/dist/utils/grpcUUID.js';
import type { Expected } from './check-commit.js';
import type { LogRecord, Proposed } from './event-log.js';
import type { Endpoint } from './faults.js';

interface WithStreamIdentifier {
  getStreamIdentifier(): shared.StreamIdentifier | undefined;
}

export function streamNameOf(message: WithStreamIdentifier): string {
  return Buffer.from(message.getStreamIdentifier()?.getStreamName_asU8() ?? '').toString('utf8');
}

export function streamIdentifier(streamId: string): shared.StreamIdentifier {
  return new shared.StreamIdentifier().setStreamName(Buffer.from(streamId));
}

interface WithExpectation {
  hasNoStream(): boolean;
  hasAny(): boolean;
  hasStreamExists(): boolean;
}

/** What an append or a deletion demands; `revision` is its field for an explicit one. */
export function expectationOf(options: WithExpectation, revision: string): Expected {
  if (options.hasNoStream()) return 'no-stream';
  if (options.hasStreamExists()) return 'stream-exists';
  return options.hasAny() ? 'any' : BigInt(revision);
}

type ProposedMessage = streams.AppendReq.ProposedMessage | streams.BatchAppendReq.ProposedMessage;

export function proposedOf(message: ProposedMessage): Proposed {
  const metadata = message.getMetadataMap();
  return {
    id: parseUUID(message.getId()) ?? '',
    type: metadata.get('type') ?? '',
    contentType: metadata.get('content-type') ?? '',
    data: message.getData_asU8(),
    metadata: message.getCustomMetadata_asU8(),
  };
}

export function readEvent(record: LogRecord): streams.ReadResp {
  const recorded = new streams.ReadResp.ReadEvent.RecordedEvent()
    .setId(new shared.UUID().setString(record.id))
    .setStreamIdentifier(streamIdentifier(record.streamId))
    .setStreamRevision(String(record.revision))
    .setCommitPosition(String(record.position))
    .setPreparePosition(String(record.position))
    .setCustomMetadata(record.metadata)
    .setData(record.data);
  recorded
    .getMetadataMap()
    .set('type', record.type)
    .set('content-type', record.contentType)
    .set('created', String(BigInt(record.createdMs) * 10_000n));
  const event = new streams.ReadResp.ReadEvent()
    .setEvent(recorded)
    .setCommitPosition(String(record.position));
  return new streams.ReadResp().setEvent(event);
}

export function allPosition(position: bigint): shared.AllStreamPosition {
  return new shared.AllStreamPosition()
    .setCommitPosition(String(position))
    .setPreparePosition(String(position));
}

/** An error as the server sends it: a status, and trailers that name the exception. */
export function rpcError(
  code: number,
  details: string,
  trailers: Readonly<Record<string, string>> = {},
): ServerErrorResponse {
  const metadata = new Metadata();
  for (const [key, value] of Object.entries(trailers)) metadata.set(key, value);
  return Object.assign(new Error(details), { code, details, metadata });
}

export const rpcErrors = {
  notLeader: ({ address, port }: Endpoint) =>
    rpcError(status.NOT_FOUND, 'Leader info available', {
      exception: 'not-leader',
      'leader-endpoint-host': address,
      'leader-endpoint-port': String(port),
    }),
  streamDeleted: (streamId: string) =>
    rpcError(status.FAILED_PRECONDITION, `Event stream '${streamId}' is deleted.`, {
      exception: 'stream-deleted',
      'stream-name': streamId,
    }),
  wrongVersion: (streamId: string, expected: Expected, current: bigint) =>
    rpcError(status.FAILED_PRECONDITION, 'WrongExpectedVersion', {
      exception: 'wrong-expected-version',
      'stream-name': streamId,
      'expected-version': String(typeof expected === 'bigint' ? expected : -1),
      'actual-version': current < 0n ? '' : String(current),
    }),
  tooBig: (bytesMax: number) =>
    rpcError(status.INVALID_ARGUMENT, `Maximum Append Size of ${bytesMax} Exceeded.`, {
      exception: 'maximum-append-size-exceeded',
      'maximum-append-size': String(bytesMax),
    }),
  invalidPosition: () =>
    rpcError(status.INVALID_ARGUMENT, 'Trying to read from an invalid position.'),
  unavailable: () => rpcError(status.UNAVAILABLE, 'Server Is Not Ready'),
  unauthenticated: () => rpcError(status.UNAUTHENTICATED, 'Unauthenticated'),
};
