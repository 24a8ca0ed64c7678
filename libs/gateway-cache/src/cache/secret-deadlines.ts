import { LRUCache } from 'lru-cache';
import { NEVER, stricter, type Deadline } from '../time.js';

/**
 * When rotated secrets end, as the messages said it, for answers that are cached already and for those
 * that come later. Bounded: of one that is dropped, what the ledger's own answers say still holds.
 */
export class SecretDeadlines {
  readonly #deadlines: LRUCache<string, Deadline>;

  constructor(max: number) {
    this.#deadlines = new LRUCache({ max });
  }

  of(secretId: string): Deadline {
    return this.#deadlines.peek(secretId) ?? NEVER;
  }

  /** A message that comes again is received later, which must not move the end: the stricter stays. */
  add(secretId: string, deadline: Deadline): void {
    this.#deadlines.set(secretId, stricter(this.of(secretId), deadline));
  }

  clear(): void {
    this.#deadlines.clear();
  }
}
