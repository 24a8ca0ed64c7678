/** Where in a call it fails: before it has any effect, after all of it, or with half of what it was given done. */
export type FaultPoint = 'before' | 'after' | 'halfway';

type Call = (...given: readonly unknown[]) => Promise<unknown>;

/**
 * Fails one call, by its number, of all that are made through the objects it is wrapped around. A crash leaves that
 * call and all that follow unanswered for ever, as in a process that is gone; an error is thrown.
 */
export class Fault {
  readonly struck: Promise<void>;
  hasStruck = false;
  #calls = 0;
  #strike: () => void = () => undefined;

  constructor(
    private readonly at: number,
    private readonly point: FaultPoint,
    private readonly error?: Error,
  ) {
    this.struck = new Promise((resolve) => (this.#strike = resolve));
  }

  /** The object, with the named methods failing when it is their turn. What they return is wrapped too. */
  around<Target extends object>(target: Target, methods: readonly string[]): Target {
    return new Proxy(target, {
      get: (object, name) => {
        const member: unknown = Reflect.get(object, name, object);
        if (typeof member !== 'function') return member;
        const call = (member as Call).bind(object);
        if (!methods.includes(String(name))) return call;
        return (...given: readonly unknown[]) => this.#pass(call, given, methods);
      },
    });
  }

  async #pass(call: Call, given: readonly unknown[], methods: readonly string[]): Promise<unknown> {
    if (this.hasStruck && !this.error) return new Promise(() => undefined);
    const isTurn = this.#calls++ === this.at;
    if (isTurn && this.point === 'before') return this.#fail();
    const [items, ...rest] = given;
    if (isTurn && this.point === 'halfway' && Array.isArray(items)) {
      await call(items.slice(0, Math.ceil(items.length / 2)), ...rest);
      return this.#fail();
    }
    const result = await call(...given);
    if (isTurn) return this.#fail();
    return isTerm(result) ? this.around(result, methods) : result;
  }

  #fail(): Promise<never> {
    this.hasStruck = true;
    this.#strike();
    return this.error ? Promise.reject(this.error) : new Promise(() => undefined);
  }
}

function isTerm(result: unknown): result is object {
  return typeof result === 'object' && result !== null && 'epoch' in result;
}
