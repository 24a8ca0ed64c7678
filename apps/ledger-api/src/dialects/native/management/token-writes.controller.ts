import { Controller, Param, Req, Res, UseGuards } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import {
  Contention,
  CreateTokenCommand,
  RevokeTokenCommand,
  RotateTokenCommand,
  UpdateTokenCommand,
  type Outcome,
  type RotationPolicy,
  type TokenTarget,
} from '@ledger/commands';
import type { Token, TokenEvent } from '@ledger/domain';
import { parseInstant } from '../instant.js';
import { NativeAnswers } from '../native-answers.js';
import {
  bodyOf,
  contextOf,
  etagOf,
  organizationOf,
  type NativeReply,
  type NativeRequest,
} from '../native-request.js';
import { NativeGuard } from '../native.guard.js';
import { invalidRequest, notFound } from '../problems/problem.js';
import { NativeRoute } from '../routes/route-contract.js';
import { CREATE_TOKEN, REVOKE_TOKEN, ROTATE_TOKEN, UPDATE_TOKEN } from '../routes/token-routes.js';
import type { TokenView } from '../token-mapper.js';
import { NativeTargets } from './native-targets.js';
import { TokenHistory } from './token-history.js';
import { attributesOf, changeFaults, changesOf, isMerge } from './token-patch.js';
import type { RotateTokenBody, UpdateTokenBody } from './token.dto.js';

const MERGE_ATTEMPTS_MAX = 5;

/** The writes of `/v1/orgs/{org}/tokens`: maps requests to commands and states to answers. */
@Controller()
@UseGuards(NativeGuard)
export class TokenWritesController {
  constructor(
    private readonly bus: CommandBus,
    private readonly targets: NativeTargets,
    private readonly history: TokenHistory,
    private readonly answers: NativeAnswers,
  ) {}

  @NativeRoute(CREATE_TOKEN)
  async create(
    @Req() request: NativeRequest,
    @Res({ passthrough: true }) reply: NativeReply,
    @Param('org') org: string,
  ): Promise<{ token: TokenView; secret: string }> {
    const { orgId } = organizationOf(request);
    const attributes = attributesOf(bodyOf(request, CREATE_TOKEN));
    const { outcome, secret } = await this.bus.execute(
      new CreateTokenCommand(orgId, 'native', attributes, contextOf(request)),
    );
    const token = this.answers.accepted(outcome, request.id, reply);
    reply.header('location', `/v1/orgs/${encodeURIComponent(org)}/tokens/${token.tokenId}`);
    return { token: this.answers.token(token), secret: secret.reveal() };
  }

  @NativeRoute(UPDATE_TOKEN)
  async update(
    @Req() request: NativeRequest,
    @Res({ passthrough: true }) reply: NativeReply,
  ): Promise<TokenView> {
    const target = this.targets.target(request);
    const outcome = await this.#update(request, target, bodyOf(request, UPDATE_TOKEN));
    const token = this.answers.accepted(outcome, request.id, reply);
    reply.header('etag', etagOf(token.revision));
    return this.answers.token(token);
  }

  @NativeRoute(ROTATE_TOKEN)
  async rotate(
    @Req() request: NativeRequest,
    @Res({ passthrough: true }) reply: NativeReply,
  ): Promise<{ token: TokenView; secret: string }> {
    const target = this.targets.target(request);
    const { dialect } = this.targets.find(request).token;
    const body = bodyOf(request, ROTATE_TOKEN);
    const policy = rotationPolicy(body, dialect !== 'native' || body.closePrevious);
    const { outcome, secret } = await this.bus.execute(
      new RotateTokenCommand(target, policy, contextOf(request)),
    );
    const token = this.answers.accepted(outcome, request.id, reply);
    return { token: this.answers.token(token), secret: secret.reveal() };
  }

  @NativeRoute(REVOKE_TOKEN)
  async revoke(
    @Req() request: NativeRequest,
    @Res({ passthrough: true }) reply: NativeReply,
  ): Promise<{ token: TokenView; revocationId: string }> {
    const target = this.targets.target(request);
    const { reason, note } = bodyOf(request, REVOKE_TOKEN);
    const outcome = await this.bus.execute(
      new RevokeTokenCommand(target, { reason, note }, contextOf(request)),
    );
    const token = this.answers.accepted(outcome, request.id, reply);
    reply.header('etag', etagOf(token.revision));
    const { revocationId } = token.revocation!;
    return { token: this.answers.token(token), revocationId };
  }

  /** A merge is decided on the very revision that it was merged with, and merged anew when that moved on. */
  async #update(
    request: NativeRequest,
    target: TokenTarget,
    body: UpdateTokenBody,
  ): Promise<Outcome<Token, TokenEvent>> {
    for (let attempt = 1; attempt <= MERGE_ATTEMPTS_MAX; attempt += 1) {
      const current = await this.history.current(target.tokenId);
      if (!current) throw notFound(request.id);
      const changes = changesOf(body, current);
      const faults = changeFaults(current, changes);
      if (faults.length > 0) throw invalidRequest(request.id, faults);
      const merges = isMerge(body) && target.expectedRevision === undefined;
      const seen = merges ? { ...target, expectedRevision: current.revision } : target;
      const outcome = await this.bus.execute(
        new UpdateTokenCommand(seen, changes, contextOf(request)),
      );
      const isMoved =
        outcome.outcome === 'rejected' && outcome.rejection.code === 'REVISION_MISMATCH';
      if (!merges || !isMoved) return outcome;
    }
    throw new Contention(`token ${target.tokenId}: moved on ${MERGE_ATTEMPTS_MAX} times in a row`);
  }
}

function rotationPolicy(body: RotateTokenBody, closePrevious: boolean): RotationPolicy {
  const { graceSeconds, expiresAt } = body;
  const expiry =
    expiresAt === undefined
      ? {}
      : { expiresAt: expiresAt === null ? null : parseInstant(expiresAt) };
  return { graceMs: graceSeconds * 1000, closePrevious, ...expiry };
}
