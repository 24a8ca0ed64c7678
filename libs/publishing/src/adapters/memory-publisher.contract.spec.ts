import { describePublisher } from '../testing/describe-publisher.js';
import { describeRelayLease } from '../testing/describe-relay-lease.js';
import { MemoryPublisher } from './memory-publisher.js';
import { MemoryLeaseOffice, MemoryRelayLease } from './memory-relay-lease.js';

describePublisher('MemoryPublisher', async () => {
  const publisher = new MemoryPublisher();
  return {
    publisher,
    arrived: async (channel) =>
      publisher.channels.records(channel).map((record, index) => {
        return { ...record, partition: 0, offset: BigInt(index) };
      }),
    close: () => publisher.close(),
  };
});

describeRelayLease('MemoryRelayLease', async () => {
  const office = new MemoryLeaseOffice();
  return {
    another: () => new MemoryRelayLease(office),
    silence: async () => office.end(),
    close: async () => undefined,
  };
});
