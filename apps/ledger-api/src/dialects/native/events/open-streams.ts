import { Readable } from 'node:stream';
import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { ProjectorProgress } from '@ledger/runtime';
import { Failed } from '../../../http/answer.js';
import { Authenticator, type Caller } from '../../../http/caller.js';
import { NativeAccess } from '../native-access.js';
import { authenticate } from '../native-credentials.js';
import type { NativeReply, NativeRequest } from '../native-request.js';
import type { RouteContract } from '../routes/route-contract.js';

const OPEN_MAX = 500;
/** A reader that takes nothing for this long is gone, whatever its connection says. */
const STALLED_MS_MAX = 60_000;
/** How long readers may take to read what is on its way to them when the service stops. */
const LAST_WORDS_MS_MAX = 2_000;

/** What the writer of a long answer knows of its reader. */
export interface LongAnswer {
  /** Aborted when the reader has gone, or the service stops. */
  readonly signal: AbortSignal;
  /** Who reads, judged anew. @throws Refusal Once the credential is dead, or may not read this any more. */
  readonly caller: () => Caller;
}

export interface LongAnswerForm {
  readonly contract: RouteContract;
  readonly mediaType: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Whether the answer ends only with its connection, so that its end at shutdown is a proper one. */
  readonly follows: boolean;
}

/** The service stops before the answer was whole; its connection is cut, so that nobody takes it for whole. */
class CutShort extends Error {
  override readonly name = 'CutShort';
}

/**
 * Answers that go on for as long as they are read. They are written no faster than they are read, are
 * limited in number, end when their reader's credential does, and end with the service.
 */
@Injectable()
export class OpenStreams implements OnModuleDestroy {
  readonly #open = new Map<NativeReply, AbortController>();
  #isStopping = false;

  constructor(
    private readonly authenticator: Authenticator,
    private readonly access: NativeAccess,
    private readonly progress: ProjectorProgress,
  ) {}

  /** Writes what `write` yields. @throws Failed `OVERLOADED` when too many are open. */
  send(
    request: NativeRequest,
    reply: NativeReply,
    form: LongAnswerForm,
    write: (answer: LongAnswer) => AsyncIterable<string>,
  ): void {
    const { mediaType, headers = {}, follows } = form;
    reply.headers({ ...headers, 'content-type': mediaType, vary: 'accept' });
    if (request.method === 'HEAD') {
      void reply.send(Readable.from([], BYTES));
      return;
    }
    if (this.#isStopping || this.#open.size >= OPEN_MAX) throw overloaded();
    const gone = new AbortController();
    this.#open.set(reply, gone);
    const { raw } = reply;
    const { socket } = request;
    raw.setTimeout(STALLED_MS_MAX);
    raw.once('close', () => {
      this.#open.delete(reply);
      gone.abort();
      // Announcing the end of the connection beforehand would make clients take a cut for an end.
      if (this.#isStopping) socket.end();
    });
    const answer = { signal: gone.signal, caller: () => this.#judge(request, form.contract) };
    void reply.send(Readable.from(this.#whole(write(answer), gone.signal, follows), BYTES));
  }

  onModuleDestroy(): void {
    this.#isStopping = true;
    for (const gone of this.#open.values()) gone.abort();
    const cut = (): void => {
      for (const { raw } of this.#open.keys()) raw.destroy();
    };
    if (this.#open.size > 0) setTimeout(cut, LAST_WORDS_MS_MAX).unref();
  }

  async *#whole(
    parts: AsyncIterable<string>,
    signal: AbortSignal,
    follows: boolean,
  ): AsyncGenerator<string> {
    yield* parts;
    if (signal.aborted && !follows) throw new CutShort('the answer is not whole');
  }

  #judge(request: NativeRequest, { access }: RouteContract): Caller {
    if (this.progress.mustNotJudge) throw overloaded();
    const caller = authenticate(request, (secret) => {
      return this.authenticator.authenticate(secret, () => true);
    });
    const { org } = request.params as { org?: string };
    this.access.check(access, caller, org, request.id);
    return caller;
  }
}

const BYTES = { objectMode: false, highWaterMark: 64 * 1024 };

function overloaded(): Failed {
  const message = 'Too many long answers are being read. Try again shortly.';
  return new Failed({ kind: 'unavailable', code: 'OVERLOADED', message, retryAfterSeconds: 5 });
}
