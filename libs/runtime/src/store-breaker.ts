import { StoreUnavailable } from '@ledger/event-store';

export interface BreakerOptions {
  /** How long the store may leave all calls unanswered before nobody waits for it any more. */
  readonly silenceMs: number;
  /** Asks the store something that it has to answer when it is well. */
  readonly probe: () => Promise<unknown>;
}

interface Call {
  readonly since: number;
  readonly giveUp: ((error: StoreUnavailable) => void) | undefined;
}

/** Between two probes of a store that does not answer. */
const PROBE_EVERY_MS = 100;

/**
 * Ends waiting for a store that has fallen silent on one kind of call: who waits is told that the outcome is
 * unknown, who comes is refused at once, until it answers again. What was sent is not taken back.
 */
export class StoreBreaker {
  readonly #calls = new Set<Call>();
  /** Calls that nobody waits for any more, and that have not ended. */
  readonly #stuck = new Set<Call>();
  readonly #listeners = new Set<() => void>();
  #heardAt = performance.now();
  #silentSince: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(private readonly options: BreakerOptions) {}

  /** For how long the store has been known not to answer, in milliseconds; undefined while it does. */
  get silentMs(): number | undefined {
    return this.#silentSince === undefined ? undefined : performance.now() - this.#silentSince;
  }

  /** Calls `listener` each time the store is found silent. Returns how to stop. */
  onSilence(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Waits for a call, no longer than there is hope.
   *
   * @throws StoreUnavailable At once while the store is silent; `call` is then not made.
   */
  guard<T>(call: () => Promise<T>): Promise<T> {
    if (this.#silentSince !== undefined) return Promise.reject(storeIsSilent());
    return new Promise((resolve, reject) => {
      const result = call();
      const waiting = this.#begin(reject);
      result.then(
        (value) => {
          this.#heard(waiting);
          resolve(value);
        },
        (error: unknown) => {
          this.#failed(waiting, error);
          reject(error as Error);
        },
      );
    });
  }

  /** Learns from a call that is made whatever the state, and that has a bound of its own. */
  observe<T>(result: Promise<T>): Promise<T> {
    const call = this.#begin(undefined);
    // Beside the caller's own wait, not before it: watching must not cost a turn of the event loop.
    void result.then(
      () => this.#heard(call),
      (error: unknown) => this.#failed(call, error),
    );
    return result;
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  #begin(giveUp: Call['giveUp']): Call {
    const call: Call = { since: performance.now(), giveUp };
    this.#calls.add(call);
    if (!this.#timer) this.#lookIn(this.options.silenceMs);
    return call;
  }

  #failed(call: Call, error: unknown): void {
    if (error instanceof StoreUnavailable) this.#forget(call);
    else this.#heard(call);
  }

  #forget(call: Call): void {
    this.#calls.delete(call);
    this.#stuck.delete(call);
  }

  #heard(call: Call): void {
    this.#forget(call);
    this.#heardAt = performance.now();
    this.#silentSince = undefined;
  }

  #lookIn(ms: number): void {
    if (this.#isClosed) return;
    this.#timer = setTimeout(() => {
      // What has arrived by now and was not looked at, because this process was busy itself, still counts.
      setImmediate(() => this.#look());
    }, ms).unref();
  }

  #look(): void {
    this.#timer = undefined;
    const [oldest] = this.#calls;
    if (!oldest || this.#silentSince !== undefined) return;
    const quietMs = performance.now() - Math.max(oldest.since, this.#heardAt);
    const leftMs = this.options.silenceMs - quietMs;
    if (leftMs > 0) this.#lookIn(Math.ceil(leftMs));
    else this.#fallSilent(quietMs);
  }

  #fallSilent(quietMs: number): void {
    this.#silentSince = performance.now() - quietMs;
    const text = `the store has answered nothing for ${Math.round(quietMs)} ms: the outcome is unknown`;
    for (const call of this.#calls) {
      this.#stuck.add(call);
      call.giveUp?.(new StoreUnavailable(text));
    }
    this.#calls.clear();
    for (const listener of this.#listeners) listener();
    void this.#untilHeard();
  }

  /** A store that answers a probe while an earlier call still hangs would only let more of them hang. */
  async #untilHeard(): Promise<void> {
    while (this.#silentSince !== undefined && !this.#isClosed) {
      if (this.#stuck.size === 0 && (await this.#answersProbe())) this.#silentSince = undefined;
      else await new Promise((resolve) => setTimeout(resolve, PROBE_EVERY_MS).unref());
    }
  }

  async #answersProbe(): Promise<boolean> {
    try {
      await this.options.probe();
      this.#heardAt = performance.now();
      return true;
    } catch {
      // That it does not answer is what is known already, and told to everybody who asks.
      return false;
    }
  }
}

export function storeIsSilent(): StoreUnavailable {
  return new StoreUnavailable('the store does not answer at present: nothing was sent to it');
}
