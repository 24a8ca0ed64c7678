import type { MessagePublisher } from '../message-publisher.js';
import { PublisherUnavailable } from '../message-publisher.js';
import { MESSAGE_TYPES } from '../messages/ledger-message.js';
import {
  CHANNELS,
  markRecord,
  type Channel,
  type OutgoingRecord,
} from '../messages/outgoing-record.js';
import { sampleInstant } from '@ledger/event-store/testing';
import { sampleRecord, sampleRecords } from './sample-messages.js';

/** A record as whoever consumes it sees it. */
export interface ArrivedRecord extends OutgoingRecord {
  readonly partition: number;
  readonly offset: bigint;
}

/** A publisher to channels of its own, with nothing in them, and a look at what arrived. */
export interface PublisherUnderTest {
  readonly publisher: MessagePublisher;
  /** Everything in a channel, in the order of each partition. */
  arrived(channel: Channel): Promise<readonly ArrivedRecord[]>;
  close(): Promise<void>;
}

/** As a relay asks for them: again, where they cannot be told yet. */
async function offsetsOf(publisher: MessagePublisher): ReturnType<MessagePublisher['offsets']> {
  for (let tried = 1; ; tried += 1) {
    try {
      return await publisher.offsets();
    } catch (error) {
      if (!(error instanceof PublisherUnavailable) || tried === 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** What every publisher promises. */
export function describePublisher(
  name: string,
  open: () => Promise<PublisherUnderTest>,
  run: jest.Describe = describe,
): void {
  run(`${name} as a publisher`, () => {
    let underTest: PublisherUnderTest;
    let publisher: MessagePublisher;

    beforeEach(async () => {
      underTest = await open();
      publisher = underTest.publisher;
      expect(await publisher.ensureChannels()).toEqual([]);
    });
    afterEach(() => underTest.close());

    const withoutPlace = (record: ArrivedRecord): OutgoingRecord => {
      const { channel, key, value, headers } = record;
      return { channel, key, value, headers };
    };

    it('makes its channels once, however often it is asked', async () => {
      expect(await publisher.ensureChannels()).toEqual([]);
      const offsets = await offsetsOf(publisher);
      expect(Object.keys(offsets).sort()).toEqual([...CHANNELS].sort());
      for (const partitions of Object.values(offsets)) {
        expect(new Set(Object.values(partitions))).toEqual(new Set(['0']));
      }
      expect(Object.keys(offsets['ledger-position']!)).toEqual(['0']);
    });

    it('delivers key, value and headers as they are', async () => {
      const mark = { position: '1', at: sampleInstant(1) };
      const records = [sampleRecord(1), markRecord(mark, { ledgerId: 'l', epoch: 2 })];
      await publisher.publish(records);
      const arrived = [
        ...(await underTest.arrived('token-revoked')),
        ...(await underTest.arrived('ledger-position')),
      ];
      expect(arrived.map(withoutPlace)).toEqual(records);
    });

    it('keeps the order of each key, within a call and over many', async () => {
      const records = sampleRecords(60, 7);
      for (let start = 0; start < 60; start += 10) {
        await publisher.publish(records.slice(start, start + 10));
      }
      const arrived = await underTest.arrived('token-revoked');
      expect(arrived).toHaveLength(60);
      for (const key of new Set(records.map((record) => record.key))) {
        const ofKey = <Item extends OutgoingRecord>(items: readonly Item[]): readonly string[] =>
          items.filter((item) => item.key === key).map(({ value }) => value);
        expect(ofKey(arrived)).toEqual(ofKey(records));
        const partitions = arrived.filter((record) => record.key === key);
        expect(new Set(partitions.map(({ partition }) => partition)).size).toBe(1);
      }
    });

    it('names the next offset of each partition that it sent to', async () => {
      const first = await publisher.publish(sampleRecords(20));
      await publisher.publish(sampleRecords(30));
      const all = await offsetsOf(publisher);
      const arrived = await underTest.arrived('token-revoked');
      const next = new Map<string, bigint>();
      for (const { partition, offset } of arrived) next.set(String(partition), offset + 1n);
      for (const [partition, offset] of next) {
        expect(all['token-revoked']![partition]).toBe(String(offset));
      }
      const sum = (offsets: Readonly<Record<string, string>>): bigint =>
        Object.values(offsets).reduce((total, offset) => total + BigInt(offset), 0n);
      expect(sum(first['token-revoked']!)).toBe(20n);
      expect(sum(all['token-revoked']!)).toBe(50n);
      expect(Object.keys(first)).toEqual(['token-revoked']);
    });

    it('sends to several channels at once', async () => {
      const records = MESSAGE_TYPES.map((channel) => ({ ...sampleRecord(1), channel }));
      expect(Object.keys(await publisher.publish(records)).sort()).toEqual(
        [...MESSAGE_TYPES].sort(),
      );
      for (const channel of MESSAGE_TYPES) {
        expect(await underTest.arrived(channel)).toHaveLength(1);
      }
    });

    it('refuses to send once it is closed, and may be closed twice', async () => {
      await publisher.close();
      await publisher.close();
      await expect(publisher.publish([sampleRecord(1)])).rejects.toThrow(PublisherUnavailable);
      await expect(publisher.ensureChannels()).rejects.toThrow(PublisherUnavailable);
      expect(await underTest.arrived('token-revoked')).toEqual([]);
    });
  });
}
