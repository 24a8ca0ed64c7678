import { setTimeout as sleep } from 'node:timers/promises';
import { randomUUID } from 'node:crypto';
import {
  KafkaPublisher,
  KafkaRelayLease,
  MESSAGE_TYPES,
  parseLedgerPosition,
  parseMessage,
  USUAL_PACE,
  type KafkaSettings,
  type Relay,
  type RelayStatus,
} from '@ledger/publishing';
import { RelayWorld, type ArrivedRecord } from '@ledger/publishing/testing';
import type { KafkaServer } from '../kafka-server.js';
import { readTopic } from './consume.js';

const IN_VAIN_MS = 60_000;
const PACE = { ...USUAL_PACE, backoffMsMax: 500 };
/** Parts of what the samples hold and nobody outside may see. */
const CANARIES = /sha512|AAAA|\*\*\*\*|digest|preview|Ada|Grace|ada@|employee|paste/;

/** Relays between a log in memory and topics of their own on a real Kafka. */
export class RelayOnKafka {
  readonly world = new RelayWorld();
  readonly #settings: KafkaSettings;

  constructor(
    private readonly server: KafkaServer,
    replicationFactor = 1,
  ) {
    const topicPrefix = `t${randomUUID().slice(0, 8)}.`;
    const { addresses: brokers } = server;
    this.#settings = { brokers, topicPrefix, replicationFactor, partitions: 3 };
  }

  /** A relay as another process would run it. */
  start(): Relay {
    const lease = { ...this.#settings, ledgerId: 'ledger-1', sessionMs: 6_000 };
    return this.world.start({
      publisher: new KafkaPublisher(this.#settings),
      lease: new KafkaRelayLease(lease),
      pace: PACE,
    });
  }

  /** Resolves once some relay has sent all that is in the log. @returns Its index, and its state at that time. */
  async allSent(...relays: readonly Relay[]): Promise<{ index: number; status: RelayStatus }> {
    const head = await this.world.store.head();
    let all: readonly RelayStatus[] = [];
    const sent = (): number =>
      all.findIndex(({ state, position }) => state === 'active' && position === head);
    await eventually(async () => {
      all = await Promise.all(relays.map((relay) => relay.status()));
      return sent() >= 0;
    });
    return { index: sent(), status: all[sent()]! };
  }

  /**
   * All that must have arrived did, each token's messages in the order of its stream, as the schemas say, without
   * a secret; and what the marks promised was true. @returns How many messages came more than once.
   */
  async expectWhole(): Promise<number> {
    const expected = await this.world.expected();
    let repeated = 0;
    const places = new Map<string, ArrivedRecord>();
    for (const type of MESSAGE_TYPES) {
      const arrived = await this.#read(type);
      for (const { value, headers } of arrived) {
        expect(value).not.toMatch(CANARIES);
        parseMessage(type, headers['ce_id']!, JSON.parse(value));
        expect(headers).toMatchObject({
          'content-type': 'application/json',
          ce_specversion: '1.0',
          ce_source: '/ledgers/ledger-1',
          ce_type: `token-ledger.${type}.v1`,
          ce_relayepoch: expect.stringMatching(/^\d+$/) as string,
        });
      }
      const first = new Map<string, ArrivedRecord>();
      for (const record of arrived) {
        const id = record.headers['ce_id']!;
        if (!first.has(id)) first.set(id, record);
      }
      repeated += arrived.length - first.size;
      const wanted = expected.filter((message) => message.type === type);
      expect(new Set(first.keys())).toEqual(new Set(wanted.map(({ id }) => id)));
      for (const key of new Set(wanted.map((message) => message.key))) {
        const ids = wanted.filter((message) => message.key === key).map(({ id }) => id);
        const seen = [...first.keys()].filter((id) => first.get(id)!.key === key);
        expect(seen).toEqual(ids);
      }
      for (const [id, record] of first) places.set(id, record);
    }
    await this.#expectMarksTrue(places, expected);
    return repeated;
  }

  async #expectMarksTrue(
    places: ReadonlyMap<string, ArrivedRecord>,
    expected: Awaited<ReturnType<RelayWorld['expected']>>,
  ): Promise<void> {
    const marks = await this.#read('ledger-position');
    expect(marks.length).toBeGreaterThan(0);
    for (const { value } of marks) {
      const { position, offsets } = parseLedgerPosition(JSON.parse(value));
      const promised = expected.filter((message) => message.position <= BigInt(position));
      const missing = promised.filter(({ id, type }) => {
        const { partition, offset } = places.get(id)!;
        return offset >= BigInt(offsets?.[type]?.[String(partition)] ?? 0);
      });
      expect(missing).toEqual([]);
    }
  }

  #read(channel: Parameters<typeof readTopic>[2]): Promise<readonly ArrivedRecord[]> {
    return readTopic(this.server.client(), this.#settings.topicPrefix, channel);
  }
}

/** Waits until an expectation about other processes holds, and says which one does not. */
export async function eventuallyHolds(expectation: () => Promise<void>): Promise<void> {
  let broken: unknown;
  await eventually(async () => {
    try {
      await expectation();
      return true;
    } catch (error) {
      broken = error;
      return false;
    }
  }).catch(() => {
    throw broken;
  });
}

/** Waits for what happens in other processes. */
export async function eventually(isSo: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + IN_VAIN_MS;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`not within ${IN_VAIN_MS / 1000} s`);
    await sleep(20);
  }
}
