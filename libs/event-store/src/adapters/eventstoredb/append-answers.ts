import shared from '@eventstore/db-client/generated/shared_pb.js';
import type { BatchAppendResp } from '@eventstore/db-client/generated/streams_pb.js';
import type { Status } from '@eventstore/db-client/generated/status_pb.js';
import { StoreDamaged, StoreUnavailable } from '../../event-store.js';

/** What became of one append that was sent. Revisions are the server's: -1 for a stream that is not there. */
export type AppendAnswer =
  | {
      readonly kind: 'appended';
      readonly lastRevision: number;
      /** Absent for a repeat of what is written and not yet replicated. */
      readonly position: bigint | undefined;
    }
  | { readonly kind: 'conflict'; readonly lastRevision: number }
  /** Never to be repeated. */
  | { readonly kind: 'refused'; readonly error: Error }
  /** Perhaps written. */
  | { readonly kind: 'unknown'; readonly error: Error }
  /** The connection is gone, and perhaps the append is written. */
  | { readonly kind: 'broken'; readonly error: Error };

const PACKAGE = 'event_store.client.';

export function appendAnswer(response: BatchAppendResp): AppendAnswer {
  const success = response.getSuccess();
  if (success) {
    const position = success.getPosition();
    return {
      kind: 'appended',
      lastRevision: success.hasCurrentRevision() ? Number(success.getCurrentRevision()) : -1,
      position: position && BigInt(position.getCommitPosition()),
    };
  }
  const error = response.getError();
  return error ? failureOf(error) : unknown('an answer without success and without error');
}

/** By the type of the details; what has none of its own, as a server that is not ready, may pass. */
function failureOf(error: Status): AppendAnswer {
  const details = error.getDetails();
  switch (details?.getTypeName()) {
    case `${PACKAGE}WrongExpectedVersion`: {
      const wrong = shared.WrongExpectedVersion.deserializeBinary(details.getValue_asU8());
      const isThere = wrong.hasCurrentStreamRevision();
      const lastRevision = isThere ? Number(wrong.getCurrentStreamRevision()) : -1;
      return { kind: 'conflict', lastRevision };
    }
    case `${PACKAGE}StreamDeleted`:
      return refused(new StoreDamaged('the stream was deleted from the database'));
    case `${PACKAGE}AccessDenied`:
      return refused(new StoreUnavailable('the database refuses its user'));
    case `${PACKAGE}MaximumAppendSizeExceeded`: {
      const tooBig = shared.MaximumAppendSizeExceeded.deserializeBinary(details.getValue_asU8());
      const bytesMax = tooBig.getMaxappendsize();
      return refused(new RangeError(`the events of one append exceed ${bytesMax} bytes`));
    }
    case `${PACKAGE}BadRequest`: {
      const bad = shared.BadRequest.deserializeBinary(details.getValue_asU8());
      return refused(new Error(`the database refuses the append: ${bad.getMessage()}`));
    }
    case `${PACKAGE}Timeout`:
      return unknown('the database did not finish the append in time');
    default:
      return unknown(error.getMessage() || 'the database failed to append');
  }
}

function refused(error: Error): AppendAnswer {
  return { kind: 'refused', error };
}

function unknown(message: string): AppendAnswer {
  return { kind: 'unknown', error: new Error(message) };
}
