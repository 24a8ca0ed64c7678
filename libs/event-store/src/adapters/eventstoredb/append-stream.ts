import shared from '@eventstore/db-client/generated/shared_pb.js';
import type {
  BatchAppendReq,
  BatchAppendResp,
} from '@eventstore/db-client/generated/streams_pb.js';
import { parseUUID } from '@eventstore/db-client/dist/utils/grpcUUID.js';
import type { ClientDuplexStream } from '@grpc/grpc-js';
import { randomUUID } from 'node:crypto';
import { appendAnswer, type AppendAnswer } from './append-answers.js';

export type BatchCall = ClientDuplexStream<BatchAppendReq, BatchAppendResp>;

/** An append that was sent. */
export interface SentAppend {
  /** Never rejects; stays open for as long as neither an answer comes nor the stream ends. */
  readonly answer: Promise<AppendAnswer>;
  /** Stops waiting for the answer. */
  readonly forget: () => void;
}

/**
 * One BatchAppend call that all appends of a connection share. The client's own has a registry that all clients
 * share, no deadline, and fails on an answer that it does not expect (docs/eventstoredb.md).
 */
export class AppendStream {
  readonly #waiting = new Map<string, (answer: AppendAnswer) => void>();
  #call: BatchCall | undefined;
  #answers = 0;

  constructor(private readonly open: () => BatchCall) {}

  /** How many appends have been answered. */
  get answers(): number {
    return this.#answers;
  }

  /** Each request is sent once: it is not read before the transport has room for it. */
  send(request: BatchAppendReq): SentAppend {
    const id = randomUUID();
    request.setCorrelationId(new shared.UUID().setString(id));
    const answer = new Promise<AppendAnswer>((resolve) => this.#waiting.set(id, resolve));
    try {
      this.#opened().write(request);
    } catch (error) {
      // A channel that was closed a moment ago refuses new calls by throwing.
      this.#settle(id, { kind: 'broken', error: error as Error });
    }
    return { answer, forget: () => void this.#waiting.delete(id) };
  }

  #opened(): BatchCall {
    if (this.#call) return this.#call;
    const call = this.open();
    this.#call = call;
    call.on('data', (response: BatchAppendResp) => {
      this.#answers += 1;
      this.#settle(parseUUID(response.getCorrelationId()) ?? '', appendAnswer(response));
    });
    call.on('error', (error) => this.#broken(call, error));
    call.on('end', () => this.#broken(call, new Error('the database ended the append stream')));
    return call;
  }

  /** An answer that nobody waits for is a second one, or too late. */
  #settle(id: string, answer: AppendAnswer): void {
    const settle = this.#waiting.get(id);
    this.#waiting.delete(id);
    settle?.(answer);
  }

  #broken(call: BatchCall, error: Error): void {
    if (this.#call !== call) return;
    this.#call = undefined;
    for (const id of [...this.#waiting.keys()]) this.#settle(id, { kind: 'broken', error });
  }
}
