import {
  describeFeed,
  HearingListener,
  LineLog,
  revoked,
  ScriptedStream,
} from '../testing/index.js';
import { SseFeed } from './sse-feed.js';

const TOKEN = '00000000-0000-4000-8000-000000000001';
const SECRET = 'tl_secret_of_the_gateway';

/** @param silenceMs Where silence is not what is tested, none may come of a machine that stands still. */
function feedOf(url: string, log = new LineLog(), silenceMs = 60_000): SseFeed {
  return new SseFeed({ url, token: SECRET, log, silenceMs });
}

describeFeed('SseFeed', async () => {
  const stream = await ScriptedStream.start();
  const feed = feedOf(stream.url);
  return {
    feed,
    publish: async (message) => stream.publish(message),
    publishGarbage: async (position) => {
      stream.raw(position, `id: ${position}\nevent: token-revoked\ndata: {"data":{}}\n\n`);
    },
    publishUnknown: async (position) => {
      stream.raw(position, `id: ${position}\nevent: token-praised\ndata: {}\n\n`);
    },
    cut: async () => {
      stream.refusal = 503;
      stream.cut();
    },
    mend: async () => {
      stream.refusal = undefined;
    },
    close: async () => {
      await feed.close();
      await stream.close();
    },
  };
});

describe('SseFeed', () => {
  let stream: ScriptedStream;
  let feed: SseFeed;
  let listener: HearingListener;
  let log: LineLog;

  beforeEach(async () => {
    log = new LineLog();
    stream = await ScriptedStream.start();
    listener = new HearingListener();
    feed = feedOf(stream.url, log);
    feed.open(listener);
    await listener.until(({ kind }) => kind === 'began');
  });
  afterEach(async () => {
    await feed.close();
    await stream.close();
  });

  it('presents its credential, and starts at the present', () => {
    const [first] = stream.requests;
    expect(first).toMatchObject({ authorization: `Bearer ${SECRET}`, accept: 'text/event-stream' });
    expect(first).not.toHaveProperty('last-event-id');
    expect(listener.heard[0]).toEqual({ kind: 'began', position: 1_000n });
  });

  it('goes on behind the last event, and gets what was missed', async () => {
    stream.publish(revoked(TOKEN, 1_001n));
    await listener.untilPosition(1_001n);
    stream.cut();
    const missed = revoked(TOKEN, 1_002n);
    stream.publish(missed);
    await listener.untilMessage(missed);
    expect(stream.requests.at(-1)).toMatchObject({ 'last-event-id': '1001' });
    expect(listener.heard.filter(({ kind }) => kind === 'began')).toHaveLength(1);
  });

  it('gives up a stream that has fallen silent, and takes another', async () => {
    const hasty = feedOf(stream.url, log, 300);
    const hearing = new HearingListener();
    hasty.open(hearing);
    await hearing.until(({ kind }) => kind === 'began');
    const before = stream.requests.length;
    stream.heartbeats = false;
    await hearing.until((heard) => heard.kind === 'lost' && heard.cause === 'silent');
    stream.heartbeats = true;
    await hearing.until(({ kind }) => kind === 'resumed');
    expect(stream.requests.length).toBeGreaterThan(before);
    await hasty.close();
  });

  it('begins anew on a log that is shorter than what it has read', async () => {
    stream.exchange(7n, 'ledger-1');
    stream.cut();
    const again = await listener.until(({ kind }) => kind === 'began', 1);
    expect(again).toEqual({ kind: 'began', position: 7n, log: 'another' });
  });

  it('begins anew when messages come from another ledger', async () => {
    stream.publish(revoked(TOKEN, 1_001n));
    await listener.untilPosition(1_001n);
    stream.exchange(1_001n, 'ledger-2');
    stream.publish(revoked(TOKEN, 1_002n));
    const again = await listener.until(({ kind }) => kind === 'began', 1);
    expect(again).toEqual({ kind: 'began', position: 1_002n, log: 'another' });
  });

  it.each([
    ['without a position', 'event: token-revoked\ndata: {}\n\n'],
    ['longer than any message', `id: 1001\ndata: ${'x'.repeat(300_000)}\n\n`],
  ])('gives up a stream with an event %s', async (_what, text) => {
    stream.raw(1_001n, text);
    await listener.until((heard) => heard.kind === 'lost' && heard.cause === 'unreadable');
    await listener.until(({ kind }) => kind === 'began', 1);
  });

  it('says that it is refused, and tries again', async () => {
    stream.refusal = 403;
    stream.cut();
    await listener.until((heard) => heard.kind === 'lost' && heard.cause === 'refused');
    stream.refusal = undefined;
    await listener.until(({ kind }) => kind === 'resumed');
  });

  it('says once that a kind of message is unknown, and never its credential', async () => {
    stream.raw(1_001n, 'id: 1001\nevent: token-praised\ndata: {}\n\n');
    stream.raw(1_002n, 'id: 1002\nevent: token-praised\ndata: {}\n\n');
    await listener.untilPosition(1_002n);
    expect(log.lines.filter((line) => line === 'feed.unknown-message')).toHaveLength(1);
    expect(JSON.stringify(log.fields)).not.toContain(SECRET);
  });
});
