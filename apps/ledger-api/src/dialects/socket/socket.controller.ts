import { Controller, Get, HttpCode, Param, Post, Query, Req, UseGuards } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import {
  Clock,
  CreateTokenCommand,
  RevokeTokenCommand,
  RotateTokenCommand,
  UpdateTokenCommand,
  type CommandContext,
  type Outcome,
} from '@ledger/commands';
import {
  distinctScopes,
  timestamp,
  USER_QUOTA_UNITS,
  type KnownToken,
  type Timestamp,
  type Token,
  type TokenAttributes,
  type TokenEvent,
} from '@ledger/domain';
import {
  AuditLog,
  Directory,
  QuotaStandings,
  TokenList,
  type OrganizationRow,
} from '@ledger/read-models';
import { commandContext, idempotencyKey } from '../../http/request-context.js';
import { badRequest, refuse } from './socket-answers.js';
import { eventTypesOf } from './socket-audit-types.js';
import { readBody, readQuery } from './socket-body.js';
import {
  auditItem,
  createdAnswer,
  listItem,
  organizationAnswer,
  rotatedAnswer,
} from './socket-mapper.js';
import { SocketTargets } from './socket-target.js';
import {
  AuditQuery,
  CreateBody,
  IdentifierBody,
  ListQuery,
  UpdateBody,
  type Identifiers,
  type ResourceDto,
} from './socket.dto.js';
import { SocketGuard, SocketRoute, type SocketRequest } from './socket.guard.js';

const DEFAULT_NAME = 'api token';
const COST_UNITS = 10;

/** The Socket dialect: maps requests to commands and states to answers; decides nothing. */
@Controller('v0')
@UseGuards(SocketGuard)
export class SocketController {
  constructor(
    private readonly bus: CommandBus,
    private readonly targets: SocketTargets,
    private readonly tokens: TokenList,
    private readonly quotas: QuotaStandings,
    private readonly directory: Directory,
    private readonly audit: AuditLog,
    private readonly clock: Clock,
  ) {}

