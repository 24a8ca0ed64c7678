import type { LedgerMessage } from '@ledger/publishing';
import type { FeedListener, InvalidationFeed } from '../feed/invalidation-feed.js';
import { revoked } from './sample-messages.js';

/** A feed to test, with the other end in the test's hands. */
export interface FeedUnderTest {
  readonly feed: InvalidationFeed;
  /** Publishes, and marks the position. */
  publish(message: LedgerMessage): Promise<void>;
  /** Publishes something that is no message, at a position. */
  publishGarbage(position: bigint): Promise<void>;
  /** Publishes an event of a kind that nobody knows yet. */
  publishUnknown(position: bigint): Promise<void>;
  /** Cuts the connection; what is published meanwhile is kept. */
  cut(): Promise<void>;
  mend(): Promise<void>;
  close(): Promise<void>;
}

/** What a listener heard, in order. */
export type Heard =
  | { readonly kind: 'began' | 'reached'; readonly position: bigint }
  | { readonly kind: 'resumed' }
  | { readonly kind: 'lost'; readonly cause: string }
  | { readonly kind: 'message'; readonly message: LedgerMessage };

/** Writes down everything, and waits for what is to come. */
export class HearingListener implements FeedListener {
  readonly heard: Heard[] = [];
  readonly #waiting = new Set<() => void>();

  began(position: bigint, log: 'same' | 'another'): void {
    this.#hear({ kind: 'began', position, ...(log === 'another' ? { log } : {}) });
  }

  resumed(): void {
    this.#hear({ kind: 'resumed' });
  }

  message(message: LedgerMessage): void {
    this.#hear({ kind: 'message', message });
  }

  reached(position: bigint): void {
    this.#hear({ kind: 'reached', position });
  }

  lost({ cause }: { readonly cause: string }): void {
    this.#hear({ kind: 'lost', cause });
  }

  /** Resolves once something like it was heard, now or before, after the first `from` entries. */
  async until(isIt: (heard: Heard) => boolean, from = 0): Promise<Heard> {
    for (;;) {
      const found = this.heard.slice(from).find(isIt);
      if (found) return found;
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  untilMessage({ id }: LedgerMessage): Promise<Heard> {
    return this.until((heard) => heard.kind === 'message' && heard.message.id === id);
  }

  /** Everything up to the position was handed over, or is known to be missing. */
  async untilPosition(position: bigint): Promise<void> {
    await this.until(
      (heard) => (heard.kind === 'reached' || heard.kind === 'began') && heard.position >= position,
    );
  }

  #hear(heard: Heard): void {
    this.heard.push(heard);
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}

const TOKEN = '00000000-0000-4000-8000-000000000001';

/**
 * The contract of `InvalidationFeed`: each adapter calls it once. What holds here for one holds for all.
 *
 * @param open A feed that is not listened to yet. Positions below 1,000 are in the past.
 */
export function describeFeed(name: string, open: () => Promise<FeedUnderTest>): void {
  describe(`${name} keeps the InvalidationFeed contract`, () => {
    let underTest: FeedUnderTest;
    let listener: HearingListener;

    beforeEach(async () => {
      underTest = await open();
      listener = new HearingListener();
      underTest.feed.open(listener);
      await listener.until(({ kind }) => kind === 'began');
    });
    afterEach(() => underTest.close());

    it('hands messages over as they were sent, then says how far it has come', async () => {
      const messages = [1_001n, 1_002n, 1_003n].map((position) => revoked(TOKEN, position));
      for (const message of messages) await underTest.publish(message);
      await listener.untilPosition(1_003n);
      const heard = listener.heard.flatMap((each) =>
        each.kind === 'message' ? [each.message] : [],
      );
      expect(heard).toEqual(messages);
      const last = listener.heard.findIndex(
        (each) => each.kind === 'message' && each.message.id === messages[2]!.id,
      );
      const told = listener.heard.findIndex(
        (each) => each.kind === 'reached' && each.position >= 1_003n,
      );
      expect(told).toBeGreaterThan(last);
    });

    it('has nothing to say about what no one needs to hear', async () => {
      await underTest.publishUnknown(1_001n);
      const message = revoked(TOKEN, 1_002n);
      await underTest.publish(message);
      await listener.untilMessage(message);
      expect(listener.heard.filter(({ kind }) => kind === 'lost')).toEqual([]);
    });

    it('after a break hands over what was sent meanwhile, or says that it may be missing', async () => {
      await underTest.publish(revoked(TOKEN, 1_001n));
      await listener.untilPosition(1_001n);
      await underTest.cut();
      await listener.until(({ kind }) => kind === 'lost');
      const before = listener.heard.length;
      const missed = revoked(TOKEN, 1_002n);
      await underTest.mend();
      await underTest.publish(missed);
      await listener.until(
        (heard) =>
          (heard.kind === 'message' && heard.message.id === missed.id) ||
          (heard.kind === 'began' && heard.position >= 1_002n),
        before,
      );
      const next = revoked(TOKEN, 1_003n);
      await underTest.publish(next);
      await listener.untilPosition(1_003n);
      expect(listener.heard.slice(before).map(({ kind }) => kind)).toContainEqual(
        expect.stringMatching(/resumed|began/),
      );
    });

    it('begins anew behind what it cannot read', async () => {
      await underTest.publishGarbage(1_001n);
      const lost = await listener.until(
        (heard) => heard.kind === 'lost' && heard.cause === 'unreadable',
      );
      const message = revoked(TOKEN, 1_002n);
      await underTest.publish(message);
      await listener.until(({ kind }) => kind === 'began', listener.heard.indexOf(lost));
      await listener.untilPosition(1_002n);
    });

    it('hands over nothing once it is closed, and closes twice', async () => {
      await Promise.all([underTest.feed.close(), underTest.feed.close()]);
      await underTest.feed.close();
      const { length } = listener.heard;
      await underTest.publish(revoked(TOKEN, 1_001n));
      await new Promise((resolve) => setImmediate(resolve));
      expect(listener.heard).toHaveLength(length);
    });
  });
}
