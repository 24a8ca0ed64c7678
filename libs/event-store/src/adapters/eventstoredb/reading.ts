import type { ReadReq, ReadResp } from '@eventstore/db-client/generated/streams_pb.js';
import { StoreUnavailable } from '../../event-store.js';
import { backOff } from './backoff.js';
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

const ATTEMPTS_MAX = 3;

/** Reads that end. The client's own cannot be given a deadline: a server that hangs would hang them for ever. */
export class Reader {
  #timeouts = 0;

  /** @param deadlineMs What all attempts at one read may take together while the server sends nothing. */
  constructor(
    private readonly connection: ServerConnection,
    private readonly deadlineMs: number,
  ) {}

  /** Reads on which the server fell silent. */
  get timeouts(): number {
    return this.#timeouts;
  }

  /**
   * @param requiresLeader Asks the leader itself: a follower may lack what was just acknowledged.
   * @returns Empty for a stream that is not there.
   * @throws StoreUnavailable, StoreDamaged
   * @throws ServiceError For a position at which no event lies; see `isInvalidPosition`.
   */
  async read(request: ReadReq, requiresLeader = false): Promise<readonly RecordedEvent[]> {
    const start = performance.now();
    for (let attempt = 1; ; attempt += 1) {
      const left = Math.max(0, this.deadlineMs - (performance.now() - start));
      const link = await this.connection.link(left);
      const before = link.messagesRead;
      try {
        return await collect(link.read(request, requiresLeader), this.deadlineMs / ATTEMPTS_MAX);
      } catch (cause) {
        const error = cause instanceof Error ? cause : new Error(String(cause));
        if (isInvalidPosition(error)) throw error;
        if (isLasting(error)) throw asStoreError(error);
        const isSilent = error instanceof ServerSilent;
        if (isSilent) this.#timeouts += 1;
        // A link on which others are answered is slow and not dead: a new one would make it worse.
        if (isSilent ? link.messagesRead === before : breaksLink(error)) {
          this.connection.giveUp(link, error);
        }
        if (attempt >= ATTEMPTS_MAX || performance.now() - start >= this.deadlineMs) {
          throw new StoreUnavailable('the database did not answer a read', { cause: error });
        }
        if (!isSilent) await backOff(attempt);
      }
    }
  }
}

/** Never left half-way: a call that is not read to its end is cancelled, or the server would keep it. */
function collect(
  call: ReturnType<ServerLink['read']>,
  silenceMsMax: number,
): Promise<readonly RecordedEvent[]> {
  return new Promise((resolve, reject) => {
    const events: RecordedEvent[] = [];
    const watchdog = setTimeout(() => {
      reject(new ServerSilent(`no answer to a read in ${Math.round(silenceMsMax)} ms`));
      call.cancel();
    }, silenceMsMax);
    call.on('data', (response: ReadResp) => {
      watchdog.refresh();
      const event = response.getEvent()?.getEvent();
      if (event) events.push(event);
    });
    call.on('error', (error) => {
      clearTimeout(watchdog);
      reject(error);
    });
    call.on('end', () => {
      clearTimeout(watchdog);
      resolve(events);
    });
  });
}
