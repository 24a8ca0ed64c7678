import { randomInt } from 'node:crypto';

const FIRST_MS = 100;
const LAST_MS = 5_000;

/** How long to wait before the next try: longer each time, and never the same for all who were cut off. */
export class ReconnectDelay {
  #tries = 0;

  next(): number {
    const most = Math.min(LAST_MS, FIRST_MS * 2 ** Math.min(this.#tries, 10));
    this.#tries += 1;
    return randomInt(Math.ceil(most / 2), most + 1);
  }

  /** It worked. */
  reset(): void {
    this.#tries = 0;
  }
}
