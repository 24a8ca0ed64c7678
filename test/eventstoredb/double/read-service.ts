import type { ServerWritableStream, ServiceError } from '@grpc/grpc-js';
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import { DELETED, type EventLog, type LogRecord } from './event-log.js';
import { eventFilter, type EventFilter } from './event-filter.js';
import type { Faults } from './faults.js';
import { readEvent, rpcErrors, streamIdentifier, streamNameOf } from './wire.js';

type ReadCall = ServerWritableStream<streams.ReadReq, streams.ReadResp>;

/** How a caller leaves. */
const LEAVING = ['cancelled', 'close', 'error'];

/** Reads of one stream and of the whole log, and the subscriptions to them. */
export class ReadService {
  readonly #subscriptions = new Set<ReadCall>();

  constructor(
    private readonly log: () => EventLog,
    private readonly faults: Faults,
  ) {}

  /** Subscriptions that are open now. */
  get subscriptions(): number {
    return this.#subscriptions.size;
  }

  async read(call: ReadCall): Promise<void> {
    if (this.faults.take('unavailable')) return void call.emit('error', rpcErrors.unavailable());
    if (this.faults.take('hangingReads')) return;
    if (this.faults.delayMs > 0) await delay(this.faults.delayMs, undefined, { ref: false });
    const options = call.request.getOptions() ?? new streams.ReadReq.Options();
    try {
      if (options.hasSubscription()) await this.#subscribe(call, options);
      else await this.#readOnce(call, options);
    } catch (error) {
      call.emit('error', error);
    }
  }

  /** Ends every subscription with an error. */
  dropSubscriptions(error: Partial<ServiceError>): void {
    for (const call of this.#subscriptions) call.emit('error', error);
    this.#subscriptions.clear();
  }

  async #readOnce(call: ReadCall, options: streams.ReadReq.Options): Promise<void> {
    const records = this.#recordsOf(options);
    if (records === 'not-found') {
      const streamId = streamNameOf(
        options.getStream() ?? new streams.ReadReq.Options.StreamOptions(),
      );
      const missing = new streams.ReadResp.StreamNotFound();
      missing.setStreamIdentifier(streamIdentifier(streamId));
      call.write(new streams.ReadResp().setStreamNotFound(missing));
    } else {
      let left = Number(options.getCount());
      for (const record of records) {
        if (left <= 0 || call.cancelled) break;
        left -= 1;
        await send(call, readEvent(record));
      }
    }
    call.end();
  }

