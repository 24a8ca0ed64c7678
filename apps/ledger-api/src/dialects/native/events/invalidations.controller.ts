import { Controller, Req, Res, UseGuards } from '@nestjs/common';
import { Clock } from '@ledger/commands';
import type { StoredEvent } from '@ledger/event-store';
import { toCloudEvent, toMessage } from '@ledger/publishing';
import { Directory } from '@ledger/read-models';
import { LedgerIdentity, ProjectorProgress } from '@ledger/runtime';
import type { Caller } from '../../../http/caller.js';
import type { NativeReply, NativeRequest } from '../native-request.js';
import { NativeGuard } from '../native.guard.js';
import { READ_INVALIDATIONS, SSE } from '../routes/invalidation-routes.js';
import { NativeRoute } from '../routes/route-contract.js';
import { EventFeed, type FeedForm } from './event-feed.js';
import { OpenStreams } from './open-streams.js';
import { readableLog } from './readable-log.js';
import { startOf } from './start-position.js';

/** What a gateway goes by to tell that its connection is alive, and what it has to be current. */
const OFTEN = { heartbeatMs: 1_000, passedOverMs: 100 } as const;

/** `/v1/invalidations`: for those who keep what the ledger said, when to forget it. */
@Controller()
@UseGuards(NativeGuard)
export class InvalidationsController {
  readonly #form: FeedForm;

  constructor(
    private readonly feed: EventFeed,
    private readonly streams: OpenStreams,
    private readonly directory: Directory,
    private readonly progress: ProjectorProgress,
    { ledgerId }: LedgerIdentity,
    clock: Clock,
  ) {
    this.#form = {
      event: (event) => {
        const message = toMessage(event, clock.now());
        if (!message) return '';
        const data = JSON.stringify(toCloudEvent(message, ledgerId));
        return `id: ${event.position}\nevent: ${message.type}\ndata: ${data}\n\n`;
      },
      heartbeat: (position) => {
        const data = JSON.stringify({ position: String(position), at: clock.now() });
        return `id: ${position}\nevent: ledger-position\ndata: ${data}\n\n`;
      },
      ...OFTEN,
    };
  }

  @NativeRoute(READ_INVALIDATIONS)
  async read(@Req() request: NativeRequest, @Res() reply: NativeReply): Promise<void> {
    const held = this.progress.position;
    const after = await startOf(request, { after: String(held) }, held, this.feed);
    reply.header('ledger-position', String(held));
    const form = { contract: READ_INVALIDATIONS, mediaType: SSE, follows: true };
    this.streams.send(request, reply, form, ({ signal, caller }) =>
      this.feed.read({
        after,
        upTo: null,
        limit: Infinity,
        form: this.#form,
        signal,
        filter: () => this.#filter(caller()),
      }),
    );
  }

  /** Judged anew for each page, as the right to follow the log is. */
  #filter(caller: Caller): (event: StoredEvent) => boolean {
    const readable = readableLog(caller, this.directory);
    return ({ metadata: { orgId } }) =>
      readable === 'every' || (orgId !== null && readable.has(orgId));
  }
}
