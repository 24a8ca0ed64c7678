import { describeFeed, MemoryFeed } from '../testing/index.js';

describeFeed('MemoryFeed', () => {
  const feed = new MemoryFeed(1_000n);
  return Promise.resolve({
    feed,
    publish: async (message) => feed.publish(message, BigInt(message.data.position)),
    publishGarbage: async (position) => {
      feed.listener.lost({ cause: 'unreadable', detail: 'by the test' });
      feed.listener.began(position, 'same');
    },
    publishUnknown: async (position) => feed.publish(null, position),
    cut: async () => feed.cut(),
    mend: async () => feed.mend(),
    close: () => feed.close(),
  });
});
