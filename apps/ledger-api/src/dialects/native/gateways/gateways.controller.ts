import { Controller, Req, Res, UseGuards } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { ReportPositionCommand, RetireGatewayCommand, type GatewayTarget } from '@ledger/commands';
import type { OrgId } from '@ledger/domain';
import { EventStore } from '@ledger/event-store';
import { Directory, Propagation, type GatewayRow } from '@ledger/read-models';
import { ProjectorProgress } from '@ledger/runtime';
import { readableLog } from '../events/readable-log.js';
import { chargeContext } from '../hot/hot-caller.js';
import { NativeAnswers } from '../native-answers.js';
import {
  bodyOf,
  contextOf,
  queryOf,
  type NativeReply,
  type NativeRequest,
} from '../native-request.js';
import { NativeGuard } from '../native.guard.js';
import { pageOfRows, type Page } from '../people/people-pages.js';
import { organizationAsked } from '../people/people-roles.js';
import { invalidRequest, notFound } from '../problems/problem.js';
import {
  GET_PROPAGATION,
  LIST_GATEWAYS,
  REPORT_POSITION,
  RETIRE_GATEWAY,
} from '../routes/gateway-routes.js';
import { NativeRoute } from '../routes/route-contract.js';
import { GATEWAY_ID_FORM, type GatewayQuery } from './gateways.dto.js';

/** `/v1/gateways`, and what they have made of revocations. */
@Controller()
@UseGuards(NativeGuard)
export class GatewaysController {
  constructor(
    private readonly bus: CommandBus,
    private readonly store: EventStore,
    private readonly progress: ProjectorProgress,
    private readonly directory: Directory,
    private readonly propagation: Propagation,
    private readonly answers: NativeAnswers,
  ) {}

  @NativeRoute(LIST_GATEWAYS)
  list(@Req() request: NativeRequest): Page<object> {
    const readable = readableLog(request.caller, this.directory);
    return pageOfRows(
      request,
      queryOf(request, LIST_GATEWAYS),
      // Whose gateways they are makes it the list that it is: others' cursors mean nothing here (A11).
      ['gateways', readable === 'every' ? readable : [...readable].sort()],
      this.propagation.gateways(readable),
      ({ gatewayId, orgId }) => `${gatewayId} ${orgId ?? ''}`,
      gatewayView,
    );
  }

  @NativeRoute(REPORT_POSITION)
  async report(
    @Req() request: NativeRequest,
    @Res({ passthrough: true }) reply: NativeReply,
  ): Promise<void> {
    const target = this.#target(request, queryOf(request, REPORT_POSITION));
    const { position } = bodyOf(request, REPORT_POSITION);
    await this.#checkPast(request, position);
    const context = chargeContext(request, request.caller);
    const command = new ReportPositionCommand(target, position, context);
    this.answers.state(await this.bus.execute(command), request.id, reply);
  }

  @NativeRoute(RETIRE_GATEWAY)
  async retire(
    @Req() request: NativeRequest,
    @Res({ passthrough: true }) reply: NativeReply,
  ): Promise<void> {
    const target = this.#target(request, queryOf(request, RETIRE_GATEWAY));
    const command = new RetireGatewayCommand(target, contextOf(request));
    this.answers.state(await this.bus.execute(command), request.id, reply);
  }

  @NativeRoute(GET_PROPAGATION)
  propagated(@Req() request: NativeRequest): object {
    const { revocationId } = request.params as { revocationId: string };
    const revocation = this.propagation.revocation(revocationId.toLowerCase());
    const readable = readableLog(request.caller, this.directory);
    if (!revocation || (readable !== 'every' && !readable.has(revocation.orgId))) {
      throw notFound(request.id);
    }
    const effects = this.propagation.of(revocation);
    return {
      revokedAt: revocation.revokedAt,
      gateways: effects.map(({ gatewayId: id, effectiveAt, afterMs }) => {
        return { id, effectiveAt, afterMs };
      }),
      effective: effects.filter(({ effectiveAt }) => effectiveAt !== null).length,
      of: effects.length,
    };
  }

  /** Which gateway is meant. @throws Refusal 400, and 404 for an organization that is not the caller's. */
  #target(request: NativeRequest, { org }: GatewayQuery): GatewayTarget {
    const { gatewayId } = request.params as { gatewayId: string };
    if (!new RegExp(GATEWAY_ID_FORM).test(gatewayId)) {
      const message = 'must be 1 to 63 lower-case letters, digits and hyphens';
      throw invalidRequest(request.id, [{ parameter: 'gatewayId', message }]);
    }
    return { gatewayId, orgId: this.#owner(request, org) };
  }

  #owner(request: NativeRequest, asked: string | undefined): OrgId | null {
    const { caller } = request;
    const readable = readableLog(caller, this.directory);
    if (asked !== undefined) {
      const found = organizationAsked(this.directory, asked);
      if (found && (readable === 'every' || readable.has(found.orgId))) return found.orgId;
      throw notFound(request.id);
    }
    if (caller.kind === 'token') return caller.token.orgId;
    if (readable === 'every') return null;
    const message = 'must say which of your organizations the gateway belongs to';
    throw invalidRequest(request.id, [{ parameter: 'org', message }]);
  }

  /** What lies ahead of the log cannot have been applied. Another node may well be ahead of this one. */
  async #checkPast(request: NativeRequest, position: string): Promise<void> {
    if (BigInt(position) <= this.progress.position) return;
    const head = await this.store.head();
    if (BigInt(position) <= head) return;
    const message = `lies ahead of the log, which is at ${head}`;
    throw invalidRequest(request.id, [{ pointer: '/position', message }]);
  }
}

function gatewayView(row: GatewayRow): object {
  const { gatewayId: id, orgId, position, reporting, since, lastAt: reportedAt } = row;
  return { id, orgId, position, reporting, since, reportedAt };
}