  #recordsOf(options: streams.ReadReq.Options): Iterable<LogRecord> | 'not-found' {
    const isBackwards = options.getReadDirection() === 1;
    const stream = options.getStream();
    if (stream) return this.#streamRecords(stream, isBackwards);
    const filter = eventFilter(options.getFilter());
    const { records } = this.log();
    const at = this.#indexOf(options, isBackwards ? records.length : 0);
    const step = isBackwards ? -1 : 1;
    return filtered(records, { from: isBackwards ? at - 1 : at, step, filter });
  }

  #streamRecords(
    stream: streams.ReadReq.Options.StreamOptions,
    isBackwards: boolean,
  ): readonly LogRecord[] | 'not-found' {
    const streamId = streamNameOf(stream);
    const visible = this.log().visible(streamId);
    if (visible === 'deleted') throw rpcErrors.streamDeleted(streamId);
    if (visible === 'not-found') return visible;
    const from = stream.hasRevision() ? BigInt(stream.getRevision()) : undefined;
    if (!isBackwards) {
      return stream.hasEnd() ? [] : visible.filter(({ revision }) => revision >= (from ?? 0n));
    }
    if (stream.hasStart()) return visible.slice(0, 1);
    return visible.filter(({ revision }) => revision <= (from ?? DELETED)).reverse();
  }

  /** Forwards from a position includes it, backwards leaves it out: the index is the same. */
  #indexOf(options: streams.ReadReq.Options, otherwise: number): number {
    const all = options.getAll();
    if (all?.hasStart()) return 0;
    if (all?.hasEnd()) return this.log().records.length;
    const position = all?.getPosition();
    if (!position) return otherwise;
    const index = this.log().indexAt(BigInt(position.getCommitPosition()));
    if (index === undefined) throw rpcErrors.invalidPosition();
    return index;
  }

  async #subscribe(call: ReadCall, options: streams.ReadReq.Options): Promise<void> {
    const log = this.log();
    const follower = this.#follower(options);
    let isLeft = false;
    for (const event of LEAVING) {
      call.on(event, () => {
        isLeft = true;
        this.#subscriptions.delete(call);
        log.wake();
      });
    }
    this.#subscriptions.add(call);
    const confirmation = new streams.ReadResp.SubscriptionConfirmation();
    confirmation.setSubscriptionId(randomUUID());
    await send(call, new streams.ReadResp().setConfirmation(confirmation));
    let isLive = false;
    let considered = 0;
    for (let index = follower.from; !isLeft;) {
      const record = log.records[index];
      if (record === undefined) {
        if (!isLive) {
          if (follower.checkpointEvery && index > 0)
            await sendCheckpoint(call, log.records[index - 1]);
          await send(call, new streams.ReadResp().setCaughtUp(new streams.ReadResp.CaughtUp()));
        }
        isLive = true;
        await log.grown();
        continue;
      }
      index += 1;
      considered += 1;
      if (follower.wants(record)) await send(call, readEvent(record));
      if (follower.checkpointEvery && considered % follower.checkpointEvery === 0) {
        await sendCheckpoint(call, record);
      }
      if (follower.streamId === record.streamId && record.revision === DELETED) {
        throw rpcErrors.streamDeleted(record.streamId);
      }
    }
  }

  /** Where a subscription begins, always after what it names, and what it is told. */
  #follower(options: streams.ReadReq.Options): Follower {
    const stream = options.getStream();
    const { records } = this.log();
    if (!stream) {
      const grpcFilter = options.getFilter();
      const named = options.getAll()?.getPosition();
      const at = this.#indexOf(options, 0);
      const from = named && BigInt(named.getCommitPosition()) < this.log().end ? at + 1 : at;
      const window = grpcFilter?.getMax() || 32;
      const checkpointEvery = (grpcFilter?.getCheckpointintervalmultiplier() ?? 0) * window;
      return { from, wants: eventFilter(grpcFilter), checkpointEvery, streamId: undefined };
    }
    const streamId = streamNameOf(stream);
    const after = stream.hasRevision() ? BigInt(stream.getRevision()) : -1n;
    const wants: EventFilter = (record) => record.streamId === streamId && record.revision > after;
    return { from: stream.hasEnd() ? records.length : 0, wants, checkpointEvery: 0, streamId };
  }
}

/** One after the other, so that a reader of a few events does not pay for the whole log. */
function* filtered(
  records: readonly LogRecord[],
  { from, step, filter }: { from: number; step: 1 | -1; filter: EventFilter },
): Iterable<LogRecord> {
  for (let index = from; ; index += step) {
    const record = records[index];
    if (record === undefined) return;
    if (filter(record)) yield record;
  }
}

interface Follower {
  /** Index of the first record to consider. */
  readonly from: number;
  readonly wants: EventFilter;
  /** Records between checkpoints; 0 for none. */
  readonly checkpointEvery: number;
  readonly streamId: string | undefined;
}

function sendCheckpoint(call: ReadCall, record: LogRecord | undefined): Promise<void> | void {
  const position = String(record?.position ?? 0n);
  const checkpoint = new streams.ReadResp.Checkpoint()
    .setCommitPosition(position)
    .setPreparePosition(position);
  return send(call, new streams.ReadResp().setCheckpoint(checkpoint));
}

/** Waits where the reader is slow, and no longer than it stays. */
function send(call: ReadCall, response: streams.ReadResp): Promise<void> | void {
  if (call.cancelled || call.destroyed || call.write(response)) return;
  const events = ['drain', ...LEAVING];
  return new Promise((resolve) => {
    const goOn = (): void => {
      for (const event of events) call.off(event, goOn);
      resolve();
    };
    for (const event of events) call.on(event, goOn);
  });
}
