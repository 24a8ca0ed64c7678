import { setImmediate as nextTurn } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { epochMs, timestamp, type LedgerEvent, type TokenId } from '@ledger/domain';
import { MemoryEventStore, type EventStore } from '@ledger/event-store';
import { sampleEvent, sampleInstant, samplePayloads } from '@ledger/event-store/testing';
import { MemoryChannels, MemoryPublisher } from '../adapters/memory-publisher.js';
import { MemoryLeaseOffice, MemoryRelayLease } from '../adapters/memory-relay-lease.js';
import type { MessagePublisher } from '../message-publisher.js';
import { MESSAGE_TYPES, type MessageType } from '../messages/ledger-message.js';
import { parseLedgerPosition } from '../messages/parse-message.js';
import { toMessage } from '../messages/to-message.js';
import type { OutgoingRecord } from '../messages/outgoing-record.js';
import { Relay } from '../relay/relay.js';
import type { RelayLease } from '../relay-lease.js';

const QUICK = { eventsMax: 3, markEveryMs: 4, markAfterMs: 1, saveEveryMs: 1, backoffMsMax: 2 };
const IN_VAIN_MS = 20_000;

/** What has to arrive, by the log alone. */
interface Expected {
  readonly id: string;
  readonly type: MessageType;
  readonly key: string;
  readonly position: bigint;
}

/** A log, a Kafka and a lease in memory, which outlive the relays that are tried on them. */
export class RelayWorld {
  readonly store = new MemoryEventStore();
  readonly channels = new MemoryChannels();
  readonly office = new MemoryLeaseOffice();
  readonly #relays: Relay[] = [];
  readonly #revisions = new Map<string, number>();

  /** A relay as another process would run it. */
  start(parts: Partial<RelayWorldParts> = {}): Relay {
    // What is planted here need not be read.
    Logger.overrideLogger(false);
    const relay = new Relay({
      store: parts.store ?? this.store,
      publisher: parts.publisher ?? new MemoryPublisher(this.channels),
      lease: parts.lease ?? new MemoryRelayLease(this.office),
      ledgerId: 'ledger-1',
      now: () => timestamp(epochMs(sampleInstant(100))),
      pace: QUICK,
    });
    this.#relays.push(relay);
    relay.start();
    return relay;
  }

  /** Ends relays that still run; those that crashed have nothing to say any more. */
  async close(relays: readonly Relay[] = this.#relays): Promise<void> {
    await Promise.all(relays.map((relay) => relay.close()));
  }

  /** Appends the life of some tokens in turns: most events have a message, some have none. */
  async append(tokens = 3): Promise<void> {
    const { TokenCreated, TokenRenamed, TokenRotated, TokenGraceClosed } = samplePayloads;
    const { TokenScopesChanged, TokenVisibilityChanged, TokenRevoked } = samplePayloads;
    const life = [
      TokenCreated,
      TokenRenamed,
      TokenRotated,
      TokenVisibilityChanged,
      TokenGraceClosed,
    ];
    for (const payload of [...life, TokenScopesChanged, TokenRevoked]) {
      for (let token = 0; token < tokens; token++) {
        await this.appendOne({ ...payload, tokenId: `token-${token}` as TokenId });
      }
    }
  }

  async appendOne(payload: Extract<LedgerEvent, { readonly tokenId: TokenId }>): Promise<void> {
    const streamId = `token-${payload.tokenId}`;
    const revision = this.#revisions.get(streamId) ?? 0;
    await this.store.append(streamId, revision, [sampleEvent(payload)]);
    this.#revisions.set(streamId, revision + 1);
  }

  async expected(): Promise<readonly Expected[]> {
    const events = await this.store.readAllAfter(0n, 10_000);
    return events.flatMap((event) => {
      const message = toMessage(event, sampleInstant(100));
      if (!message) return [];
      const { id, type, data } = message;
      return [{ id, type, key: data.tokenId, position: event.position }];
    });
  }

  /** Resolves once everything in the log was sent, marked, and is behind the checkpoint. */
  async settled(): Promise<void> {
    const head = await this.store.head();
    await until(() => this.office.checkpoint === head && this.#markedUpTo() === head);
  }

  messages(): readonly OutgoingRecord[] {
    return MESSAGE_TYPES.flatMap((type) => this.channels.records(type));
  }

  #markedUpTo(): bigint {
    const newest = this.channels.records('ledger-position').at(-1);
    return newest ? BigInt(parseLedgerPosition(JSON.parse(newest.value)).position) : -1n;
  }

  /** Nothing is behind the checkpoint that was not sent. */
  async expectCheckpointSafe(): Promise<void> {
    const sent = new Set(this.messages().map(({ headers }) => headers['ce_id']));
    const due = (await this.expected()).filter(
      ({ position }) => position <= this.office.checkpoint,
    );
    expect(due.filter(({ id }) => !sent.has(id))).toEqual([]);
  }

  /** All that must have arrived did, each token's messages in the order of its stream, and no mark lied. */
  async expectWhole(): Promise<void> {
    const expected = await this.expected();
    for (const type of MESSAGE_TYPES) {
      const records = this.channels.records(type);
      const first = [...new Map(records.map((record) => [record.headers['ce_id'], record])).keys()];
      const wanted = expected.filter((message) => message.type === type);
      expect(new Set(first)).toEqual(new Set(wanted.map(({ id }) => id)));
      for (const key of new Set(wanted.map((message) => message.key))) {
        const ids = wanted.filter((message) => message.key === key).map(({ id }) => id);
        expect(first.filter((id) => ids.includes(id!))).toEqual(ids);
      }
    }
    for (const { value } of this.channels.records('ledger-position')) {
      const { position, offsets } = parseLedgerPosition(JSON.parse(value));
      for (const type of MESSAGE_TYPES) {
        const below = this.channels.records(type).slice(0, Number(offsets?.[type]?.['0'] ?? 0));
        const ids = new Set(below.map(({ headers }) => headers['ce_id']));
        const promised = expected.filter(
          (message) => message.type === type && message.position <= BigInt(position),
        );
        expect(promised.filter(({ id }) => !ids.has(id))).toEqual([]);
      }
    }
  }
}

interface RelayWorldParts {
  readonly store: EventStore;
  readonly publisher: MessagePublisher;
  readonly lease: RelayLease;
}

/** Waits for what happens in this process: turn by turn, without a guess at how long it takes. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + IN_VAIN_MS;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error('waited in vain');
    await nextTurn();
  }
}
