import { createHash } from 'node:crypto';
import type { LedgerEvent, OrgId } from '@ledger/domain';
import type { EventMetadata, NewEvent } from '@ledger/event-store';
import { principalId, type CommandContext } from './command-context.js';
import { uuid, type RequestIdentity } from './request-identity.js';

interface Provenance {
  readonly identity: Pick<RequestIdentity, 'commandId' | 'fingerprint'>;
  readonly context: CommandContext;
  readonly orgId: OrgId | null;
}

/** Wraps facts for the store: event ids follow from the command's, so a repeated append is recognised. */
export function toNewEvents<Event extends LedgerEvent>(
  events: readonly Event[],
  { identity, context, orgId }: Provenance,
): readonly NewEvent<Event>[] {
  const { commandId, fingerprint } = identity;
  const metadata: EventMetadata = {
    commandId,
    ...(fingerprint === undefined ? {} : { fingerprint }),
    requestId: context.requestId,
    correlationId: context.correlationId,
    causationId: null,
    actor: {
      kind: context.principal.kind,
      id: principalId(context.principal),
      ...(context.ip === undefined ? {} : { ip: context.ip }),
      ...(context.userAgent === undefined ? {} : { userAgent: context.userAgent }),
    },
    orgId,
    dialect: context.dialect,
  };
  return events.map((payload, index) => ({
    eventId: index === 0 ? commandId : indexedId(commandId, index),
    payload,
    metadata,
  }));
}

function indexedId(commandId: string, index: number): string {
  return uuid(createHash('sha256').update(`${commandId}.${index}`).digest());
}
