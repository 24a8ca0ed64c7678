import { StoreUnavailable, type Revision } from '../../event-store.js';
import type { AppendAnswer } from './append-answers.js';
import { backOff } from './backoff.js';
import { appendRequest, type ProposedEvent } from './requests.js';
import type { ServerConnection } from './server-connection.js';
import { breaksLink, ServerSilent } from './server-errors.js';

const ATTEMPTS_MAX = 3;

export type DecidedAppend = Extract<AppendAnswer, { readonly kind: 'appended' | 'conflict' }>;

export interface AppendStats {
  /** Appends decided by the database, conflicts and repeats of the caller included. */
  readonly appends: number;
  /** Attempts after the first, because the outcome of the one before was unknown. */
  readonly repeats: number;
  /** Attempts that were not answered in time. */
  readonly timeouts: number;
}

/** Writes, and asks again where it cannot know: the same ids at the same revision are written once. */
export class Appender {
  #appends = 0;
  #repeats = 0;
  #timeouts = 0;

  /** @param deadlineMs What all attempts at one append may take together. */
  constructor(
    private readonly connection: ServerConnection,
    private readonly deadlineMs: number,
  ) {}

  get stats(): AppendStats {
    return { appends: this.#appends, repeats: this.#repeats, timeouts: this.#timeouts };
  }

  /** @throws StoreUnavailable When the outcome is unknown after the last attempt. */
  async append(
    streamName: string,
    expected: Revision,
    events: readonly ProposedEvent[],
  ): Promise<DecidedAppend> {
    const start = performance.now();
    const request = appendRequest(streamName, expected, events);
    for (let attempt = 1; ; attempt += 1) {
      const left = Math.max(0, this.deadlineMs - (performance.now() - start));
      const link = await this.connection.link(left);
      const { appends } = link;
      const before = appends.answers;
      const answer = await appends.append(request, this.deadlineMs / ATTEMPTS_MAX);
      if (answer.kind === 'refused') throw answer.error;
      if (answer.kind === 'appended' || answer.kind === 'conflict') {
        this.#appends += 1;
        return answer;
      }
      const { error } = answer;
      const isSilent = error instanceof ServerSilent;
      if (isSilent) this.#timeouts += 1;
      const isDead = isSilent ? appends.answers === before : breaksLink(error);
      if (answer.kind === 'broken' || isDead) this.connection.giveUp(link, error);
      if (attempt >= ATTEMPTS_MAX || performance.now() - start >= this.deadlineMs) {
        throw new StoreUnavailable('what became of the append is unknown', { cause: error });
      }
      this.#repeats += 1;
      if (!isSilent) await backOff(attempt);
    }
  }
}
