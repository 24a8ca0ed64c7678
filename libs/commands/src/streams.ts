import { hash } from 'node:crypto';
import {
  evolve,
  evolveGateway,
  evolveOrganization,
  evolveUser,
  noToken,
  spend,
  unspent,
  withNewestLeases,
  type GatewayEvent,
  type GatewayState,
  type LedgerEvent,
  type OrganizationEvent,
  type OrganizationState,
  type OrgId,
  type Quota,
  type QuotaEvent,
  type QuotaWindow,
  type SlugReserved,
  type Timestamp,
  type Token,
  type TokenEvent,
  type TokenId,
  type UserEvent,
  type UserId,
  type UserState,
} from '@ledger/domain';
import { IDEMPOTENCY_TTL_MS, uuid } from './request-identity.js';

/** A stream, and how its events fold into a state. The one place that names streams. */
export interface Stream<State, Event extends LedgerEvent> {
  readonly streamId: string;
  readonly initial: State;
  readonly evolve: (state: State, event: Event) => State;
  /** How long its commands may be repeated, in milliseconds; absent where they are known for ever. */
  readonly repeatableMs?: number;
  /** Whether its events say from where on they suffice to fold it: what is too long to be read whole. */
  readonly recordsFoldFrom?: true;
}

export function tokenStream(tokenId: TokenId): Stream<Token, TokenEvent> {
  return { streamId: `token-${tokenId}`, initial: noToken, evolve };
}

/** Uses that cost nothing. Apart from the token's own stream, so that they do not move its revision. */
export function usageStream(tokenId: TokenId): Stream<Timestamp | null, TokenEvent> {
  return {
    streamId: `usage-${tokenId}`,
    initial: null,
    evolve: (_lastAt, { occurredAt }) => occurredAt,
  };
}

export function quotaStream(subjectId: string, window: QuotaWindow): Stream<Quota, QuotaEvent> {
  return {
    streamId: `quota-${subjectId}-${window}`,
    initial: unspent,
    evolve: (quota, event) => withNewestLeases(spend(quota, event)),
    // Charges are too many to remember each key for ever.
    repeatableMs: IDEMPOTENCY_TTL_MS,
    recordsFoldFrom: true,
  };
}

export function organizationStream(orgId: OrgId): Stream<OrganizationState, OrganizationEvent> {
  return { streamId: `org-${orgId}`, initial: undefined, evolve: evolveOrganization };
}

export function slugStream(slug: string): Stream<OrgId | undefined, SlugReserved> {
  return {
    streamId: `slug-${slug}`,
    initial: undefined,
    evolve: (_state, event) => event.orgId,
  };
}

export function userStream(userId: UserId): Stream<UserState, UserEvent> {
  return { streamId: `user-${userId}`, initial: undefined, evolve: evolveUser };
}

/** A gateway by the name that it gave itself, and whose it is; null for the operator's. */
export interface GatewayTarget {
  readonly orgId: OrgId | null;
  readonly gatewayId: string;
}

/** Nothing that a gateway chose is part of the name: it is derived from what makes the gateway unique. */
export function gatewayStream({
  orgId,
  gatewayId,
}: GatewayTarget): Stream<GatewayState, GatewayEvent> {
  const id = uuid(hash('sha256', JSON.stringify([orgId, gatewayId]), 'buffer'));
  return { streamId: `gateway-${id}`, initial: undefined, evolve: evolveGateway };
}
