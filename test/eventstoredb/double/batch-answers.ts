import any from 'google-protobuf/google/protobuf/any_pb.js';
import empty from 'google-protobuf/google/protobuf/empty_pb.js';
import shared from '@eventstore/db-client/generated/shared_pb.js';
import codes from '@eventstore/db-client/generated/status_pb.js';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import type { Expected } from './check-commit.js';
import type { CommitResult } from './event-log.js';
import { allPosition, streamIdentifier } from './wire.js';

interface AnsweredAppend {
  readonly streamId: string;
  readonly expected: Expected;
  readonly withPosition: boolean;
}

/** The answer to one append of a batch stream; the correlation id is for the caller to add. */
export function batchAnswer(result: CommitResult, append: AnsweredAppend): streams.BatchAppendResp {
  const { streamId, expected, withPosition } = append;
  const response = new streams.BatchAppendResp().setStreamIdentifier(streamIdentifier(streamId));
  switch (result.kind) {
    case 'success': {
      const success = new streams.BatchAppendResp.Success().setCurrentRevision(
        String(result.revision),
      );
      if (withPosition) success.setPosition(allPosition(result.position));
      else success.setNoPosition(new empty.Empty());
      return response.setSuccess(success);
    }
    case 'wrong-version':
      return response.setError(
        failure('WrongExpectedVersion', wrongVersion(expected, result.current)),
      );
    case 'deleted': {
      const deleted = new shared.StreamDeleted().setStreamIdentifier(streamIdentifier(streamId));
      return response.setError(failure('StreamDeleted', deleted));
    }
    case 'too-big': {
      const tooBig = new shared.MaximumAppendSizeExceeded().setMaxappendsize(result.bytesMax);
      return response.setError(failure('MaximumAppendSizeExceeded', tooBig));
    }
  }
}

/** A refusal of the server itself. `not-ready` has nothing but its message to tell it by. */
export function batchRefusal(
  reason: 'not-ready' | 'timeout',
  streamId: string,
): streams.BatchAppendResp {
  const response = new streams.BatchAppendResp().setStreamIdentifier(streamIdentifier(streamId));
  if (reason === 'timeout') return response.setError(failure('Timeout', new shared.Timeout()));
  const details = new any.Any();
  details.pack(new empty.Empty().serializeBinary(), 'google.protobuf.Empty');
  return response.setError(
    new codes.Status().setMessage('Server Is Not Ready').setDetails(details),
  );
}

function failure(type: string, message: { serializeBinary(): Uint8Array }): codes.Status {
  const details = new any.Any();
  details.pack(message.serializeBinary(), `event_store.client.${type}`);
  return new codes.Status().setMessage(type).setDetails(details);
}

function wrongVersion(expected: Expected, current: bigint): shared.WrongExpectedVersion {
  const wrong = new shared.WrongExpectedVersion();
  if (current < 0n) wrong.setCurrentNoStream(new empty.Empty());
  else wrong.setCurrentStreamRevision(String(current));
  if (expected === 'any') return wrong.setExpectedAny(new empty.Empty());
  if (expected === 'no-stream') return wrong.setExpectedNoStream(new empty.Empty());
  if (expected === 'stream-exists') return wrong.setExpectedStreamExists(new empty.Empty());
  return wrong.setExpectedStreamPosition(String(expected));
}
