import type { OrgId, QuotaStanding, Rejection, SecretId, TokenId, UserId } from '@ledger/domain';
import type { Position } from '@ledger/event-store';

/** Whose quota is spent. */
export type QuotaSubject =
  | { readonly kind: 'token'; readonly tokenId: TokenId; readonly secretId: SecretId | null }
  | { readonly kind: 'user'; readonly userId: UserId };

/** One charge to make. */
export interface Charge {
  readonly subject: QuotaSubject;
  /** Where the subject is used; its own organization for a token, null where there is none. */
  readonly orgId: OrgId | null;
  readonly cost: number;
  readonly operation: string;
}

export type ChargeOutcome =
  | {
      readonly outcome: 'accepted';
      readonly cost: number;
      readonly quota: QuotaStanding;
      readonly position: Position;
    }
  | { readonly outcome: 'rejected'; readonly rejection: Rejection };

export function subjectIdOf(subject: QuotaSubject): string {
  return subject.kind === 'token' ? subject.tokenId : subject.userId;
}
