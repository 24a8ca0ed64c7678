import type { AuditEntry } from '@ledger/read-models';

/** One entry of an organization's audit log. Of a token it names the id and the name, never a secret. */
export interface AuditEventView {
  readonly id: string;
  readonly position: string;
  readonly type: string;
  readonly occurredAt: string;
  readonly actor: { readonly kind: string; readonly id: string; readonly email: string | null };
  readonly ip: string | null;
  readonly userAgent: string | null;
  readonly dialect: string;
  readonly requestId: string;
  readonly token: { readonly id: string; readonly name: string } | null;
  readonly changes: Readonly<Record<string, { from: unknown; to: unknown }>> | null;
  readonly details: Readonly<Record<string, unknown>>;
}

export function auditEventView(entry: AuditEntry): AuditEventView {
  const { eventId: id, position, type, occurredAt, actor, actorEmail: email } = entry;
  const { ip, userAgent, dialect, requestId, token, changes, details } = entry;
  return {
    ...{ id, position, type, occurredAt },
    actor: { kind: actor.kind, id: actor.id, email },
    ...{ ip, userAgent, dialect, requestId },
    token: token && { id: token.tokenId, name: token.name },
    ...{ changes, details },
  };
}
