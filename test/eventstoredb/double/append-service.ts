import type {
  sendUnaryData,
  ServerDuplexStream,
  ServerReadableStream,
  ServerUnaryCall,
  ServiceError,
} from '@grpc/grpc-js';
import { setTimeout as delay } from 'node:timers/promises';
import shared from '@eventstore/db-client/generated/shared_pb.js';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import { batchAnswer, batchRefusal } from './batch-answers.js';
import type { Expected } from './check-commit.js';
import type { CommitResult, EventLog, Proposed } from './event-log.js';
import type { Faults } from './faults.js';
import { expectationOf, proposedOf, rpcErrors, streamNameOf } from './wire.js';

interface PendingAppend {
  readonly streamId: string;
  readonly expected: Expected;
  readonly events: Proposed[];
}

type BatchCall = ServerDuplexStream<streams.BatchAppendReq, streams.BatchAppendResp>;

/** The calls that write, each with the faults that a test has asked for. */
export class AppendService {
  readonly #batchCalls = new Set<BatchCall>();

  constructor(
    private readonly log: () => EventLog,
    private readonly faults: Faults,
  ) {}

  append(
    call: ServerReadableStream<streams.AppendReq, streams.AppendResp>,
    answer: sendUnaryData<streams.AppendResp>,
  ): void {
    const append: PendingAppend = { streamId: '', expected: 'any', events: [] };
    let pending = append;
    call.on('data', (message: streams.AppendReq) => {
      const options = message.getOptions();
      if (options) {
        const expected = expectationOf(options, options.getRevision());
        pending = { ...append, streamId: streamNameOf(options), expected };
      }
      const proposed = message.getProposedMessage();
      if (proposed) pending.events.push(proposedOf(proposed));
    });
    call.on('end', () => void this.#commitAppend(pending, answer));
  }

  batchAppend(call: BatchCall): void {
    const pending = new Map<string, PendingAppend>();
    this.#batchCalls.add(call);
    call.on('close', () => this.#batchCalls.delete(call));
    call.on('cancelled', () => this.#batchCalls.delete(call));
    call.on('data', (message: streams.BatchAppendReq) => {
      const key = Buffer.from(message.getCorrelationId()?.serializeBinary() ?? '').toString('hex');
      const options = message.getOptions();
      if (options) {
        const expected = expectationOf(options, options.getStreamPosition());
        pending.set(key, { streamId: streamNameOf(options), expected, events: [] });
      }
      const append = pending.get(key);
      if (!append) return;
      append.events.push(...message.getProposedMessagesList().map(proposedOf));
      if (!message.getIsFinal()) return;
      pending.delete(key);
      void this.#commitBatchAppend(call, message.getCorrelationId(), append);
    });
    call.on('end', () => call.end());
  }

  delete(
    call: ServerUnaryCall<streams.DeleteReq, streams.DeleteResp>,
    answer: sendUnaryData<streams.DeleteResp>,
  ): void {
    const options = call.request.getOptions() ?? new streams.DeleteReq.Options();
    const streamId = streamNameOf(options);
    const expected = expectationOf(options, options.getRevision());
    const result = this.log().softDelete(streamId, expected);
    const position = new streams.DeleteResp.Position();
    answerDeletion({ streamId, expected, result }, answer, (at) =>
      new streams.DeleteResp().setPosition(position.setCommitPosition(at).setPreparePosition(at)),
    );
  }

  tombstone(
    call: ServerUnaryCall<streams.TombstoneReq, streams.TombstoneResp>,
    answer: sendUnaryData<streams.TombstoneResp>,
  ): void {
    const options = call.request.getOptions() ?? new streams.TombstoneReq.Options();
    const streamId = streamNameOf(options);
    const expected = expectationOf(options, options.getRevision());
    const result = this.log().tombstone(streamId, expected);
    const position = new streams.TombstoneResp.Position();
    answerDeletion({ streamId, expected, result }, answer, (at) =>
      new streams.TombstoneResp().setPosition(
        position.setCommitPosition(at).setPreparePosition(at),
      ),
    );
  }

  /** Ends every batch stream with an error, as a server does that is about to restart. */
  breakBatchStreams(error: Partial<ServiceError>): void {
    for (const call of this.#batchCalls) call.emit('error', error);
    this.#batchCalls.clear();
  }

  async #commitAppend(
    { streamId, expected, events }: PendingAppend,
    answer: sendUnaryData<streams.AppendResp>,
  ): Promise<void> {
    if (this.faults.take('unavailable')) return answer(rpcErrors.unavailable());
    const result = this.log().append(streamId, expected, events);
    if (this.faults.losesAck(events[0]?.id)) return;
    if (this.faults.delayMs > 0) await delay(this.faults.delayMs, undefined, { ref: false });
    if (this.faults.take('brokenAfterCommit')) return answer(rpcErrors.unavailable());
    if (result.kind === 'deleted') return answer(rpcErrors.streamDeleted(streamId));
    if (result.kind === 'too-big') return answer(rpcErrors.tooBig(result.bytesMax));
    answer(null, appendAnswer(result, expected));
  }

  async #commitBatchAppend(
    call: BatchCall,
    correlationId: shared.UUID | undefined,
    { streamId, expected, events }: PendingAppend,
  ): Promise<void> {
    const { faults } = this;
    const reply = (response: streams.BatchAppendResp): void => {
      if (call.cancelled || call.writableEnded) return;
      call.write(response.setCorrelationId(correlationId));
    };
    const demandsLeader = call.metadata.get('requires-leader')[0] === 'true';
    // A server that stops leading ends the streams that demand the leader, with the next append on them.
    if (faults.leader && demandsLeader) {
      return void call.emit('error', rpcErrors.notLeader(faults.leader));
    }
    if (faults.take('unavailable')) return void call.emit('error', rpcErrors.unavailable());
    if (faults.take('notReady')) return reply(batchRefusal('not-ready', streamId));
    const result = this.log().append(streamId, expected, events);
    if (faults.losesAck(events[0]?.id)) return;
    if (faults.delayMs > 0) await delay(faults.delayMs, undefined, { ref: false });
    if (faults.take('brokenAfterCommit')) return void call.emit('error', rpcErrors.unavailable());
    if (faults.take('timedOutAfterCommit')) return reply(batchRefusal('timeout', streamId));
    const withPosition = !faults.take('positionlessReplies');
    const response = batchAnswer(result, { streamId, expected, withPosition });
    reply(response);
    if (faults.take('duplicateReplies')) reply(response);
  }
}

function appendAnswer(
  result: Extract<CommitResult, { kind: 'success' | 'wrong-version' }>,
  expected: Expected,
): streams.AppendResp {
  if (result.kind === 'success') {
    const position = new streams.AppendResp.Position()
      .setCommitPosition(String(result.position))
      .setPreparePosition(String(result.position));
    const success = new streams.AppendResp.Success()
      .setCurrentRevision(String(result.revision))
      .setPosition(position);
    return new streams.AppendResp().setSuccess(success);
  }
  const wrong = new streams.AppendResp.WrongExpectedVersion();
  if (result.current < 0n) wrong.setCurrentNoStream(new shared.Empty());
  else wrong.setCurrentRevision(String(result.current));
  if (expected === 'any') wrong.setExpectedAny(new shared.Empty());
  else if (expected === 'no-stream') wrong.setExpectedNoStream(new shared.Empty());
  else if (expected === 'stream-exists') wrong.setExpectedStreamExists(new shared.Empty());
  else wrong.setExpectedRevision(String(expected));
  return new streams.AppendResp().setWrongExpectedVersion(wrong);
}

interface Deletion {
  readonly streamId: string;
  readonly expected: Expected;
  readonly result: CommitResult;
}

function answerDeletion<Response>(
  { streamId, expected, result }: Deletion,
  answer: sendUnaryData<Response>,
  success: (position: string) => Response,
): void {
  if (result.kind === 'success') return answer(null, success(String(result.position)));
  if (result.kind === 'wrong-version') {
    return answer(rpcErrors.wrongVersion(streamId, expected, result.current));
  }
  answer(rpcErrors.streamDeleted(streamId));
}
