import type { ReadReq, ReadResp } from '@eventstore/db-client/generated/streams_pb.js';
import { StoreUnavailable } from '../../event-store.js';
import { Watchdog, type Deadline } from './deadline.js';
import type { RecordedEvent } from './recorded-events.js';
import type { ServerConnection } from './server-connection.js';
import {
  asStoreError,
  breaksLink,
  isInvalidPosition,
  isLasting,
  ServerSilent,
} from './server-errors.js';
import type { ServerLink } from './server-link.js';

export interface ReadTerms {
  readonly deadline: Deadline;
  /** Asks the leader itself: a follower may lack what was just acknowledged. */
  readonly requiresLeader?: boolean;
  /** The read begins at a position that may not be one: whether it is, is then for the caller to ask. */
  readonly mayMiss?: boolean;
}

/** Reads that end. The client's own cannot be given a deadline: a server that hangs would hang them for ever. */
export class Reader {
  #timeouts = 0;

  constructor(private readonly connection: ServerConnection) {}

  /** Reads on which the server fell silent. */
  get timeouts(): number {
    return this.#timeouts;
  }

  /**
   * @returns Empty for a stream that is not there.
   * @throws StoreUnavailable, StoreDamaged
   * @throws ServiceError For a position at which no event lies, if that may be; see `isInvalidPosition`.
   */
  async read(request: ReadReq, terms: ReadTerms): Promise<readonly RecordedEvent[]> {
    const { deadline, requiresLeader = false, mayMiss = false } = terms;
    for (let attempt = 1; ; attempt += 1) {
      const link = await this.connection.link(deadline.leftMs);
      const before = link.messagesRead;
      try {
        return await collect(link.read(request, requiresLeader), deadline.attemptMs);
      } catch (cause) {
        const error = cause instanceof Error ? cause : new Error(String(cause));
        if (mayMiss && isInvalidPosition(error)) throw error;
        if (isLasting(error)) throw asStoreError(error);
        const isSilent = error instanceof ServerSilent;
        if (isSilent) this.#timeouts += 1;
        // A link on which others are answered is slow and not dead: a new one would make it worse.
        if (isSilent ? link.messagesRead === before : breaksLink(error)) {
          this.connection.giveUp(link, error);
        }
        if (!deadline.allowsAfter(attempt)) {
          throw new StoreUnavailable('the database did not answer a read', { cause: error });
        }
        if (!isSilent) await deadline.backOff(attempt);
      }
    }
  }
}

/** Never left half-way: a call that is not read to its end is cancelled, or the server would keep it. */
function collect(
  call: ReturnType<ServerLink['read']>,
  silenceMs: number,
): Promise<readonly RecordedEvent[]> {
  return new Promise((resolve, reject) => {
    const events: RecordedEvent[] = [];
    const watchdog = new Watchdog(silenceMs, () => {
      reject(new ServerSilent(`no answer to a read in ${Math.round(silenceMs)} ms`));
      call.cancel();
    });
    call.on('data', (response: ReadResp) => {
      watchdog.heard();
      const event = response.getEvent()?.getEvent();
      if (event) events.push(event);
    });
    call.on('error', (error) => {
      watchdog.stop();
      reject(error);
    });
    call.on('end', () => {
      watchdog.stop();
      resolve(events);
    });
  });
}
