import { EventCodec } from '../../codec/event-codec.js';
import { sampleCipher, sampleEvents } from '../../testing/sample-events.js';
import { packAppends, unpackAppends, type EncodedAppend } from './writer-messages.js';

const codec = new EventCodec(sampleCipher());

function append(streamId: string, count: number, guards: number): EncodedAppend {
  return {
    streamId,
    expected: count + 1,
    events: sampleEvents(count).map((event) => codec.encode(streamId, event)),
    unchanged: Array.from({ length: guards }, (_, n) => ({ streamId: `guard-${n}`, revision: n })),
  };
}

describe('packed appends', () => {
  it('come out as they went in', () => {
    const appends = [append('a', 0, 0), append('b', 3, 0), append('c', 1, 2), append('d', 0, 1)];
    expect(unpackAppends(packAppends(appends))).toEqual(appends);
    expect(unpackAppends(packAppends([]))).toEqual([]);
  });
});
