import { jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import type { OrgId, SecretId, TokenId } from '@ledger/domain';
import { MemoryEventStore, StoreUnavailable } from '@ledger/event-store';
import { StreamFolds } from './stream-folds.js';
import { FaultyStore, ManualClock, request } from './testing/index.js';
import { UseRecorder } from './use-recorder.js';

const use = (tokenId: string, secret = `secret of ${tokenId}`) => ({
  tokenId: tokenId as TokenId,
  orgId: 'org-1' as OrgId,
  secretId: secret as SecretId,
});

function opened(memory = new MemoryEventStore()) {
  const store = new FaultyStore(memory);
  const clock = new ManualClock();
  const recorder = new UseRecorder(store, new StreamFolds(store), clock);
  const settled = async () => {
    for (let turns = 0; turns < 5; turns += 1) await new Promise(setImmediate);
  };
  const instants = async (tokenId: string) =>
    (await memory.read(`usage-${tokenId}`)).map(({ occurredAt }) => occurredAt.slice(11, 19));
  return { memory, store, clock, recorder, settled, instants };
}

describe('free uses of a token', () => {
  it('are recorded at once, and then once a minute', async () => {
    const { clock, recorder, settled, instants } = opened();
    for (let second = 0; second < 150; second += 1) {
      recorder.record(use('a'), request());
      if (second % 50 === 0) recorder.record(use('b'), request());
      await settled();
      clock.advance(1000);
    }
    expect(await instants('a')).toEqual(['10:00:00', '10:01:00', '10:02:00']);
    expect(await instants('b')).toEqual(['10:00:00', '10:01:40']);
  });

  it('of a secret in its grace are not crowded out by those of its successor', async () => {
    const { recorder, settled, instants } = opened();
    recorder.record(use('a', 'new secret'), request());
    await settled();
    recorder.record(use('a', 'old secret'), request());
    recorder.record(use('a', 'new secret'), request());
    await settled();
    expect(await instants('a')).toEqual(['10:00:00', '10:00:00']);
  });

  it('go on after a restart without reading all that was recorded before', async () => {
    const before = opened();
    for (let n = 0; n < 20; n += 1) {
      before.recorder.record(use('a'), request());
      await before.settled();
      before.clock.advance(60_000);
    }
    const read = jest.spyOn(before.memory, 'read');
    const { store, recorder, clock, settled, instants } = opened(before.memory);
    for (let n = 0; n < 3; n += 1) {
      clock.advance(60_000);
      recorder.record(use('a'), request());
      await settled();
    }
    expect(read.mock.calls).toEqual([['usage-a', 19]]);
    expect(store.appends).toBe(4);
    expect(await instants('a')).toHaveLength(23);
  });

  it('recorded by two nodes at once are recorded at least once, and neither call fails', async () => {
    const one = opened();
    const other = opened(one.memory);
    one.recorder.record(use('a'), request());
    other.recorder.record(use('a'), request());
    await one.settled();
    expect((await one.instants('a')).length).toBeGreaterThanOrEqual(1);
  });

  it('that cannot be recorded are reported, and the next minute is recorded again', async () => {
    const warn = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
    const { store, clock, recorder, settled, instants } = opened();
    store.onAppend = () => Promise.reject(new StoreUnavailable('no disk'));
    recorder.record(use('a'), request());
    await settled();
    expect(warn).toHaveBeenCalledTimes(1);
    warn.mockRestore();
    store.onAppend = (append) => append();
    clock.advance(60_000);
    recorder.record(use('a'), request());
    await settled();
    expect(await instants('a')).toEqual(['10:01:00']);
  });
});
