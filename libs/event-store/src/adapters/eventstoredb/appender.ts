import { StoreUnavailable, type Revision } from '../../event-store.js';
import type { AppendAnswer } from './append-answers.js';
import { Watchdog, type Deadline } from './deadline.js';
import { appendRequest, type ProposedEvent } from './requests.js';
import type { ServerConnection } from './server-connection.js';
import { breaksLink, ServerSilent } from './server-errors.js';
import type { ServerLink } from './server-link.js';

export type DecidedAppend = Extract<AppendAnswer, { readonly kind: 'appended' | 'conflict' }>;
type Conclusive = Extract<AppendAnswer, { readonly kind: 'appended' | 'conflict' | 'refused' }>;
type Inconclusive = Exclude<AppendAnswer, Conclusive>;

export interface AppendStats {
  /** Appends decided by the database, conflicts and repeats of the caller included. */
  readonly appends: number;
  /** Time that those took, repeats and the wait for a connection included, in milliseconds. */
  readonly appendMsTotal: number;
  /** Attempts after the first, because the outcome of the one before was unknown. */
  readonly repeats: number;
  /** Attempts that were not answered in time. */
  readonly timeouts: number;
}

/** An append on its way: whichever of its attempts is answered first decides it. */
class PendingAppend {
  readonly decided: Promise<Conclusive>;
  readonly #forget: (() => void)[] = [];
  #decide: (answer: Conclusive) => void = () => undefined;

  constructor(private readonly request: () => ReturnType<typeof appendRequest>) {
    this.decided = new Promise((resolve) => (this.#decide = resolve));
  }

  /** Ends with what says nothing of the append; what says something ends `decided`. */
  attempt(link: ServerLink, silenceMs: number): Promise<Inconclusive> {
    const { answer, forget } = link.appends.send(this.request());
    return new Promise((resolve) => {
      const watchdog = new Watchdog(silenceMs, () => {
        const error = new ServerSilent(`no answer to an append in ${Math.round(silenceMs)} ms`);
        resolve({ kind: 'unknown', error });
      });
      this.#forget.push(forget, () => watchdog.stop());
      void answer.then((given) => {
        if (given.kind === 'unknown' || given.kind === 'broken') resolve(given);
        else this.#decide(given);
      });
    });
  }

  end(): void {
    for (const forget of this.#forget) forget();
  }
}

/** Writes, and asks again where it cannot know: the same ids at the same revision are written once. */
export class Appender {
  #appends = 0;
  #appendMsTotal = 0;
  #repeats = 0;
  #timeouts = 0;

  constructor(private readonly connection: ServerConnection) {}

  get stats(): AppendStats {
    return {
      appends: this.#appends,
      appendMsTotal: this.#appendMsTotal,
      repeats: this.#repeats,
      timeouts: this.#timeouts,
    };
  }

  /** @throws StoreUnavailable When the outcome is unknown after the last attempt. */
  async append(
    streamName: string,
    expected: Revision,
    events: readonly ProposedEvent[],
    deadline: Deadline,
  ): Promise<DecidedAppend> {
    const startedAt = performance.now();
    const pending = new PendingAppend(() => appendRequest(streamName, expected, events));
    try {
      const answer = await this.#decided(pending, deadline);
      if (answer.kind === 'refused') throw answer.error;
      this.#appends += 1;
      this.#appendMsTotal += performance.now() - startedAt;
      return answer;
    } finally {
      pending.end();
    }
  }

  async #decided(pending: PendingAppend, deadline: Deadline): Promise<Conclusive> {
    for (let attempt = 1; ; attempt += 1) {
      const link = await this.connection.link(deadline.leftMs);
      const before = link.appends.answers;
      const sent = pending.attempt(link, deadline.attemptMs);
      const answer = await Promise.race([pending.decided, sent]);
      if (answer.kind !== 'unknown' && answer.kind !== 'broken') return answer;
      const { error } = answer;
      const isSilent = error instanceof ServerSilent;
      if (isSilent) this.#timeouts += 1;
      // A stream on which others are answered is slow and not dead: a new one would make it worse.
      const isDead = isSilent ? link.appends.answers === before : breaksLink(error);
      if (answer.kind === 'broken' || isDead) this.connection.giveUp(link, error);
      if (!deadline.allowsAfter(attempt)) {
        throw new StoreUnavailable('what became of the append is unknown', { cause: error });
      }
      this.#repeats += 1;
      if (!isSilent) await deadline.backOff(attempt);
    }
  }
}
