/** Steps that wait to be taken, one at a time, in an order that a test decides. */
export class Steps {
  readonly #waiting: { readonly name: string; readonly take: () => void }[] = [];
  readonly taken: string[] = [];

  constructor(private readonly choose: (options: number) => number) {}

  /** Resolves when the step is taken. */
  wait(name: string): Promise<void> {
    return new Promise((take) => this.#waiting.push({ name, take }));
  }

  /** Takes steps until none waits, each after everything that the one before it led to. */
  async run(): Promise<void> {
    await settled();
    while (this.#waiting.length > 0) {
      const [step] = this.#waiting.splice(this.choose(this.#waiting.length), 1);
      this.taken.push(step!.name);
      step!.take();
      await settled();
    }
  }
}

/** Lets all microtasks run: nothing here waits for a timer or for I/O. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Runs a scenario once for every order in which its steps can be taken. @returns How many there are. */
export async function explore(scenario: (steps: Steps) => Promise<void>): Promise<number> {
  let path: { choice: number; options: number }[] = [];
  for (let orders = 1; ; orders += 1) {
    let depth = 0;
    const choose = (options: number): number => {
      path[depth] ??= { choice: 0, options };
      return path[depth++]!.choice;
    };
    await scenario(new Steps(choose));
    path = path.slice(0, depth);
    while (path.length > 0 && path.at(-1)!.choice === path.at(-1)!.options - 1) path.pop();
    if (path.length === 0) return orders;
    path.at(-1)!.choice += 1;
  }
}
