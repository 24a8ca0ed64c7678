import { Injectable } from '@nestjs/common';
import type { TokenTarget } from '@ledger/commands';
import type { TokenId } from '@ledger/domain';
import { Directory, TokenList, type TokenRow, type Viewer } from '@ledger/read-models';
import { ifMatchOf, organizationOf, type NativeRequest } from '../native-request.js';
import { notFound } from '../problems/problem.js';

/** Never the revision of a token: what a tag that was never given out stands for. */
const NO_REVISION = -1;

/** Finds the token in the path, as far as the caller may know of it. */
@Injectable()
export class NativeTargets {
  constructor(
    private readonly tokens: TokenList,
    private readonly directory: Directory,
  ) {}

  /** @throws Refusal 404 for a token that is not here, or that the caller may not see. */
  find(request: NativeRequest): TokenRow {
    const { id } = request.params as { id: string };
    const row = this.tokens.get(id.toLowerCase() as TokenId);
    const { orgId } = organizationOf(request);
    if (!row || row.token.orgId !== orgId || !this.#sees(request, row)) throw notFound(request.id);
    return row;
  }

  /** The target of a command: the token in the path, at the revision that If-Match names. */
  target(request: NativeRequest): TokenTarget {
    const { tokenId, orgId, revision } = this.find(request).token;
    const ifMatch = ifMatchOf(request);
    if (ifMatch.outcome !== 'revisions') return { orgId, tokenId };
    // Any of the tags may match; which of them does is decided on the stream.
    const expectedRevision = ifMatch.revisions.includes(revision)
      ? revision
      : (ifMatch.revisions[0] ?? NO_REVISION);
    return { orgId, tokenId, expectedRevision };
  }

  /** Whose eyes a list of the organization in the path is for. */
  viewer(request: NativeRequest): Viewer {
    const { caller } = request;
    if (caller.kind === 'token') return { seesAll: true, userId: null };
    const { userId } = caller.user.user;
    const isAdmin = this.directory.roleIn(organizationOf(request), userId) === 'admin';
    return { seesAll: isAdmin, userId };
  }

  #sees(request: NativeRequest, { token }: TokenRow): boolean {
    const { seesAll, userId } = this.viewer(request);
    return seesAll || token.visibility === 'organization' || token.createdByUserId === userId;
  }
}