  @Post(['orgs/:org_slug/api-tokens', 'orgs/:org_slug/tokens'])
  @HttpCode(200)
  @SocketRoute({ scope: 'api-tokens:create', cost: COST_UNITS })
  async create(@Req() request: SocketRequest): Promise<object> {
    const context = contextOf(request);
    const body = readBody(CreateBody, request.body);
    const { orgId } = organizationOf(request);
    const attributes: TokenAttributes = {
      ...attributesOf(body),
      name: body.name ?? DEFAULT_NAME,
      description: '',
      resources: body.resources.map((resource, index) => this.#grant(request, resource, index)),
      ownerId: null,
      metadata: {},
      expiresAt: null,
    };
    const { outcome, secret } = await this.bus.execute(
      new CreateTokenCommand(orgId, 'socket', attributes, context),
    );
    return createdAnswer(this.#accepted(outcome), secret.reveal());
  }

  @Get(['orgs/:org_slug/api-tokens', 'orgs/:org_slug/tokens'])
  @SocketRoute({ scope: 'api-tokens:list', cost: COST_UNITS })
  list(@Req() request: SocketRequest, @Query() query: unknown): object {
    const {
      direction,
      page,
      per_page: perPage,
      token_values: values,
    } = readQuery(ListQuery, query);
    const { items, hasMore } = this.tokens.page({
      orgId: organizationOf(request).orgId,
      dialect: 'socket',
      viewer: { seesAll: this.#seesAll(request), userId: null },
      ...{ direction, page, perPage },
    });
    return {
      tokens: items.map((row) => {
        return listItem(row, this.quotas.lastUsedAt(row.token.tokenId), values);
      }),
      nextPage: hasMore ? page + 1 : null,
    };
  }

  @Post('orgs/:org_slug/api-tokens/update')
  @HttpCode(200)
  @SocketRoute({ scope: 'api-tokens:create', cost: COST_UNITS })
  update(@Req() request: SocketRequest): Promise<object> {
    const body = readBody(UpdateBody, request.body);
    return this.#update(request, body, body);
  }

  @Post('orgs/:org_slug/api-tokens/rotate')
  @HttpCode(200)
  @SocketRoute({ scope: 'api-tokens:rotate', cost: COST_UNITS })
  rotate(@Req() request: SocketRequest): Promise<object> {
    return this.#rotate(request, readBody(IdentifierBody, request.body));
  }

  @Post('orgs/:org_slug/api-tokens/revoke')
  @HttpCode(200)
  @SocketRoute({ scope: 'api-tokens:revoke', cost: COST_UNITS })
  revoke(@Req() request: SocketRequest): Promise<object> {
    return this.#revoke(request, readBody(IdentifierBody, request.body));
  }

  /** The older SDK names the token in the path, and sends a body without any name, or none at all. */
  @Post('orgs/:org_slug/tokens/:id/update')
  @HttpCode(200)
  @SocketRoute({ scope: 'api-tokens:create', cost: COST_UNITS })
  updateByPath(@Req() request: SocketRequest, @Param('id') id: string): Promise<object> {
    const body = readBody(UpdateBody, request.body);
    return this.#update(request, body, this.#fromPath(request, id), body);
  }

  @Post('orgs/:org_slug/tokens/:id/rotate')
  @HttpCode(200)
  @SocketRoute({ scope: 'api-tokens:rotate', cost: COST_UNITS })
  rotateByPath(@Req() request: SocketRequest, @Param('id') id: string): Promise<object> {
    const body = readBody(IdentifierBody, request.body, {});
    return this.#rotate(request, this.#fromPath(request, id), body);
  }

  @Post('orgs/:org_slug/tokens/:id/revoke')
  @HttpCode(200)
  @SocketRoute({ scope: 'api-tokens:revoke', cost: COST_UNITS })
  revokeByPath(@Req() request: SocketRequest, @Param('id') id: string): Promise<object> {
    const body = readBody(IdentifierBody, request.body, {});
    return this.#revoke(request, this.#fromPath(request, id), body);
  }

  @Get('quota')
  @SocketRoute({ cost: 0 })
  quota(@Req() { caller }: SocketRequest): object {
    const isToken = caller.kind === 'token';
    const subjectId = isToken ? caller.token.tokenId : caller.user.user.userId;
    const maxQuota = isToken ? (caller.token.maxQuota ?? 0) : USER_QUOTA_UNITS;
    const { remaining, resetAt } = this.quotas.at(subjectId, maxQuota, this.clock.now());
    return { quota: remaining ?? 0, maxQuota, nextWindowRefresh: maxQuota === 0 ? null : resetAt };
  }

  @Get('organizations')
  @SocketRoute({ cost: 1 })
  organizations(@Req() { caller }: SocketRequest): object {
    const own =
      caller.kind === 'user'
        ? this.directory.organizationsOf(caller.user.user.userId)
        : [caller.token.orgId, ...caller.token.resources.map(({ organization }) => organization)]
            .map((idOrSlug) => this.directory.organization(idOrSlug))
            .filter((organization) => organization !== undefined);
    return {
      organizations: Object.fromEntries(own.map((org) => [org.orgId, organizationAnswer(org)])),
    };
  }

  @Get('orgs/:org_slug/audit-log')
  @SocketRoute({ scope: 'audit-log:list', cost: 1 })
  auditLog(@Req() request: SocketRequest, @Query() query: unknown): object {
    const { type, per_page: perPage, page: asked, from } = readQuery(AuditQuery, query);
    const { orgId, slug, name } = organizationOf(request);
    const page = Math.max(1, asked);
    const { items, hasMore } = this.audit.page({
      ...{ orgId, page, perPage, types: eventTypesOf(type) },
      ...(from === undefined ? {} : { from: instantOf(from) }),
    });
    return {
      results: items.map((entry) => auditItem(entry, name ?? slug)),
      nextPage: hasMore ? String(page + 1) : null,
    };
  }

  #fromPath(request: SocketRequest, id: string): Identifiers {
    return this.targets.fromPath(organizationOf(request).orgId, id);
  }

  async #update(
    request: SocketRequest,
    { name, ...body }: UpdateBody,
    ...names: readonly Identifiers[]
  ): Promise<object> {
    const context = contextOf(request);
    const target = this.targets.resolve(organizationOf(request).orgId, ...names);
    const changes = { ...attributesOf(body), ...(name === undefined ? {} : { name }) };
    const outcome = await this.bus.execute(new UpdateTokenCommand(target, changes, context));
    return { hash: this.#accepted(outcome).secrets.current.digest };
  }

  async #rotate(request: SocketRequest, ...names: readonly Identifiers[]): Promise<object> {
    const context = contextOf(request);
    const target = this.targets.resolve(organizationOf(request).orgId, ...names);
    const { outcome, secret } = await this.bus.execute(
      new RotateTokenCommand(target, { graceMs: 0, closePrevious: true }, context),
    );
    return rotatedAnswer(this.#accepted(outcome), secret.reveal());
  }

  async #revoke(request: SocketRequest, ...names: readonly Identifiers[]): Promise<object> {
    const context = contextOf(request);
    const target = this.targets.resolve(organizationOf(request).orgId, ...names);
    const cause = { reason: 'requested', note: null } as const;
    this.#accepted(await this.bus.execute(new RevokeTokenCommand(target, cause, context)));
    return { status: 'revoked' };
  }

  /** The token after the command. @throws Refusal In the dialect's words. */
  #accepted(outcome: Outcome<Token, TokenEvent>): KnownToken {
    if (outcome.outcome === 'rejected') {
      throw refuse(outcome.rejection, Date.parse(this.clock.now()));
    }
    return outcome.state as KnownToken;
  }

