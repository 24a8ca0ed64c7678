import { Injectable } from '@nestjs/common';
import { Clock, tokenStream } from '@ledger/commands';
import type { KnownToken, Timestamp, Token, TokenEvent, TokenId } from '@ledger/domain';
import { EventStore, type Position, type StoredEvent } from '@ledger/event-store';

/** A token as it was, and when that was. */
export interface PastToken {
  readonly token: KnownToken;
  readonly at: Timestamp;
}

/** A token's own facts, oldest first, and the states they made. */
@Injectable()
export class TokenHistory {
  constructor(
    private readonly store: EventStore,
    private readonly clock: Clock,
  ) {}

  async events(tokenId: TokenId): Promise<readonly StoredEvent<TokenEvent>[]> {
    const { streamId } = tokenStream(tokenId);
    return (await this.store.read(streamId)) as readonly StoredEvent<TokenEvent>[];
  }

  /** The token as its facts say right now, ahead of any read model; undefined when it does not exist. */
  async current(tokenId: TokenId): Promise<KnownToken | undefined> {
    return this.#fold(tokenId, await this.events(tokenId));
  }

  /** The token at an instant; undefined when it did not exist then. */
  async at(tokenId: TokenId, at: Timestamp): Promise<PastToken | undefined> {
    const events = await this.events(tokenId);
    const token = this.#fold(
      tokenId,
      events.filter(({ occurredAt }) => occurredAt <= at),
    );
    return token && { token, at };
  }

  /** The token at a position; undefined when it did not exist then. */
  async atPosition(tokenId: TokenId, position: Position): Promise<PastToken | undefined> {
    const events = await this.events(tokenId);
    const token = this.#fold(
      tokenId,
      events.filter((event) => event.position <= position),
    );
    return token && { token, at: await this.#timeOf(position) };
  }

  #fold(tokenId: TokenId, events: readonly StoredEvent<TokenEvent>[]): KnownToken | undefined {
    const stream = tokenStream(tokenId);
    const token = events.reduce<Token>(
      (state, { payload }) => stream.evolve(state, payload),
      stream.initial,
    );
    return token.status === 'absent' ? undefined : token;
  }

  /** When the log stood at a position: the time of the event there, or of the first one after it. */
  async #timeOf(position: Position): Promise<Timestamp> {
    const [event] = await this.store.readAllAfter(position - 1n, 1);
    return event?.occurredAt ?? this.clock.now();
  }
}
