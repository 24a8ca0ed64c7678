import { Controller, Req, Res, UseGuards } from '@nestjs/common';
import { Clock, tokenStream } from '@ledger/commands';
import { grants, type Timestamp } from '@ledger/domain';
import {
  QuotaStandings,
  TokenList,
  TOKEN_SORT_KEYS,
  type TokenFilters,
  type TokenSearch,
} from '@ledger/read-models';
import { ProjectorProgress } from '@ledger/runtime';
import { eventView, type EventView } from '../event-mapper.js';
import { parseInstant } from '../instant.js';
import { EXPIRING_MS } from '../limits.js';
import { NativeAnswers } from '../native-answers.js';
import {
  etagOf,
  organizationOf,
  queryOf,
  type NativeReply,
  type NativeRequest,
} from '../native-request.js';
import { NativeGuard } from '../native.guard.js';
import { composed } from '../plain-text.js';
import { invalidRequest, notFound } from '../problems/problem.js';
import { NativeRoute } from '../routes/route-contract.js';
import {
  GET_TOKEN,
  GET_TOKEN_QUOTA,
  LIST_TOKEN_EVENTS,
  LIST_TOKENS,
} from '../routes/token-routes.js';
import { quotaView, tokenView, type TokenView } from '../token-mapper.js';
import {
  ForeignCursor,
  readCursor,
  readRevisionCursor,
  writeCursor,
  writeRevisionCursor,
} from './list-cursor.js';
import { NativeTargets } from './native-targets.js';
import { TokenHistory, type PastToken } from './token-history.js';
import type { ListTokensQuery } from './token.dto.js';

interface Page<Item> {
  readonly items: readonly Item[];
  readonly nextCursor: string | null;
}

/** The reads of `/v1/orgs/{org}/tokens`. */
@Controller()
@UseGuards(NativeGuard)
export class TokenReadsController {
  constructor(
    private readonly tokens: TokenList,
    private readonly targets: NativeTargets,
    private readonly history: TokenHistory,
    private readonly quotas: QuotaStandings,
    private readonly progress: ProjectorProgress,
    private readonly answers: NativeAnswers,
    private readonly clock: Clock,
  ) {}

  @NativeRoute(LIST_TOKENS)
  list(@Req() request: NativeRequest): Page<TokenView> {
    const { orgId } = organizationOf(request);
    const { cursor, limit, sort, ...rest } = queryOf(request, LIST_TOKENS);
    const filters = filtersOf(rest);
    const list = [orgId, sort, filters];
    const after =
      cursor === undefined ? {} : { after: this.#cursor(request, () => readCursor(cursor, list)) };
    const { items, next } = this.tokens.search({
      orgId,
      viewer: this.targets.viewer(request),
      filters,
      sort: sortOf(sort),
      ...after,
      limit: Number(limit),
      now: this.clock.now(),
      expiringMs: EXPIRING_MS,
    });
    return {
      items: items.map(({ token }) => this.answers.token(token)),
      nextCursor: next && writeCursor(next, list),
    };
  }

  @NativeRoute(GET_TOKEN)
  async get(
    @Req() request: NativeRequest,
    @Res({ passthrough: true }) reply: NativeReply,
  ): Promise<TokenView> {
    const { token } = this.targets.find(request);
    const { at, atPosition } = queryOf(request, GET_TOKEN);
    if (at === undefined && atPosition === undefined) {
      reply.header('etag', etagOf(token.revision));
      return this.answers.token(token);
    }
    const past = await this.#past(request, { at, atPosition });
    if (!past) throw notFound(request.id);
    return tokenView(past.token, null, past.at);
  }

  @NativeRoute(GET_TOKEN_QUOTA)
  quota(@Req() request: NativeRequest): object {
    const { tokenId, maxQuota } = this.targets.find(request).token;
    const now = this.clock.now();
    const windows = this.quotas
      .windows(tokenId)
      .map(({ window, limit, consumed, windowEnd: endsAt }) => ({
        ...{ window, limit, consumed, endsAt },
      }));
    const { resetAt, ...standing } = quotaView(this.quotas.at(tokenId, maxQuota, now));
    return { ...standing, window: this.quotas.windowAt(now), resetAt, windows };
  }

  @NativeRoute(LIST_TOKEN_EVENTS)
  async events(@Req() request: NativeRequest): Promise<Page<EventView>> {
    const { tokenId } = this.targets.find(request).token;
    const { cursor, limit: text } = queryOf(request, LIST_TOKEN_EVENTS);
    const { streamId } = tokenStream(tokenId);
    const after =
      cursor === undefined ? 0 : this.#cursor(request, () => readRevisionCursor(cursor, streamId));
    const limit = Number(text);
    const following = (await this.history.events(tokenId)).filter(
      ({ revision }) => revision > after,
    );
    const items = following.slice(0, limit);
    const last = following.length > limit ? items.at(-1) : undefined;
    return {
      items: items.map(eventView),
      nextCursor: last ? writeRevisionCursor(last.revision, streamId) : null,
    };
  }

  /** The token as it was; what lies ahead of the log, or of the clock, is no past. */
  #past(
    request: NativeRequest,
    { at, atPosition }: { at: string | undefined; atPosition: string | undefined },
  ): Promise<PastToken | undefined> {
    const { tokenId } = this.targets.find(request).token;
    if (atPosition !== undefined) {
      if (BigInt(atPosition) <= this.progress.position) {
        return this.history.atPosition(tokenId, BigInt(atPosition));
      }
      const message = `lies ahead of the log, which is at ${this.progress.position}`;
      throw invalidRequest(request.id, [{ parameter: 'atPosition', message }]);
    }
    const instant = parseInstant(at!)!;
    if (instant <= this.clock.now()) return this.history.at(tokenId, instant);
    throw invalidRequest(request.id, [{ parameter: 'at', message: 'lies in the future' }]);
  }

  #cursor<Place>(request: NativeRequest, read: () => Place): Place {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof ForeignCursor)) throw error;
      const message = 'must be the nextCursor of an earlier page of this very list';
      throw invalidRequest(request.id, [{ parameter: 'cursor', message }]);
    }
  }
}

function filtersOf(query: Omit<ListTokensQuery, 'cursor' | 'limit' | 'sort'>): TokenFilters {
  const { status, q, scope, ownerId, dialect, unusedSince } = query;
  return {
    ...(status === undefined ? {} : { status }),
    ...(q === undefined ? {} : { text: composed(q) }),
    ...(scope === undefined ? {} : { anyOfScopes: grantingScopes(scope) }),
    ...(ownerId === undefined ? {} : { ownerId }),
    ...(dialect === undefined ? {} : { dialect }),
    ...(unusedSince === undefined ? {} : { unusedSince: parseInstant(unusedSince) as Timestamp }),
  };
}

/** Every scope that grants `wanted`: itself, those above it, and `*` where that counts. */
function grantingScopes(wanted: string): readonly string[] {
  const words = wanted.split(':');
  const candidates = words.map((_word, index) => words.slice(0, index + 1).join(':'));
  return ['*', ...candidates].filter((scope) => grants([scope], wanted));
}

function sortOf(text: string): TokenSearch['sort'] {
  const key = TOKEN_SORT_KEYS.find((each) => text.endsWith(each)) ?? 'createdAt';
  return { key, direction: text.startsWith('-') ? 'desc' : 'asc' };
}