  /** Members who are no admins see what is visible to the whole organization. */
  #seesAll({ caller, organization }: SocketRequest): boolean {
    if (caller.kind === 'token') return true;
    return this.directory.roleIn(organization!, caller.user.user.userId) === 'admin';
  }

  #grant({ caller }: SocketRequest, resource: ResourceDto, index: number) {
    const organization = this.directory.organization(resource.organizationSlug);
    const isOwn =
      organization !== undefined &&
      organization.slug === resource.organizationSlug &&
      (caller.kind === 'token'
        ? caller.token.orgId === organization.orgId
        : this.directory.roleIn(organization, caller.user.user.userId) !== null);
    if (!isOwn) {
      const path = `/resources/${index}/organizationSlug`;
      throw badRequest({ path, message: 'names no organization that the caller can use' });
    }
    const { organizationSlug, repositorySlug: repository, workspace } = resource;
    return { organization: organizationSlug, repository, workspace };
  }
}

/** The last instant that four digits of a year can write, so that all later ones compare as it does. */
const LAST_INSTANT_MS = Date.parse('9999-12-31T23:59:59.999Z');

function instantOf(seconds: string): Timestamp {
  return timestamp(Math.min(Number(seconds) * 1000, LAST_INSTANT_MS));
}

function organizationOf({ organization }: SocketRequest): OrganizationRow {
  if (!organization) throw new Error('the guard resolves the organization of this route');
  return organization;
}

/** @throws Refusal 400 for an idempotency key that is none. */
function contextOf(request: SocketRequest): CommandContext {
  const key = idempotencyKey(request);
  if (key === undefined) throw badRequest({ path: 'Idempotency-Key', message: 'is malformed' });
  return commandContext(request, request.caller.principal, 'socket', key);
}

function attributesOf(
  body: Omit<CreateBody | UpdateBody, 'name'>,
): Pick<TokenAttributes, 'scopes' | 'maxQuota' | 'visibility' | 'committer'> {
  const { email, provider, providerLoginName, providerUserId } = body.committer;
  return {
    scopes: distinctScopes(body.scopes),
    maxQuota: body.max_quota,
    visibility: body.visibility,
    committer: { email, provider, providerLoginName, providerUserId },
  };
}
