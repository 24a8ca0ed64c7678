import { Controller, Req, Res, UseGuards } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import {
  IssuePersonalTokenCommand,
  RegisterUserCommand,
  RevokePersonalTokenCommand,
} from '@ledger/commands';
import type { TokenId } from '@ledger/domain';
import { Directory, type OrganizationRow, type UserRow } from '@ledger/read-models';
import { NativeAnswers } from '../native-answers.js';
import {
  bodyOf,
  contextOf,
  queryOf,
  type NativeReply,
  type NativeRequest,
} from '../native-request.js';
import { NativeGuard } from '../native.guard.js';
import { composed } from '../plain-text.js';
import { notFound, refusal } from '../problems/problem.js';
import { NativeRoute } from '../routes/route-contract.js';
import {
  CREATE_USER,
  GET_USER,
  ISSUE_PERSONAL_TOKEN,
  LIST_PERSONAL_TOKENS,
  REVOKE_PERSONAL_TOKEN,
} from '../routes/user-routes.js';
import {
  composedName,
  personalTokenView,
  userView,
  type PersonalTokenView,
  type UserView,
} from './people-mapper.js';
import { pageOfRows, type Page } from './people-pages.js';

/** `/v1/users`: people, and the personal tokens that they act by. */
@Controller()
@UseGuards(NativeGuard)
export class UsersController {
  constructor(
    private readonly bus: CommandBus,
    private readonly directory: Directory,
    private readonly answers: NativeAnswers,
  ) {}

  @NativeRoute(CREATE_USER)
  async create(
    @Req() request: NativeRequest,
    @Res({ passthrough: true }) reply: NativeReply,
  ): Promise<UserView> {
    const { email, name, operator } = bodyOf(request, CREATE_USER);
    const outcome = await this.bus.execute(
      new RegisterUserCommand({ email, name: composedName(name), operator }, contextOf(request)),
    );
    const user = this.answers.state(outcome, request.id, reply)!;
    reply.header('location', `/v1/users/${user.userId}`);
    return userView({ user, createdAt: user.lastAt }, []);
  }

  @NativeRoute(GET_USER)
  get(@Req() request: NativeRequest): UserView {
    const { row, organizations } = this.#seen(request);
    return userView(row, organizations);
  }

  @NativeRoute(ISSUE_PERSONAL_TOKEN)
  async issue(
    @Req() request: NativeRequest,
    @Res({ passthrough: true }) reply: NativeReply,
  ): Promise<{ token: PersonalTokenView; secret: string }> {
    const { userId } = this.#managed(request).user;
    const { label } = bodyOf(request, ISSUE_PERSONAL_TOKEN);
    const issued = await this.bus.execute(
      new IssuePersonalTokenCommand(userId, composed(label), contextOf(request)),
    );
    const user = this.answers.state(issued.outcome, request.id, reply)!;
    const token = user.personalTokens.find(({ tokenId }) => tokenId === issued.tokenId)!;
    reply.header('location', `/v1/users/${userId}/personal-tokens/${issued.tokenId}`);
    return { token: personalTokenView(token), secret: issued.secret.reveal() };
  }

  @NativeRoute(LIST_PERSONAL_TOKENS)
  list(@Req() request: NativeRequest): Page<PersonalTokenView> {
    const { userId, personalTokens } = this.#managed(request).user;
    // Tokens are only ever added, at the end, so a place in the list stays what it is.
    return pageOfRows(
      request,
      queryOf(request, LIST_PERSONAL_TOKENS),
      ['personal-tokens', userId],
      personalTokens.map((token, index) => ({ token, key: String(index).padStart(10, '0') })),
      ({ key }) => key,
      ({ token }) => personalTokenView(token),
    );
  }

  @NativeRoute(REVOKE_PERSONAL_TOKEN)
  async revoke(
    @Req() request: NativeRequest,
    @Res({ passthrough: true }) reply: NativeReply,
  ): Promise<void> {
    const { userId } = this.#managed(request).user;
    const { tokenId } = request.params as { tokenId: string };
    const outcome = await this.bus.execute(
      new RevokePersonalTokenCommand(userId, tokenId.toLowerCase() as TokenId, contextOf(request)),
    );
    this.answers.state(outcome, request.id, reply);
  }

  /**
   * The person in the path, as far as the caller may know of them: themselves, whom they share an
   * organization with, and for operators everybody. @throws Refusal 404
   */
  #seen(request: NativeRequest): {
    readonly row: UserRow;
    readonly organizations: readonly OrganizationRow[];
  } {
    const { id } = request.params as { id: string };
    const row = this.directory.user(id.toLowerCase());
    const { caller } = request;
    if (!row || caller.kind !== 'user') throw notFound(request.id);
    const { userId, operator } = caller.user.user;
    const organizations = this.directory.organizationsOf(row.user.userId);
    if (operator || userId === row.user.userId) return { row, organizations };
    const shared = organizations.filter(
      (organization) => this.directory.roleIn(organization, userId) !== null,
    );
    if (shared.length === 0) throw notFound(request.id);
    return { row, organizations: shared };
  }

  /** The person in the path, whose tokens the caller may manage: themselves, or anybody for operators. */
  #managed(request: NativeRequest): UserRow {
    const { row } = this.#seen(request);
    const { caller } = request;
    const mayManage =
      caller.kind === 'user' &&
      (caller.user.user.operator || caller.user.user.userId === row.user.userId);
    if (!mayManage) throw refusal('FORBIDDEN', request.id);
    return row;
  }
}
