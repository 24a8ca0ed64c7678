export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** How the next answers of a double go wrong. Counters run down, the rest stays until it is changed. */
export class Faults {
  /** Appends that are committed and never answered. */
  lostAcks = 0;
  /** Every append is committed and never answered, and answered when it comes again. */
  losesFirstAcks = false;
  /** Appends that are committed, after which the call breaks: the outcome is unknown to the caller. */
  brokenAfterCommit = 0;
  /** Appends that are committed and answered with the server's own time-out. */
  timedOutAfterCommit = 0;
  /** Calls and appends refused as UNAVAILABLE, nothing done. */
  unavailable = 0;
  /** Batch appends refused because the server is not ready, nothing done. */
  notReady = 0;
  /** Batch appends that are answered twice. */
  duplicateReplies = 0;
  /** Batch appends that are answered without a position, as while a repeat is not yet replicated. */
  positionlessReplies = 0;
  /** Reads that send nothing and never end. */
  hangingReads = 0;
  /** Every answer comes this much later. */
  delayMs = 0;
  /** Who leads instead; calls that demand the leader are sent there. */
  leader: Endpoint | undefined;

  readonly #acksLost = new Set<string>();

  /** Whether the acknowledgement of this append is to be lost. */
  losesAck(firstEventId: string | undefined): boolean {
    if (this.take('lostAcks')) return true;
    if (!this.losesFirstAcks || firstEventId === undefined) return false;
    const isFirst = !this.#acksLost.has(firstEventId);
    this.#acksLost.add(firstEventId);
    return isFirst;
  }

  /** Takes one off a counter and says whether there was one. */
  take(counter: Counter): boolean {
    if (this[counter] <= 0) return false;
    this[counter] -= 1;
    return true;
  }
}

export type Counter = {
  [Key in keyof Faults]: Faults[Key] extends number ? Key : never;
}[keyof Faults];
