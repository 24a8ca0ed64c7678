import { Controller, Req, Res, UseGuards } from '@nestjs/common';
import type { OrgId } from '@ledger/domain';
import type { StoredEvent } from '@ledger/event-store';
import { Directory } from '@ledger/read-models';
import { ProjectorProgress, toEnvelope } from '@ledger/runtime';
import type { Caller } from '../../../http/caller.js';
import { queryOf, type NativeReply, type NativeRequest } from '../native-request.js';
import { NativeGuard } from '../native.guard.js';
import { organizationAsked } from '../people/people-roles.js';
import { notFound } from '../problems/problem.js';
import { NDJSON, READ_EVENTS, SSE } from '../routes/event-routes.js';
import { NativeRoute } from '../routes/route-contract.js';
import { preferredType } from './accept.js';
import { EventFeed, type FeedForm } from './event-feed.js';
import type { ReadEventsQuery } from './events.dto.js';
import { OpenStreams } from './open-streams.js';
import { readableLog } from './readable-log.js';
import { startOf } from './start-position.js';

/** The log itself says how far it was read; signs of life only keep connections open. */
const SELDOM = { heartbeatMs: 15_000, passedOverMs: 15_000 } as const;

const FORMS: Readonly<Record<typeof NDJSON | typeof SSE, FeedForm>> = {
  [NDJSON]: {
    event: (event) => `${JSON.stringify(toEnvelope(event))}\n`,
    heartbeat: () => '\n',
    ...SELDOM,
  },
  [SSE]: {
    event: (event) => `id: ${event.position}\ndata: ${JSON.stringify(toEnvelope(event))}\n\n`,
    // An id without data tells browsers where to resume, and is no event to them.
    heartbeat: (position) => `: alive\nid: ${position}\n\n`,
    ...SELDOM,
  },
};

/** `/v1/events`: the log itself, for those who keep a copy of it or follow it. */
@Controller()
@UseGuards(NativeGuard)
export class EventsController {
  constructor(
    private readonly feed: EventFeed,
    private readonly streams: OpenStreams,
    private readonly directory: Directory,
    private readonly progress: ProjectorProgress,
  ) {}

  @NativeRoute(READ_EVENTS)
  async read(@Req() request: NativeRequest, @Res() reply: NativeReply): Promise<void> {
    const query = queryOf(request, READ_EVENTS);
    const mediaType = preferredType(request.headers.accept, [NDJSON, SSE]);
    const follows = query.follow === undefined ? mediaType === SSE : query.follow === 'true';
    const held = this.progress.position;
    this.#organization(request, request.caller, query.org);
    const after = await startOf(request, query, held, this.feed);
    reply.header('ledger-position', String(held));
    const form = { contract: READ_EVENTS, mediaType, follows };
    this.streams.send(request, reply, form, ({ signal, caller }) =>
      this.feed.read({
        after,
        upTo: follows ? null : held,
        limit: Number(query.limit ?? Infinity),
        form: FORMS[mediaType],
        signal,
        filter: () => this.#filter(request, caller(), query),
      }),
    );
  }

  /** Judged anew for each page, since roles and scopes change while a reader stays. */
  #filter(
    request: NativeRequest,
    caller: Caller,
    { type, org, stream }: ReadEventsQuery,
  ): (event: StoredEvent) => boolean {
    const types = type?.split(',');
    const orgId = this.#organization(request, caller, org);
    const readable = readableLog(caller, this.directory);
    return (event) => {
      const of = organizationOfEvent(event);
      if (readable !== 'every' && (of === null || !readable.has(of))) return false;
      if (orgId !== undefined && of !== orgId) return false;
      if (stream !== undefined && event.streamId !== stream) return false;
      return types === undefined || types.includes(event.payload.type);
    };
  }

  /** @throws Refusal 404 for an organization whose events the caller may not read. */
  #organization(
    request: NativeRequest,
    caller: Caller,
    asked: string | undefined,
  ): OrgId | undefined {
    if (asked === undefined) return undefined;
    const readable = readableLog(caller, this.directory);
    const found = organizationAsked(this.directory, asked);
    if (!found || (readable !== 'every' && !readable.has(found.orgId))) throw notFound(request.id);
    return found.orgId;
  }
}

/** The reservation of a slug is made before its organization is there, and names it all the same. */
function organizationOfEvent({ metadata, payload }: StoredEvent): OrgId | null {
  if (payload.type === 'SlugReserved') return payload.orgId;
  return metadata.orgId;
}
