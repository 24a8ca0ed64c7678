import {
  AccessDeniedError,
  CancelledError,
  convertToCommandError,
  NotLeaderError,
  StreamDeletedError,
  UnavailableError,
  type EndPoint,
} from '@eventstore/db-client';
import { status } from '@grpc/grpc-js';
import { StoreDamaged, StoreUnavailable } from '../../event-store.js';

/** A call that was sent and not answered in time. Says nothing of what the server did. */
export class ServerSilent extends Error {
  override readonly name = 'ServerSilent';
}

/** Whether the connection that brought this error is of no more use. */
export function breaksLink(error: Error): boolean {
  const command = convertToCommandError(error);
  if (command instanceof NotLeaderError) return true;
  if (command instanceof UnavailableError || command instanceof CancelledError) return true;
  // A follower that knows no leader says so in words only.
  return codeOf(error) === status.INTERNAL || /no leader info/i.test(error.message);
}

/** Where the leader is, when that is what the server had to say. */
export function leaderNamedBy(error: Error): EndPoint | undefined {
  const command = convertToCommandError(error);
  return command instanceof NotLeaderError ? command.leader : undefined;
}

/** A read of the log that began between two records. Servers of different versions say it differently. */
export function isInvalidPosition(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = codeOf(error);
  return code === status.INVALID_ARGUMENT || (code === status.UNKNOWN && !breaksLink(error));
}

/** Whether asking again can help. */
export function isLasting(error: Error): boolean {
  const command = convertToCommandError(error);
  return command instanceof AccessDeniedError || command instanceof StreamDeletedError;
}

/** What the port promises to throw. */
export function asStoreError(cause: Error): StoreDamaged | StoreUnavailable {
  if (cause instanceof StoreDamaged || cause instanceof StoreUnavailable) return cause;
  const command = convertToCommandError(cause);
  if (command instanceof StreamDeletedError) {
    return new StoreDamaged('a stream of the ledger was deleted from the database', { cause });
  }
  if (command instanceof AccessDeniedError) {
    return new StoreUnavailable('the database refuses its user', { cause });
  }
  return new StoreUnavailable('the database did not answer', { cause });
}

function codeOf(error: Error): unknown {
  return 'code' in error ? error.code : undefined;
}
