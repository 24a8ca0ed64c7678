import { statusAt, type Authority, type OrgId, type Timestamp, type Token } from '@ledger/domain';
import type { Unchanged } from '@ledger/event-store';
import type { Principal } from './command-context.js';
import { StreamFolds, type FoldSource } from './stream-folds.js';
import { organizationStream, tokenStream, userStream } from './streams.js';

/** What a caller may do, and the streams that say so: they must not move before the append (decision 3). */
export interface JudgedAuthority {
  readonly authority: Authority;
  readonly unchanged: readonly Unchanged[];
}

/** Judges callers by their own streams, never by the read model that let the request in. */
export class Authorities {
  constructor(private readonly folds: StreamFolds) {}

  /** @param orgId The organization that the command is about; null when it is about none. */
  async of(
    principal: Principal,
    orgId: OrgId | null,
    now: Timestamp,
    source: FoldSource,
  ): Promise<JudgedAuthority> {
    switch (principal.kind) {
      case 'system':
        return { authority: { kind: 'system' }, unchanged: [] };
      case 'org_token': {
        const stream = tokenStream(principal.tokenId);
        const { state, revision } = await this.folds.of(stream, source);
        const authority = tokenAuthority(state, principal.secretId, now);
        return { authority, unchanged: [{ streamId: stream.streamId, revision }] };
      }
      case 'user': {
        const stream = userStream(principal.userId);
        const user = await this.folds.of(stream, source);
        const token = user.state?.personalTokens.find(
          ({ tokenId }) => tokenId === principal.personalTokenId,
        );
        const unchanged = [{ streamId: stream.streamId, revision: user.revision }];
        if (!user.state || !token || token.revokedAt !== null) {
          return { authority: { kind: 'dead' }, unchanged };
        }
        const { userId, operator } = user.state;
        if (orgId === null) {
          return { authority: { kind: 'user', userId, role: null, operator }, unchanged };
        }
        const organization = organizationStream(orgId);
        const { state, revision } = await this.folds.of(organization, source);
        const role = state?.members.get(userId) ?? null;
        return {
          authority: { kind: 'user', userId, role, operator },
          unchanged: [...unchanged, { streamId: organization.streamId, revision }],
        };
      }
    }
  }
}

function tokenAuthority(token: Token, secretId: string, now: Timestamp): Authority {
  if (token.status === 'absent') return { kind: 'dead' };
  const { current, previous } = token.secrets;
  const inGrace = previous?.secretId === secretId && now < previous.validUntil;
  const isLive = statusAt(token, now) === 'active' && (current.secretId === secretId || inGrace);
  if (!isLive) return { kind: 'dead' };
  const { tokenId, orgId, createdByUserId, scopes, resources, maxQuota, expiresAt } = token;
  return { kind: 'token', tokenId, orgId, createdByUserId, scopes, resources, maxQuota, expiresAt };
}
