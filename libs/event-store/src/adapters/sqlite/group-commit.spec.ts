import { StoreUnavailable } from '../../event-store.js';
import { GroupCommit, type BatchWriter } from './group-commit.js';
import type { EncodedAppend, Verdict, WriterFailure, WrittenBatch } from './writer-messages.js';

type Reply = WrittenBatch | WriterFailure | Error;

/** Answers each batch with what the test says, when the test says so. */
class ScriptedWriter implements BatchWriter {
  readonly batches: (readonly EncodedAppend[])[] = [];
  #answers: ((reply: Reply) => void)[] = [];

  write(appends: readonly EncodedAppend[]): Promise<WrittenBatch | WriterFailure> {
    this.batches.push(appends);
    return new Promise((resolve, reject) =>
      this.#answers.push((reply) => (reply instanceof Error ? reject(reply) : resolve(reply))),
    );
  }

  async answer(reply: Reply): Promise<void> {
    await turn();
    this.#answers.shift()?.(reply);
    await turn();
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function written(...verdicts: Verdict[]): WrittenBatch {
  return { kind: 'written', verdicts, flushMs: 1, isDiskFull: false };
}

function appendTo(streamId: string): EncodedAppend {
  const event = {
    eventId: 'e',
    type: 'T',
    schemaVersion: 1,
    occurredAt: '',
    data: '',
    metadata: '',
  };
  return { streamId, expected: 0, events: [event], unchanged: [] };
}

describe('GroupCommit', () => {
  let writer: ScriptedWriter;
  let failures: StoreUnavailable[];
  let commits: GroupCommit;
  const append = (streamId: string) => commits.append(appendTo(streamId), () => undefined);

  beforeEach(() => {
    writer = new ScriptedWriter();
    failures = [];
    commits = new GroupCommit(writer, (error) => failures.push(error));
  });

  it('sends together what arrives while a batch is under way', async () => {
    const first = append('a');
    await turn();
    const others = [append('b'), append('c'), append('d')];
    await writer.answer(written(1));
    expect(await first).toBe(1);
    await writer.answer(written(2, 3, 4));
    expect(await Promise.all(others)).toEqual([2, 3, 4]);
    expect(writer.batches.map((batch) => batch.length)).toEqual([1, 3]);
    expect(commits.stats).toMatchObject({ commits: 2, appends: 4, events: 4, batchMax: 3 });
  });

  it('answers nobody before the commit', async () => {
    let answered = false;
    const pending = append('a').then(() => (answered = true));
    await turn();
    await turn();
    expect(answered).toBe(false);
    await writer.answer(written(1));
    await pending;
  });

  it('bounds a batch', async () => {
    const appends = Array.from({ length: 1_500 }, (_, n) => append(`s${n}`));
    await writer.answer(written(...Array.from({ length: 1_000 }, (_, n) => n + 1)));
    await writer.answer(written(...Array.from({ length: 500 }, (_, n) => n + 1_001)));
    await Promise.all(appends);
    expect(writer.batches.map((batch) => batch.length)).toEqual([1_000, 500]);
  });

  it('goes on after a full disk', async () => {
    const refused = append('a');
    const reply = { kind: 'failed', reason: 'disk-full', message: 'SQLITE_FULL' } as const;
    await Promise.all([
      expect(refused).rejects.toThrow('the disk is full: nothing was written'),
      writer.answer(reply),
    ]);
    expect(failures).toEqual([]);
    const next = append('a');
    await writer.answer(written(1));
    expect(await next).toBe(1);
  });

  it('takes no more writes after a failed flush, and reports it once', async () => {
    const unknown = append('a');
    await turn();
    const waiting = append('b');
    const reply = { kind: 'failed', reason: 'broken', message: 'SQLITE_IOERR_FSYNC' } as const;
    await Promise.all([
      expect(unknown).rejects.toThrow('is unknown'),
      expect(waiting).rejects.toThrow('nothing was written'),
      writer.answer(reply),
    ]);
    await expect(append('c')).rejects.toBeInstanceOf(StoreUnavailable);
    expect(writer.batches).toHaveLength(1);
    expect(failures).toHaveLength(1);
    await commits.idle();
  });

  it('takes no more writes when the writer is gone', async () => {
    const unknown = append('a');
    await Promise.all([
      expect(unknown).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' }),
      writer.answer(new StoreUnavailable('the writing thread ended')),
    ]);
    commits.fail(new StoreUnavailable('told a second time'));
    await expect(append('b')).rejects.toThrow('takes no more writes');
    expect(failures).toHaveLength(1);
  });
});
