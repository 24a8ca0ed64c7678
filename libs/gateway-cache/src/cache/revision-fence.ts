import { LRUCache } from 'lru-cache';

/**
 * From which position on an answer about a token is good. Without it, an answer that was judged before a
 * revocation and arrives after its message would put the token back (V3).
 *
 * Fences are bounded in number. The position of one that is dropped becomes a floor for all tokens, so
 * that forgetting makes the gateway stricter and never laxer.
 */
export class RevisionFence {
  readonly #fences: LRUCache<string, { readonly position: bigint }>;
  #floor = 0n;

  constructor(max: number) {
    this.#fences = new LRUCache({
      max,
      dispose: ({ position }, _tokenId, reason) => {
        if (reason === 'evict') this.raiseFloor(position);
      },
    });
  }

  get floor(): bigint {
    return this.#floor;
  }

  /** First position whose answers about the token are good; null is a token that is not known. */
  of(tokenId: string | null): bigint {
    const fence = tokenId === null ? undefined : this.#fences.peek(tokenId)?.position;
    return fence !== undefined && fence > this.#floor ? fence : this.#floor;
  }

  /** Messages come in any order, and again: only the newest counts (V4). */
  raise(tokenId: string, position: bigint): void {
    if (position > this.of(tokenId)) this.#fences.set(tokenId, { position });
  }

  raiseFloor(position: bigint): void {
    if (position > this.#floor) this.#floor = position;
  }

  /** Starts anew, for a log that is another one than before. */
  reset(floor: bigint): void {
    this.#fences.clear();
    this.#floor = floor;
  }
}
