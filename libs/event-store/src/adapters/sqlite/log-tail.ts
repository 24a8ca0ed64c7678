import type { Position, StoredEvent } from '../../event-store.js';

interface Entry {
  readonly event: StoredEvent;
  readonly characters: number;
}

/** What is held survives each collection of garbage, and so is copied: 10,000 made each pause 11 ms instead of 2. */
const EVENTS_MAX = 2_000;
const CHARACTERS_MAX = 64 * 1024 * 1024;

/**
 * The newest committed events, as the very objects that were appended. Whoever follows the log closely lives on
 * it: no query, no parsing, no decryption. Bounded by number and by size; older events are in the database.
 */
export class LogTail {
  /** A ring: the event at position `p` lies at index `(p - 1) % eventsMax`. */
  readonly #ring: (Entry | undefined)[] = [];
  #characters = 0;
  #first: number;
  #head: number;

  /** @param head Position of the last event before the tail begins. */
  constructor(
    head: number,
    private readonly eventsMax = EVENTS_MAX,
    private readonly charactersMax = CHARACTERS_MAX,
  ) {
    this.#head = head;
    this.#first = head + 1;
  }

  /** Position of the newest event. */
  get head(): number {
    return this.#head;
  }

  /** Adds the event at the position after the head. `characters` is the length of its stored text. */
  push(event: StoredEvent, characters: number): void {
    if (this.#head + 1 - this.#first >= this.eventsMax) this.#dropFirst();
    this.#head += 1;
    this.#ring[this.#indexOf(this.#head)] = { event, characters };
    this.#characters += characters;
    while (this.#characters > this.charactersMax) this.#dropFirst();
  }

  /** Undefined when the tail does not reach back that far, or not that far ahead. */
  readAfter(position: Position, limit: number): readonly StoredEvent[] | undefined {
    const from = Number(position) + 1;
    if (from < this.#first) return undefined;
    const to = Math.min(this.#head, from + limit - 1);
    const events: StoredEvent[] = [];
    for (let next = from; next <= to; next += 1) {
      const entry = this.#ring[this.#indexOf(next)];
      if (entry === undefined) return undefined;
      events.push(entry.event);
    }
    return events;
  }

  #dropFirst(): void {
    const index = this.#indexOf(this.#first);
    this.#characters -= this.#ring[index]?.characters ?? 0;
    this.#ring[index] = undefined;
    this.#first += 1;
  }

  #indexOf(position: number): number {
    return (position - 1) % this.eventsMax;
  }
}
