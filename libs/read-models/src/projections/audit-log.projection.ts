import {
  changedAttribute,
  isAttributeChange,
  type LedgerEvent,
  type OrgId,
  type Timestamp,
} from '@ledger/domain';
import type { StoredEvent } from '@ledger/event-store';
import type { Projection, Rows } from '../projector/projection.js';

/** One entry of an organization's audit log: who did what, from where. Never holds a secret. */
export interface AuditEntry {
  readonly kind: 'entry';
  readonly eventId: string;
  readonly position: string;
  readonly streamId: string;
  readonly revision: number;
  readonly occurredAt: Timestamp;
  readonly type: LedgerEvent['type'];
  readonly orgId: OrgId;
  readonly dialect: string;
  readonly actor: { readonly kind: string; readonly id: string };
  readonly actorEmail: string | null;
  readonly ip: string | null;
  readonly userAgent: string | null;
  readonly requestId: string;
  /** The token that the entry is about, as it stood after the event; null for entries about people. */
  readonly token: AuditedToken | null;
  readonly changes: Readonly<
    Record<string, { readonly from: unknown; readonly to: unknown }>
  > | null;
  readonly details: Readonly<Record<string, unknown>>;
}

/** The parts of a token that an entry repeats, so that it can be read by itself. */
export interface AuditedToken {
  readonly kind: 'token';
  readonly tokenId: string;
  /** How many events its stream held after the event. */
  readonly revision: number;
  readonly name: string;
  readonly secretId: string;
  readonly digest: string;
  readonly dialect: string;
}

interface KnownUser {
  readonly kind: 'user';
  readonly email: string;
}

export type AuditRow = AuditEntry | AuditedToken | KnownUser;

/**
 * One row for each audited event, and one for each token and user whose name an entry repeats.
 * Quota charges, uses and what gateways report are not audited: they are the traffic, not its administration.
 * That a gateway came, or went for good, is.
 */
export const auditLog: Projection<AuditRow> = {
  name: 'audit-log',
  version: 3,
  columns: {
    org_id: { type: 'TEXT', of: (row) => (row.kind === 'entry' ? row.orgId : null) },
    position: {
      type: 'INTEGER',
      of: (row) => (row.kind === 'entry' ? Number(row.position) : null),
    },
    type: { type: 'TEXT', of: (row) => (row.kind === 'entry' ? row.type : null) },
    occurred_at: { type: 'TEXT', of: (row) => (row.kind === 'entry' ? row.occurredAt : null) },
    token_id: { type: 'TEXT', of: (row) => (row.kind === 'entry' && row.token?.tokenId) || null },
    actor_id: { type: 'TEXT', of: (row) => (row.kind === 'entry' ? row.actor.id : null) },
  },
  indexes: [['org_id', 'position']],
  apply(stored, rows) {
    const { payload: event } = stored;
    switch (event.type) {
      case 'QuotaConsumed':
      case 'QuotaReturned':
      case 'TokenUsed':
      case 'SlugReserved':
      case 'PersonalTokenIssued':
      case 'PersonalTokenRevoked':
        return;
      case 'GatewayReported':
        if (stored.revision > 1) return;
        return putOwnEntry(stored, rows, event.orgId);
      case 'GatewayRetired':
      case 'EventSkipped':
        return putOwnEntry(stored, rows, event.orgId);
      case 'UserRegistered':
        return rows.put(event.userId, { kind: 'user', email: event.email });
      case 'OrganizationCreated':
      case 'OrganizationRenamed':
      case 'OrganizationPlanChanged':
      case 'MemberAdded':
      case 'MemberRoleChanged':
      case 'MemberRemoved':
        return putEntry(stored, rows, event.orgId, null);
      default: {
        const before = rows.get(event.tokenId);
        // What is entered already is left alone, so that a redelivery changes nothing.
        if (before?.kind === 'token' && stored.revision <= before.revision) return;
        const token = auditedToken(event, before, stored.revision);
        rows.put(event.tokenId, token);
        putEntry(stored, rows, event.orgId, token);
      }
    }
  },
};

/** What is the operator's alone belongs to no organization's log. */
function putOwnEntry(stored: StoredEvent, rows: Rows<AuditRow>, orgId: OrgId | null): void {
  if (orgId !== null) putEntry(stored, rows, orgId, null);
}

function auditedToken(
  event: Exclude<Extract<LedgerEvent, { tokenId: unknown }>, { userId: unknown }>,
  row: AuditRow | undefined,
  revision: number,
): AuditedToken {
  if (event.type === 'TokenCreated') {
    const { tokenId, name, dialect, secret } = event;
    const { secretId, digest } = secret;
    return { kind: 'token', tokenId, name, secretId, digest, dialect, revision };
  }
  if (row?.kind !== 'token') throw new Error(`${event.type} of a token that was never created`);
  if (event.type === 'TokenRenamed') return { ...row, revision, name: event.to };
  if (event.type === 'TokenRotated') {
    const { secretId, digest } = event.secret;
    return { ...row, revision, secretId, digest };
  }
  return { ...row, revision };
}

function putEntry(
  stored: StoredEvent,
  rows: Rows<AuditRow>,
  orgId: OrgId,
  token: AuditedToken | null,
): void {
  const { eventId, streamId, revision, occurredAt, payload: event, metadata } = stored;
  const { actor, dialect, requestId } = metadata;
  const user = rows.get(actor.id);
  const position = String(stored.position);
  rows.put(position.padStart(20, '0'), {
    kind: 'entry',
    ...{ eventId, position, streamId, revision, occurredAt, type: event.type, orgId, dialect },
    actor: { kind: actor.kind, id: actor.id },
    actorEmail: user?.kind === 'user' ? user.email : null,
    ip: actor.ip ?? null,
    userAgent: actor.userAgent ?? null,
    requestId,
    token,
    changes: changesOf(event),
    details: detailsOf(event),
  });
}

function changesOf(event: LedgerEvent): AuditEntry['changes'] {
  if (isAttributeChange(event)) {
    return { [changedAttribute(event.type)!]: { from: event.from, to: event.to } };
  }
  if (event.type === 'MemberRoleChanged') return { role: { from: event.from, to: event.to } };
  if (event.type === 'OrganizationRenamed') return { name: { from: event.from, to: event.to } };
  if (event.type === 'OrganizationPlanChanged') return { plan: { from: event.from, to: event.to } };
  return null;
}

function detailsOf(event: LedgerEvent): AuditEntry['details'] {
  switch (event.type) {
    case 'TokenRotated':
      return { fromSecretId: event.fromSecretId, previousValidUntil: event.previousValidUntil };
    case 'TokenGraceClosed':
      return { secretId: event.secretId };
    case 'TokenRevoked':
      return { revocationId: event.revocationId, reason: event.reason, note: event.note };
    case 'GatewayReported':
    case 'GatewayRetired':
      return { gatewayId: event.gatewayId };
    case 'EventSkipped': {
      const { position, streamId, revision, reason, by } = event;
      return { skipped: { position, streamId, revision }, reason, by };
    }
    case 'MemberAdded':
      return { userId: event.userId, role: event.role };
    case 'MemberRoleChanged':
    case 'MemberRemoved':
      return { userId: event.userId };
    default:
      return {};
  }
}
