import type {
  OrgId,
  QuotaStanding,
  QuotaWindow,
  Rejection,
  SecretId,
  TokenId,
  UserId,
} from '@ledger/domain';
import type { Position, Revision } from '@ledger/event-store';

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
  /** Leases the units: fewer where fewer are left, and what is not used of them may be given back. */
  readonly isLease?: true;
}

/** What was not used of a lease. */
export interface LeaseReturn {
  readonly subject: QuotaSubject;
  readonly orgId: OrgId | null;
  readonly leaseId: string;
  readonly unusedUnits: number;
}

export type ChargeOutcome =
  | {
      readonly outcome: 'accepted';
      /** Units that were charged; of a return, those that came back just now. */
      readonly cost: number;
      readonly quota: QuotaStanding;
      readonly position: Position;
      /** Only of leases. */
      readonly leaseId?: string;
    }
  | { readonly outcome: 'rejected'; readonly rejection: Rejection };

export function subjectIdOf(subject: QuotaSubject): string {
  return subject.kind === 'token' ? subject.tokenId : subject.userId;
}

const LEASE_ID =
  /^(\d{4}-\d{2}(?:-\d{2}(?:T\d{2})?)?)(?:\.([1-9]\d{0,14}))?\.[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Where a lease was charged. */
export interface LeasePlace {
  readonly window: QuotaWindow;
  /** Of the charge in its stream; null in the names that older versions gave. */
  readonly revision: Revision | null;
}

/** Names a lease after its place: no other window, and nothing before it, need be searched for it. */
export function leaseIdAt(window: QuotaWindow, revision: Revision, uuid: string): string {
  return `${window}.${revision}.${uuid}`;
}

/** Null for what is no name of a lease. A name of the right form may still be one that was never given. */
export function placeOfLease(leaseId: string): LeasePlace | null {
  const [, window, revision] = LEASE_ID.exec(leaseId) ?? [];
  if (window === undefined) return null;
  return {
    window: window as QuotaWindow,
    revision: revision === undefined ? null : Number(revision),
  };
}
