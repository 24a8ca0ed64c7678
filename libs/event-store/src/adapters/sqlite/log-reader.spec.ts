import { join } from 'node:path';
import { EventCodec } from '../../codec/event-codec.js';
import { EventSchemas, UnreadableEvent, UPCASTERS } from '../../codec/upcasters.js';
import {
  openTemporaryLedger,
  sampleCipher,
  sampleEvent,
  sampleEvents,
  samplePayloads,
} from '../../testing/index.js';
import { LogReader } from './log-reader.js';
import { openReader } from './sqlite-connection.js';

describe('an event that this build cannot read', () => {
  it('ends the page before it, and is then refused by its place', async () => {
    const ledger = await openTemporaryLedger();
    const { store, directory } = ledger;
    await store.append('quota-1', 0, sampleEvents(2));
    await store.append('token-1', 0, [sampleEvent(samplePayloads.TokenCreated)]);
    await store.append('quota-1', 2, sampleEvents(2, 3));
    const { TokenCreated: _newer, ...older } = UPCASTERS;
    const codec = new EventCodec(sampleCipher(), new EventSchemas(older));
    const connection = openReader(join(directory, 'ledger.db'));
    const reader = new LogReader(connection, codec);
    const positions = (after: number): readonly bigint[] => {
      return reader.logAfter(after, 5, 100).map(({ position }) => position);
    };
    expect(positions(0)).toEqual([1n, 2n]);
    expect(() => positions(2)).toThrow(UnreadableEvent);
    expect(() => positions(2)).toThrow(
      expect.objectContaining({
        message: expect.stringMatching(/^event 3 \(token-1, revision 1\) cannot be read: /),
        place: { streamId: 'token-1', revision: 1, position: 3n },
      }),
    );
    expect(positions(3)).toEqual([4n, 5n]);
    connection.close();
    await ledger.close();
  });
});
