import { Controller, Req, Res, UseGuards } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import {
  ChangeOrganizationCommand,
  CreateOrganizationCommand,
  type OrganizationChange,
} from '@ledger/commands';
import type { Organization, UserId } from '@ledger/domain';
import { Directory } from '@ledger/read-models';
import { NativeAnswers } from '../native-answers.js';
import {
  bodyOf,
  contextOf,
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
  CREATE_ORGANIZATION,
  GET_ORGANIZATION,
  LIST_MEMBERS,
  LIST_ORGANIZATIONS,
  REMOVE_MEMBER,
  SET_MEMBER,
  UPDATE_ORGANIZATION,
} from '../routes/organization-routes.js';
import {
  composedName,
  memberView,
  orderOf,
  organizationView,
  type MemberView,
  type OrganizationView,
} from './people-mapper.js';
import { pageOfRows, type Page } from './people-pages.js';

/** `/v1/orgs` and the people of each. */
@Controller()
@UseGuards(NativeGuard)
export class OrganizationsController {
  constructor(
    private readonly bus: CommandBus,
    private readonly directory: Directory,
    private readonly answers: NativeAnswers,
  ) {}

  @NativeRoute(CREATE_ORGANIZATION)
  async create(
    @Req() request: NativeRequest,
    @Res({ passthrough: true }) reply: NativeReply,
  ): Promise<OrganizationView> {
    const { slug, adminUserId, ...texts } = bodyOf(request, CREATE_ORGANIZATION);
    const name = composedName(texts.name);
    const plan = composed(texts.plan);
    const { userId } = personOf(request);
    const firstAdmin = (adminUserId?.toLowerCase() ?? userId) as UserId;
    if (!this.directory.user(firstAdmin)) {
      const message = 'names nobody who is registered';
      throw invalidRequest(request.id, [{ pointer: '/adminUserId', message }]);
    }
    const outcome = await this.bus.execute(
      new CreateOrganizationCommand({ slug, name, plan, firstAdmin }, contextOf(request)),
    );
    const organization = this.answers.state(outcome, request.id, reply)!;
    reply.header('location', `/v1/orgs/${organization.slug}`);
    const role = organization.members.get(userId) ?? null;
    // Nothing has happened to it yet, so its last fact is its first one.
    return organizationView(organization, organization.lastAt, role);
  }

  @NativeRoute(LIST_ORGANIZATIONS)
  list(@Req() request: NativeRequest): Page<OrganizationView> {
    const { userId, operator } = personOf(request);
    const visible = operator
      ? this.directory.organizations()
      : this.directory.organizationsOf(userId);
    return pageOfRows(
      request,
      queryOf(request, LIST_ORGANIZATIONS),
      ['organizations', userId],
      visible,
      orderOf,
      (row) => organizationView(row, row.createdAt, this.directory.roleIn(row, userId)),
    );
  }

  @NativeRoute(GET_ORGANIZATION)
  get(@Req() request: NativeRequest): OrganizationView {
    const row = organizationOf(request);
    const { userId } = personOf(request);
    return organizationView(row, row.createdAt, this.directory.roleIn(row, userId));
  }

  @NativeRoute(UPDATE_ORGANIZATION)
  async update(
    @Req() request: NativeRequest,
    @Res({ passthrough: true }) reply: NativeReply,
  ): Promise<OrganizationView> {
    const { name, plan } = bodyOf(request, UPDATE_ORGANIZATION);
    const organization = await this.#change(request, reply, {
      type: 'UpdateOrganization',
      ...(name === undefined ? {} : { name: composedName(name) }),
      ...(plan === undefined ? {} : { plan: composed(plan) }),
    });
    const { createdAt } = organizationOf(request);
    const role = organization.members.get(personOf(request).userId) ?? null;
    return organizationView(organization, createdAt, role);
  }

  @NativeRoute(LIST_MEMBERS)
  members(@Req() request: NativeRequest): Page<MemberView> {
    const { orgId, members } = organizationOf(request);
    return pageOfRows(
      request,
      queryOf(request, LIST_MEMBERS),
      ['members', orgId],
      members,
      ({ userId }) => userId,
      ({ userId, role }) => memberView(this.directory, userId, role),
    );
  }

  @NativeRoute(SET_MEMBER)
  async setMember(
    @Req() request: NativeRequest,
    @Res({ passthrough: true }) reply: NativeReply,
  ): Promise<MemberView> {
    const { role } = bodyOf(request, SET_MEMBER);
    const userId = memberAsked(request);
    if (!this.directory.user(userId)) throw notFound(request.id);
    await this.#change(request, reply, { type: 'SetMember', userId, role });
    return memberView(this.directory, userId, role);
  }

  @NativeRoute(REMOVE_MEMBER)
  async removeMember(
    @Req() request: NativeRequest,
    @Res({ passthrough: true }) reply: NativeReply,
  ): Promise<void> {
    // Whoever does not belong to it is as good as nobody: not even that they exist is told (A11).
    const userId = memberAsked(request);
    await this.#change(request, reply, { type: 'RemoveMember', userId });
  }

  async #change(
    request: NativeRequest,
    reply: NativeReply,
    change: OrganizationChange,
  ): Promise<Organization> {
    const { orgId } = organizationOf(request);
    const outcome = await this.bus.execute(
      new ChangeOrganizationCommand(orgId, change, contextOf(request)),
    );
    return this.answers.state(outcome, request.id, reply)!;
  }
}

function memberAsked(request: NativeRequest): UserId {
  const { userId } = request.params as { userId: string };
  return userId.toLowerCase() as UserId;
}

function personOf({ caller }: NativeRequest): { userId: UserId; operator: boolean } {
  if (caller.kind !== 'user') throw new Error('these routes are for people, as the guard sees to');
  return caller.user.user;
}
