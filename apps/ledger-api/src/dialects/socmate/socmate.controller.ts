import { Controller, Delete, Get, HttpCode, Param, Post, Query, Req } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import type { FastifyRequest } from 'fastify';
import {
  Clock,
  CreateTokenCommand,
  RevokeTokenCommand,
  RotateTokenCommand,
  type CommandContext,
  type Outcome,
  type TokenTarget,
} from '@ledger/commands';
import {
  distinctScopes,
  epochMs,
  timestamp,
  type KnownToken,
  type OrgId,
  type Timestamp,
  type Token,
  type TokenEvent,
  type UserId,
} from '@ledger/domain';
import { CredentialIndex, Directory, KeySearch, QuotaStandings } from '@ledger/read-models';
import { commandContext, idempotencyKey } from '../../http/request-context.js';
import { keyNotFound, refuse, unprocessable } from './socmate-answers.js';
import { SocmateCallers } from './socmate-callers.js';
import { readBody, readQuery } from './socmate-input.js';
import { createdAnswer, listItem, rotatedAnswer } from './socmate-mapper.js';
import { CreateKeyBody, ListKeysQuery, RotateKeyBody } from './socmate.dto.js';

const DAY_MS = 86_400_000;
const GRACE_DAYS_DEFAULT = 7;

/** Management of API keys: maps requests to commands and states to answers; decides nothing. */
@Controller('api/admin/api-keys')
export class SocmateController {
  constructor(
    private readonly bus: CommandBus,
    private readonly callers: SocmateCallers,
    private readonly credentials: CredentialIndex,
    private readonly directory: Directory,
    private readonly keys: KeySearch,
    private readonly quotas: QuotaStandings,
    private readonly clock: Clock,
  ) {}

  @Post()
  @HttpCode(201)
  async create(@Req() request: FastifyRequest): Promise<object> {
    const { orgId, context } = await this.#admit(request);
    const body = readBody(CreateKeyBody, request.body);
    const { outcome, secret } = await this.bus.execute(
      new CreateTokenCommand(
        orgId,
        'socmate',
        {
          name: body.name,
          description: body.description ?? '',
          scopes: distinctScopes(body.scopes),
          resources: [],
          maxQuota: null,
          visibility: 'admin',
          committer: null,
          ownerId: null,
          metadata: {},
          expiresAt: this.#inDays(body.expires_in_days) ?? null,
        },
        context,
      ),
    );
    return createdAnswer(accepted(outcome), secret.reveal());
  }

  @Get()
  async list(@Req() request: FastifyRequest, @Query() query: unknown): Promise<object> {
    const { orgId } = (await this.#admin(request)).organization;
    const { search, limit, offset } = readQuery(ListKeysQuery, query);
    const { items, total } = this.keys.find({ orgId, search, limit: limit ?? null, offset });
    const now = this.clock.now();
    return {
      api_keys: items.map(({ token }) => {
        const createdBy = this.#emailOf(token.createdByUserId);
        const lastUsedAt = this.quotas.lastUsedAt(token.tokenId);
        return listItem(token, { createdBy, lastUsedAt, now });
      }),
      total,
    };
  }

  @Post(':key_id/rotate')
  @HttpCode(200)
  async rotate(@Req() request: FastifyRequest, @Param('key_id') keyId: string): Promise<object> {
    const { orgId, context } = await this.#admit(request);
    const body = readBody(RotateKeyBody, request.body, true);
    const graceMs = (body.grace_period_days ?? GRACE_DAYS_DEFAULT) * DAY_MS;
    const expiresAt = this.#inDays(body.expires_in_days);
    const policy = {
      graceMs,
      closePrevious: true,
      ...(expiresAt === undefined ? {} : { expiresAt }),
    };
    const { outcome, secret } = await this.bus.execute(
      new RotateTokenCommand(this.#target(orgId, keyId), policy, context),
    );
    return rotatedAnswer(accepted(outcome), secret.reveal());
  }

  @Delete(':key_id')
  @HttpCode(204)
  async disable(@Req() request: FastifyRequest, @Param('key_id') keyId: string): Promise<void> {
    const { orgId, context } = await this.#admit(request);
    const cause = { reason: 'requested', note: null } as const;
    const target = this.#target(orgId, keyId);
    accepted(await this.bus.execute(new RevokeTokenCommand(target, cause, context)));
  }

  async #admin(request: FastifyRequest): Promise<ReturnType<SocmateCallers['admin']>> {
    await this.callers.ready();
    return this.callers.admin(request);
  }

  /** Admits a write. @throws Refusal 401, 403, 422 */
  async #admit(
    request: FastifyRequest,
  ): Promise<{ readonly orgId: OrgId; readonly context: CommandContext }> {
    const { caller, organization } = await this.#admin(request);
    const key = idempotencyKey(request);
    if (key === undefined) {
      const loc = ['header', 'Idempotency-Key'];
      throw unprocessable({ loc, msg: 'is malformed', type: 'value_error' });
    }
    const context = commandContext(request, caller.principal, 'socmate', key);
    return { orgId: organization.orgId, context };
  }

  #target(orgId: OrgId, keyId: string): TokenTarget {
    const token = this.credentials.tokenOfKeyId(keyId);
    if (token?.orgId !== orgId) throw keyNotFound();
    return { orgId, tokenId: token.tokenId };
  }

  #inDays(days: number | null | undefined): Timestamp | undefined {
    if (days === null || days === undefined) return undefined;
    // Whole seconds, as they are shown: a key ends at the very instant that its owner was told.
    const nowMs = Math.floor(epochMs(this.clock.now()) / 1000) * 1000;
    return timestamp(nowMs + days * DAY_MS);
  }

  #emailOf(userId: UserId | null): string {
    return (userId && this.directory.user(userId)?.user.email) ?? '';
  }
}

function accepted(outcome: Outcome<Token, TokenEvent>): KnownToken {
  if (outcome.outcome === 'rejected') throw refuse(outcome.rejection);
  return outcome.state as KnownToken;
}
