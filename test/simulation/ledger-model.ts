import type { StoredEvent } from '@ledger/event-store';

/** One secret as the specification sees it: living, dying at a deadline, or dead for good. */
export interface ModelSecret {
  readonly secretId: string;
  readonly digest: string;
  deadline: string | null;
  isDead: boolean;
}

export interface ModelToken {
  readonly tokenId: string;
  readonly orgId: string;
  readonly creatingUser: string | null;
  isRevoked: boolean;
  expiresAt: string | null;
  maxQuota: number | null;
  readonly secrets: ModelSecret[];
}

export interface ModelUser {
  readonly isOperator: boolean;
  readonly personal: Map<string, { readonly digest: string; isRevoked: boolean }>;
}

export type ModelVerdict = 'NOT_FOUND' | 'REVOKED' | 'EXPIRED' | 'ROTATED' | 'VALID';

/**
 * What a log means, written down a second time from the specification, without the ledger's own code: who
 * is alive, which secrets are good, what was spent. Knows exactly the events it was given.
 */
export class LedgerModel {
  readonly tokens = new Map<string, ModelToken>();
  readonly users = new Map<string, ModelUser>();
  readonly members = new Map<string, Map<string, string>>();
  readonly spent = new Map<string, number>();
  readonly streams = new Map<string, { revision: number; lastAt: string }>();
  readonly eventIds = new Set<string>();
  /** How many events it was given. */
  length = 0;
  readonly #owners = new Map<string, ModelToken | { readonly userId: string }>();

  /** What becomes of a secret that is presented at `now`. */
  verdict(digest: string, now: string): ModelVerdict {
    const owner = this.#owners.get(digest);
    if (!owner) return 'NOT_FOUND';
    if ('userId' in owner) {
      const { personal } = this.users.get(owner.userId)!;
      const token = [...personal.values()].find((each) => each.digest === digest)!;
      return token.isRevoked ? 'REVOKED' : 'VALID';
    }
    if (owner.isRevoked) return 'REVOKED';
    if (owner.expiresAt !== null && now >= owner.expiresAt) return 'EXPIRED';
    const secret = owner.secrets.find((each) => each.digest === digest)!;
    if (secret.isDead) return 'ROTATED';
    return secret.deadline !== null && now >= secret.deadline ? 'ROTATED' : 'VALID';
  }

  roleOf(orgId: string, userId: string): string | undefined {
    return this.members.get(orgId)?.get(userId);
  }

  apply({ eventId, streamId, revision, occurredAt, payload: event }: StoredEvent): void {
    this.length += 1;
    this.eventIds.add(eventId);
    this.streams.set(streamId, { revision, lastAt: occurredAt });
    switch (event.type) {
      case 'TokenCreated': {
        const { tokenId, orgId, createdByUserId: creatingUser, expiresAt, maxQuota } = event;
        const token: ModelToken = {
          ...{ tokenId, orgId, creatingUser, expiresAt, maxQuota },
          isRevoked: false,
          secrets: [living(event.secret)],
        };
        this.tokens.set(tokenId, token);
        this.#owners.set(event.secret.digest, token);
        return;
      }
      case 'TokenRotated': {
        const token = this.tokens.get(event.tokenId)!;
        for (const secret of token.secrets) {
          // Only the secret that was current may live on, and only until its deadline.
          const wasCurrent = secret.secretId === event.fromSecretId && !secret.isDead;
          if (wasCurrent && event.previousValidUntil !== null) {
            secret.deadline = event.previousValidUntil;
          } else secret.isDead = true;
        }
        token.secrets.push(living(event.secret));
        token.expiresAt = event.expiresAt;
        this.#owners.set(event.secret.digest, token);
        return;
      }
      case 'TokenRevoked':
        this.tokens.get(event.tokenId)!.isRevoked = true;
        return;
      case 'TokenMaxQuotaChanged':
        this.tokens.get(event.tokenId)!.maxQuota = event.to;
        return;
      case 'TokenExpiryChanged':
        this.tokens.get(event.tokenId)!.expiresAt = event.to;
        return;
      case 'QuotaConsumed': {
        const account = `${event.subjectId} ${event.window}`;
        this.spent.set(account, (this.spent.get(account) ?? 0) + event.cost);
        return;
      }
      case 'UserRegistered':
        this.users.set(event.userId, { isOperator: event.operator, personal: new Map() });
        return;
      case 'PersonalTokenIssued': {
        const { digest, tokenId, userId } = event;
        this.users.get(userId)!.personal.set(tokenId, { digest, isRevoked: false });
        this.#owners.set(digest, { userId });
        return;
      }
      case 'PersonalTokenRevoked':
        this.users.get(event.userId)!.personal.get(event.tokenId)!.isRevoked = true;
        return;
      case 'OrganizationCreated':
        this.members.set(event.orgId, new Map());
        return;
      case 'MemberAdded':
        this.members.get(event.orgId)!.set(event.userId, event.role);
        return;
      case 'MemberRoleChanged':
        this.members.get(event.orgId)!.set(event.userId, event.to);
        return;
      case 'MemberRemoved':
        this.members.get(event.orgId)!.delete(event.userId);
        return;
      default:
        return; // Other facts change nothing that is promised here.
    }
  }
}

function living({ secretId, digest }: { readonly secretId: string; readonly digest: string }) {
  return { secretId, digest, deadline: null, isDead: false };
}
